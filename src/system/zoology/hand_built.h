/* Two layers of attention with set weights that solve multi-query associative recall without training (Arora et al. 2023, prop. 4.3).
 *
 * Tokens and positions are random unit vectors. Layer 1, position looks for position: row i sees the token before it. Layer 2, token looks for the token
 * before: the row after the key's first place, which holds the value, is found, and its token is the answer. */
#ifndef ATTN_SYSTEM_ZOOLOGY_HAND_BUILT_H
#define ATTN_SYSTEM_ZOOLOGY_HAND_BUILT_H

#include "attn_train.h"
#include "system/zoology/mqar.h"

/* Right answers and questions of examples first ... of a seed's set. */
attn_status attn_hand_built_recall(attn_ctx *ctx, const struct attn_mqar *task, uint64_t seed, int64_t first, int64_t count, int64_t *right,
                                   int64_t *questions);

#endif
