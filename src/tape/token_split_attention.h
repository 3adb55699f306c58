/* Attention of a tape that has a split. */
#ifndef ATTN_TAPE_TOKEN_SPLIT_ATTENTION_H
#define ATTN_TAPE_TOKEN_SPLIT_ATTENTION_H

#include "dist/cp/shard.h"
#include "tape/plans.h"
#include "tape/token_split.h"

/* attn_attention; x: q, k, v, and shape theirs. */
attn_tensor *attn_token_split_attention(attn_tensor *const x[3], const attn_attention_config *config, const struct attn_plan_shape *shape);

/* How tokens lie for it; gives its plans back. */
enum attn_sharding attn_token_split_sharding(const struct attn_token_split *split);
void attn_token_split_free_plans(struct attn_token_split *split);

#endif
