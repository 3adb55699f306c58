/* One measured case: a problem with its arrays, mask and plan, which can be run forward and backward, and checked. Arrays are
 * contiguous [batch, head, token, dim], drawn from N(0, 1). Everything but the inputs comes from a counting context. */
#ifndef ATTN_BENCH_CASE_H
#define ATTN_BENCH_CASE_H

#include "base/memory.h"

#include <stdbool.h>

enum attn_direction { ATTN_FWD, ATTN_BWD, ATTN_BOTH };
const char *attn_direction_name(enum attn_direction pass); /* "fwd", "bwd", "fwd+bwd" */

/* What to measure. */
struct attn_case_spec {
    attn_dtype dtype;
    const char *kernel; /* NULL: the planner's choice */
    attn_ctx *planner;  /* where the planner chooses, with its wisdom, so that what it measures is not counted; NULL: the case's context */
    attn_effort effort;
    int64_t batch, q_len, kv_len;
    int32_t heads, kv_heads, dim, v_dim;
    int threads;
    bool backward; /* arrays and plan for backward are wanted as well */
    /* ATTN_SCORE_LEARNED_QUERY: q is [head, dim], shared by the sequences; the mask must be causal, and is the oracle's alone */
    bool learned;
    double gain; /* factor on q: scores this many times larger than those of N(0, 1) */
    uint64_t seed;
};

struct attn_case {
    struct attn_case_spec spec;
    attn_ctx *ctx;
    struct attn_memory memory;
    char message[960]; /* why the last step failed */

    attn_mask **masks; /* compiled; mask_count of them, 1 or one for each kv head */
    int mask_count;
    attn_mask *stack; /* what is executed when mask_count > 1 */
    double pairs;     /* allowed pairs of all sequences and heads */

    attn_plan *plan;
    void *q, *k, *v, *d_o; /* inputs */
    void *o, *lse, *dq, *dk, *dv;
    attn_args args;
    attn_gradients gradients;
};

/* Opens the case: context and inputs. Then one attn_case_mask_* call, then attn_case_plan. On failure `message` says why;
 * attn_case_close is always called. */
attn_status attn_case_open(struct attn_case *c, const struct attn_case_spec *spec);
attn_status attn_case_mask_text(struct attn_case *c, const char *text);
/* Takes over `masks` made with c->ctx, 1 or one for each kv head; compiles and stacks them. They are destroyed, also on failure. */
attn_status attn_case_mask_list(struct attn_case *c, attn_mask *const *masks, int count);
attn_status attn_case_plan(struct attn_case *c);
void attn_case_close(struct attn_case *c);

attn_status attn_case_run(struct attn_case *c, enum attn_direction pass);

/* FLOPs of a pass: 2 (D + E) a pair forward, 2 (3 D + 2 E) backward. */
double attn_case_flops(const struct attn_case *c, enum attn_direction pass);
const attn_mask *attn_case_mask_of(const struct attn_case *c, int32_t head);

#endif
