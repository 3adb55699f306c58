/* Is what a case computed right? Sampled rows and columns are computed again in double, from the mask's intervals: a kernel is
 * timed only after this passed in the same run. Costs O(samples (T + S) (D + E)). */
#ifndef ATTN_BENCH_ORACLE_H
#define ATTN_BENCH_ORACLE_H

#include "bench/case.h"

/* The arrays to check, in the case's layout; those of the case, or a peer's. Gradients are read when `backward`. */
struct attn_outputs {
    const void *o, *lse, *dq, *dk, *dv; /* lse, float or double, may be NULL */
    bool backward;
    attn_dtype dtype; /* of the others */
};
struct attn_outputs attn_case_outputs(const struct attn_case *c);

/* *error: the greatest |computed - double| of the sampled elements, each over the greatest magnitude among the samples of its
 * array. NaN if a NaN was computed. Answers ATTN_OK or ATTN_ENOMEM. */
attn_status attn_oracle_error(struct attn_case *c, const struct attn_outputs *outputs, double *error);

/* The greatest difference between a peer's results and the case's own, all elements, each over the greatest magnitude of its array.
 * NaN if only one of the two is a NaN. */
double attn_oracle_difference(const struct attn_case *c, const struct attn_outputs *outputs);

/* The error that is still right: rounding in the logits grows with their size, hence the gain. */
double attn_oracle_limit(const struct attn_case *c);

#endif
