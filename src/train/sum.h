/* Gradients of a batch from those of its micro-batches: pairs of neighbours are added, then pairs of pairs, and so on, first within the process
 * and then between processes. Each number is the sum of two, whoever adds them. Where groups of processes share each micro-batch, what their first members have
 * is added so, what their second ones have, and so on, and then these. */
#ifndef ATTN_TRAIN_SUM_H
#define ATTN_TRAIN_SUM_H

#include "attn_train.h"
#include "dist/ranks.h"

struct attn_gradient_sum {
    attn_ctx *ctx;
    const attn_model *model;
    int64_t micros, elements; /* of this process; of all gradients */
    int levels, group;
    attn_real *level[16]; /* level l holds the sum of 2^l micro-batches while bit l of `taken` is set */
    attn_real *received;  /* NULL: one process */
    double loss[16];
    int64_t taken;
};

/* For `micros` micro-batches of this process, a power of two. group: processes that share each, a power of two. */
attn_status attn_gradient_sum_open(attn_ctx *ctx, const attn_model *model, int64_t micros, const struct attn_ranks *ranks, int group,
                                   struct attn_gradient_sum *out);
void attn_gradient_sum_close(struct attn_gradient_sum *sum);

/* Takes the gradients that the parameters hold now, and their loss; after the last of the micro-batches, and after the tape has been reset, finish puts
 * the sum over all processes into the parameters' gradients. */
void attn_gradient_sum_take(struct attn_gradient_sum *sum, double loss);
attn_status attn_gradient_sum_finish(struct attn_gradient_sum *sum, const struct attn_ranks *ranks, int64_t step, double *loss);

#endif
