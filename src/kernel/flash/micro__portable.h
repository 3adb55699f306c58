/* Prototypes of the portable microkernels; what each computes stands in forward_ops.h. */
#ifndef ATTN_KERNEL_FLASH_MICRO_PORTABLE_H
#define ATTN_KERNEL_FLASH_MICRO_PORTABLE_H

#include "kernel/flash/forward_ops.h"

enum { LANES = 16 }; /* queries of a panel */

void attn_logits_f32_2x16__portable(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                    float *max, struct attn_ahead ahead);
void attn_logits_exp_f32_2x16__portable(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                        float *sum, struct attn_ahead ahead);
void attn_max_f32_16__portable(const float *s, const uint32_t *words, int64_t n, float *max);
void attn_weights_f32_16__portable(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum);
void attn_softcap_f32_16__portable(float *s, int64_t n, float cap);
void attn_values_f32_2x16__portable(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                    const float *alpha, float *o);
void attn_pack_queries_f32_16__portable(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q);
bool attn_pack_values_f32_16__portable(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v);
void attn_store_rows_f32_16__portable(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                      ptrdiff_t stride);

#endif
