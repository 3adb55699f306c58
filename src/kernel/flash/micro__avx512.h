/* Prototypes of the AVX-512 microkernels; what each computes stands in forward_ops.h. */
#ifndef ATTN_KERNEL_FLASH_MICRO_AVX512_H
#define ATTN_KERNEL_FLASH_MICRO_AVX512_H

#include "kernel/flash/forward_ops.h"

#include <immintrin.h>

enum {
    ATTN_AHEAD_ROWS = 4,     /* rows of `ahead` for each step of 24 keys x 16 lanes */
    ATTN_WIDE_AHEAD_ROWS = 6 /* 32 lanes: fewer panels share the fetching */
};

void attn_logits_f32_24x16__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                   float *max, struct attn_next_rows ahead);
void attn_logits_exp_f32_24x16__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                       float *sum, struct attn_next_rows ahead);
void attn_logits_f32_8x32__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                  float *max, struct attn_next_rows ahead);
void attn_logits_exp_f32_8x32__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                      float *sum, struct attn_next_rows ahead);
void attn_max_f32_16__avx512(const float *s, const uint32_t *words, int64_t n, float *max);
void attn_max_f32_32__avx512(const float *s, const uint32_t *words, int64_t n, float *max);
void attn_weights_f32_16__avx512(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum);
void attn_weights_f32_32__avx512(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum);
void attn_softcap_f32_16__avx512(float *s, int64_t n, float cap);
void attn_softcap_f32_32__avx512(float *s, int64_t n, float cap);
void attn_values_f32_16x16__avx512(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                   const float *alpha, float *o);
void attn_values_f32_8x32__avx512(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                  const float *alpha, float *o);
void attn_pack_queries_f32_16__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q);
void attn_pack_queries_f32_32__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q);
bool attn_pack_values_f32__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v);
void attn_store_rows_f32_16__avx512(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                    ptrdiff_t stride);
void attn_store_rows_f32_32__avx512(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                    ptrdiff_t stride);

#endif
