/* Exact rows of weights, by the naive schedule's formulas. */
#ifndef ATTN_KERNEL_NAIVE_NAIVE_H
#define ATTN_KERNEL_NAIVE_NAIVE_H

#include "kernel/kernel.h"

/* weights[r * k_len + j] = exp(s_ij - lse_i) for the rows i = q0 + r of sequence b and query head h; excluded pairs 0. */
void attn_naive_weights_f32(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, float *weights);
void attn_naive_weights_f64(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, double *weights);
void attn_naive_weights_bf16(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, float *weights);
void attn_naive_weights_f16(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, float *weights);

/* The same of ATTN_SCORE_ADDITIVE. */
void attn_naive_additive_weights_f32(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, float *weights);
void attn_naive_additive_weights_f64(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, double *weights);

#endif
