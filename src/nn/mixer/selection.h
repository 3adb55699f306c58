/* Which positions of a sequence get attention. */
#ifndef ATTN_NN_MIXER_SELECTION_H
#define ATTN_NN_MIXER_SELECTION_H

#include "attn_train.h"

/* Whether the token at `position` has occurred before. */
bool attn_select_repeat(const int32_t *token, int64_t position);

/* Marks `count` of `total` positions at random, each choice of them as likely as any; only the first `tokens` are asked for. Whether a position is
 * chosen depends on the seed, the lengths and the tokens up to it (NULL: on no token): no later token changes it. */
void attn_select_random(int64_t total, int64_t count, uint64_t seed, int64_t tokens, const int32_t *token, bool *selected);

/* Marks the `count` greatest of n numbers, of equal ones the first; NaNs are the least. */
void attn_select_greatest(int64_t n, const attn_real *x, int64_t count, bool *selected);

#endif
