/* A trial: a problem with arrays of its own, on which kernels are run to be timed. */
#ifndef ATTN_PLAN_TRIAL_H
#define ATTN_PLAN_TRIAL_H

#include "plan/plan.h"

struct attn_trial {
    struct attn_plan plan; /* on one thread; each run sets its kernel */
    attn_args args;
    attn_gradients gradients;
    void *memory; /* of all arrays */
};

/* Bytes that a trial of a checked problem takes; a double, as nothing has been bounded yet. */
double attn_trial_bytes(const attn_problem *problem, size_t workspace);

/* Makes the arrays in one piece of the context's memory: numbers of a normal distribution, contiguous in the problem's layout, packed
 * sequences as long as may be. `workspace`: of the kernel that needs most. `alignment`: of every array, 64 or 4096. On failure there is
 * nothing to close. */
attn_status attn_trial_open(attn_ctx *ctx, const attn_problem *problem, size_t workspace, size_t alignment, struct attn_trial *trial);
void attn_trial_close(struct attn_trial *trial);

/* Seconds of one execution, forward and, if it is announced, backward: the mean of `times` in a row. */
double attn_trial_run(struct attn_trial *trial, const struct attn_kernel *kernel, int times);

#endif
