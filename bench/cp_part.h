/* A rank's arrays: the same number belongs to a token whoever holds it. Inside of cp.h. */
#ifndef ATTN_BENCH_CP_PART_H
#define ATTN_BENCH_CP_PART_H

#include "bench/cp.h"

enum attn_cp_array {
    ATTN_CP_OF_Q,
    ATTN_CP_OF_K,
    ATTN_CP_OF_V,
    ATTN_CP_OF_DO,
    ATTN_CP_OF_O,
    ATTN_CP_OF_DQ,
    ATTN_CP_OF_DK,
    ATTN_CP_OF_DV,
    ATTN_CP_ARRAYS
};

struct attn_cp_part {
    attn_ctx *ctx;
    attn_problem problem;
    int64_t places, *token;               /* token[places]; -1: padding */
    void *memory, *array[ATTN_CP_ARRAYS]; /* [batch, places, heads, dim] */
    float *lse;
    attn_args args;
    attn_gradients gradients;
};

/* Arrays for so many places, with inputs drawn by token. token NULL: place i has token i. ATTN_ENOMEM. */
attn_status attn_cp_part_open(attn_ctx *ctx, const attn_problem *problem, int64_t places, const int64_t *token, uint64_t seed,
                              struct attn_cp_part *out);
void attn_cp_part_close(struct attn_cp_part *part);

/* The greatest difference of the part's rows from the whole's, over the greatest magnitude of the whole array: O, LSE, and gradients if asked. NaN counts as worst. */
double attn_cp_part_differs(const struct attn_cp_part *whole, const struct attn_cp_part *part, bool gradients);

#endif
