/* Attention of a tape that has a split. */
#ifndef ATTN_TAPE_TOKEN_SPLIT_ATTENTION_H
#define ATTN_TAPE_TOKEN_SPLIT_ATTENTION_H

#include "dist/cp/shard.h"
#include "tape/plans.h"
#include "tape/token_split.h"

struct attn_cp; /* dist/cp/cp.h */

/* What attn_attention executes; shape: of this rank's arrays. NULL: the tape is spoiled. */
struct attn_cp *attn_token_split_plan(attn_tape *tape, const attn_attention_config *config, const struct attn_plan_shape *shape);
/* attn_plan_forward and attn_plan_add_flops. */
double attn_token_split_forward(attn_tape *tape, struct attn_cp *cp, attn_args *args, int64_t rows);

/* How tokens lie for it; gives its plans back. */
enum attn_sharding attn_token_split_sharding(const struct attn_token_split *split);
void attn_token_split_free_plans(struct attn_token_split *split);

#endif
