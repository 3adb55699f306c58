/* Between matrices of pairs of tokens and rows of distances. */
#ifndef ATTN_TAPE_SKEW_H
#define ATTN_TAPE_SKEW_H

#include "tape/tape.h"

/* y[..., i, j] = x[..., i, i - j + ahead] for j <= i, else, and where x has no such element, 0; x [..., T, T]. ahead 0: its own inverse, up to what lies
 * above the diagonal. */
attn_tensor *attn_skew(attn_tensor *x, int64_t ahead);

#endif
