/* The pointer schedule: attention whose score is w . tanh(q + k), row by row over the keys that a row may see.
 *
 * A row's allowed keys are listed first; logits, weights and their gradients are arrays along that list, so a key that is excluded is read by
 * nobody. Nearly all the time goes to hyperbolic tangents: D of them for each pair forward, twice that backward.
 */
#ifndef ATTN_KERNEL_POINTER_POINTER_H
#define ATTN_KERNEL_POINTER_POINTER_H

#include "kernel/kernel.h"

/* One row against the keys of its list: key n of the list is row keys[n] of an array that begins at k, or v. */
struct attn_pointer_row {
    const int32_t *keys;
    int64_t count;
    const float *q, *w, *k; /* [dim], [dim], rows of dim */
    int64_t k_stride;
    int32_t dim;
    float scale;
};

/* Rows of a list added up, or dotted: key n is row keys[n]. */
struct attn_pointer_values {
    const int32_t *keys;
    int64_t count, stride;
    int32_t width;
};

/* Microkernels of one instruction set. No array is read or written beyond its elements. */
struct attn_pointer_ops {
    /* s[n] = scale * w . tanh(q + k_n) */
    void (*logits)(const struct attn_pointer_row *row, float *s);
    /* s[n] = exp(s[n] - high), high the greatest of them, NaN if one is; returns their sum. */
    float (*weights)(float *s, int64_t count, float *high);
    /* With t = tanh(q + k_n) and u = scale * ds[n] * w * (1 - t^2): dq += u, dk_n += u, dw += scale * ds[n] * t, in the list's order. */
    void (*gradients)(const struct attn_pointer_row *row, const float *ds, float *dk, int64_t dk_stride, float *dq, float *dw);
    /* o = sum of p[n] v_n */
    void (*mix)(const struct attn_pointer_values *list, const float *p, const float *v, float *o);
    /* dp[n] += d_o . v_n */
    void (*dots)(const struct attn_pointer_values *list, const float *d_o, const float *v, float *dp);
    /* dv_n += p[n] d_o */
    void (*spread)(const struct attn_pointer_values *list, const float *p, const float *d_o, float *dv);
};

size_t attn_pointer_workspace(const struct attn_shape *shape);
void attn_pointer_describe(const struct attn_shape *shape, char *text, size_t size);
void attn_pointer_forward(const struct attn_exec *x, const struct attn_pointer_ops *ops);
void attn_pointer_backward(const struct attn_exec *x, const struct attn_pointer_ops *ops);

/* tanh of count floats: what the kernels compute, for tests and benchmarks. */
typedef void (*attn_tanh_fn)(const float *x, int64_t count, float *y);

/* The list expands into prototypes, tests and benchmarks: X(isa). */
#if defined(ATTN_HAVE_AVX512)
#define ATTN_POINTER_LIST_AVX512(X) X(avx512)
#else
#define ATTN_POINTER_LIST_AVX512(X)
#endif
#if defined(ATTN_HAVE_AVX2)
#define ATTN_POINTER_LIST_AVX2(X) X(avx2)
#else
#define ATTN_POINTER_LIST_AVX2(X)
#endif
#if defined(ATTN_HAVE_NEON)
#define ATTN_POINTER_LIST_NEON(X) X(neon)
#else
#define ATTN_POINTER_LIST_NEON(X)
#endif
#define ATTN_POINTER_LIST(X) X(portable) ATTN_POINTER_LIST_NEON(X) ATTN_POINTER_LIST_AVX2(X) ATTN_POINTER_LIST_AVX512(X)

#define X(isa) void attn_tanh_f32__##isa(const float *x, int64_t count, float *y);
ATTN_POINTER_LIST(X)
#undef X

#endif
