/* Random block-sparse masks for an experiment, one map for each key/value head (Bu et al. 2025, sec. 5 of the specification). */
#ifndef ATTN_BENCH_SPARSE_H
#define ATTN_BENCH_SPARSE_H

#include "bench/case.h"

struct attn_sparse {
    int64_t block; /* size of a block; of variable ones their mean */
    double ratio;  /* share of key blocks that each query block keeps */
    bool variable; /* random sizes of at least 128 (or half the mean, where that is less) */
    uint64_t seed;
};

/* For attn_experiment.make_masks; user is a struct attn_sparse. */
attn_status attn_sparse_masks(struct attn_case *c, void *user, attn_mask **masks, int *count);

#endif
