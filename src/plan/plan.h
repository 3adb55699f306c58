/* The plan's inside. A plan is a checked problem with its defaults filled in, the kernel that was chosen, and why.
 * Invariant: nothing in it changes after attn_plan_create. */
#ifndef ATTN_PLAN_PLAN_H
#define ATTN_PLAN_PLAN_H

#include "kernel/kernel.h"

struct attn_plan {
    attn_ctx *ctx;
    attn_problem problem; /* defaults filled in; problem.kernel is not kept: it is the caller's text */
    struct attn_shape shape;
    const struct attn_kernel *kernel;
    char why[512]; /* this kernel */
    size_t workspace;
};

/* Checks every field of `in` and writes the problem with its defaults filled in. */
attn_status attn_problem_check(attn_ctx *ctx, const attn_problem *in, attn_problem *out);

/* The usable kernel that is predicted to take least time at the capacities without a mask, forward and, if announced, backward; or
 * the one that problem->kernel names. */
attn_status attn_choose_kernel(attn_ctx *ctx, const attn_problem *problem, const struct attn_shape *shape, const struct attn_kernel **out);

/* What a kernel costs on this processor's class of core. */
static inline const struct attn_cost *attn_plan_cost(const struct attn_cost cost[ATTN_CORE_CLASSES]) {
    return &cost[attn_cpu_core()];
}

/* Can the context run the kernel on such a problem? */
bool attn_kernel_usable(const attn_ctx *ctx, const struct attn_kernel *kernel, const struct attn_shape *shape);

/* Is it called so: "flash", or with its instruction set "flash/avx512"? */
bool attn_kernel_is(const struct attn_kernel *kernel, const char *name, size_t length);

/* Predicted seconds of an execution at the capacities without a mask, on one core: forward and, if it is announced, backward. */
double attn_kernel_seconds(const struct attn_kernel *kernel, const struct attn_shape *shape);

/* What a kernel plans on, of a checked problem. */
struct attn_shape attn_shape_of(const attn_problem *problem);

/* Seconds that a pass takes at the capacities without a mask, on one core. */
double attn_seconds_at_capacity(const struct attn_cost *cost, const struct attn_shape *shape);

/* Are these arguments set by attn_args_init? */
attn_status attn_args_check(attn_ctx *ctx, const attn_args *args);

/* Refuses the features that the problem's score lacks (score_check.c). */
attn_status attn_score_check(attn_ctx *ctx, const attn_problem *p);

/* What a learned query lacks, in a checked problem and in arguments (scan_check.c). attn_learned_args also lets keys have the lengths of
 * the rows where theirs are not given. */
attn_status attn_learned_problem_check(attn_ctx *ctx, const attn_problem *p);
attn_status attn_learned_args(const attn_plan *plan, attn_args *args);
attn_status attn_learned_lengths_check(const attn_plan *plan, const struct attn_exec *x);

/* Which side of an execution the arguments are checked for. */
/* BOTH: forward, then backward: what backward reads is written before. */
enum attn_pass { ATTN_PASS_FORWARD, ATTN_PASS_BACKWARD, ATTN_PASS_WEIGHTS, ATTN_PASS_BOTH };
static inline bool attn_pass_has_gradients(enum attn_pass pass) {
    return pass == ATTN_PASS_BACKWARD || pass == ATTN_PASS_BOTH;
}

/* Checks the arguments against the plan and resolves them: lengths, strides, absent arrays. Reads the lengths and the
 * mask's, never the arrays. Allocates nothing. gradients is read where the pass has some. */
attn_status attn_bind(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients, enum attn_pass pass,
                      struct attn_exec *x);

/* attn_bind's parts: batch, lengths, offsets (bind_lengths.c); the block table (bind_blocks.c); arrays (bind_arrays.c). */
attn_status attn_bind_lengths(const attn_plan *plan, const attn_args *args, struct attn_exec *x);
attn_status attn_bind_blocks(const attn_plan *plan, const attn_args *args, struct attn_exec *x);
attn_status attn_bind_arrays(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients, enum attn_pass pass,
                             struct attn_exec *x);

/* Extents of the bias array: 1 on shared axes; batch, head, query, key. */
void attn_bias_extents(const struct attn_exec *x, int64_t extents[4]);

const char *attn_dtype_name(attn_dtype dtype);    /* "f32" */
const char *attn_layout_name(attn_layout layout); /* "bhtd" */
const char *attn_score_name(attn_score score);    /* "dot" */

#endif
