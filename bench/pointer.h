/* One measured attention of the additive score: weights, and the gradients of q, k and w from gradients of the weights. */
#ifndef ATTN_BENCH_POINTER_H
#define ATTN_BENCH_POINTER_H

#include "bench/measure.h"
#include "bench/peers/torch.h"

struct attn_pointer_case {
    attn_ctx *ctx;
    attn_problem problem;
    attn_plan *plan;
    attn_args args;
    attn_gradients gradients;
    void *memory;
};

/* Hyperbolic tangents of a pass, and the multiply-add slots that each takes: 13 of tanh itself and one of w; backward twice tanh, one of w and
 * three of the gradients. */
double attn_pointer_case_tanhs(const struct attn_pointer_case *c, enum attn_direction pass);
double attn_pointer_case_flops(const struct attn_pointer_case *c, enum attn_direction pass);

/* `shape`: batch, heads, kv_heads, dim, q_len, kv_len, kernel and threads are read. Data from N(0, 1). On failure the sentence is in ctx;
 * attn_pointer_case_close is always called. */
attn_status attn_pointer_case_open(struct attn_pointer_case *c, attn_ctx *ctx, const attn_problem *shape, uint64_t seed);
void attn_pointer_case_close(struct attn_pointer_case *c);

/* Runs the first rows of the first sequence alone, and the reference in double. *error: the greatest difference of two weights, or of two
 * elements of a gradient over the gradient's greatest; less than that where dim or keys are many. */
attn_status attn_pointer_case_check(const struct attn_pointer_case *c, double *error);

/* Opens the same in PyTorch and runs forward and backward of both once. *difference: the greatest of two weights, or of two elements of a
 * gradient over the gradient's greatest. */
attn_status attn_pointer_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference);

/* As a subject of attn_measure; self is a struct attn_pointer_case. */
attn_status attn_pointer_case_run(void *self, enum attn_direction pass, double *seconds);

#endif
