/* Prototypes of the paired microkernels on the AVX-512 dot product of bfloat16 pairs; what each computes stands in forward_ops.h. The dot
 * product takes and gives denormal numbers as 0. */
#ifndef ATTN_KERNEL_FLASH_MICRO_AVX512_BF16_H
#define ATTN_KERNEL_FLASH_MICRO_AVX512_BF16_H

#include "kernel/flash/micro__avx512.h"

void attn_logits_bf16_8x32__avx512_bf16(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start,
                                        float *s, float *max, struct attn_next_rows ahead);
void attn_logits_exp_bf16_8x32__avx512_bf16(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start,
                                            void *p, float *sum, struct attn_next_rows ahead);
void attn_weights_bf16_32__avx512_bf16(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum);
void attn_values_bf16_8x32__avx512_bf16(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                        const float *alpha, float *o);
void attn_pack_queries_bf16_32__avx512_bf16(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q);
bool attn_pack_values_bf16__avx512_bf16(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v);
void attn_store_rows_bf16_32__avx512_bf16(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                          ptrdiff_t stride);

#endif
