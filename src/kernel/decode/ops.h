/* The microkernels of decoding, on rows of keys and values in the type they are stored in. Every instruction set makes the table from
 * decode_template.h.
 *
 * What each gives depends on its own row and key alone, never on how many are done in a call: cutting a call in two gives the same bits.
 */
#ifndef ATTN_KERNEL_DECODE_OPS_H
#define ATTN_KERNEL_DECODE_OPS_H

#include "attn.h"

#include <stddef.h>

enum {
    ATTN_DECODE_TILE = 128, /* keys whose logits stand side by side */
    ATTN_DECODE_PAD = 16    /* rows of queries and sums are padded to multiples of this, with 0 */
};

/* Stored rows: n of them, `step` bytes apart. What is read after them is fetched meanwhile: the first of those rows lies at `next`, the
 * others next_step bytes apart. */
struct attn_decode_rows {
    const char *at;
    ptrdiff_t step;
    int64_t n;
    const char *next;
    ptrdiff_t next_step;
};

struct attn_decode_ops {
    /* s[r * ATTN_DECODE_TILE + j] = q_r . k_j; q[r * q_row]. */
    void (*logits)(attn_dtype type, struct attn_decode_rows k, int64_t dim, const float *q, int64_t q_row, int64_t rows, float *s);
    /* o[r * o_row + c] += p[r * ATTN_DECODE_TILE + j] * v_jc, key after key. */
    void (*values)(attn_dtype type, struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row);
    /* The greatest of a tile's logits that are not NaN; -inf if there is none. */
    float (*max)(const float *s);
    /* s = 2^(s - shift) over a tile; returns the sum. 2^-inf is 0. */
    float (*weights)(float *s, float shift);
    /* s = cap tanh(s / cap) over n logits, a multiple of 16. */
    void (*softcap)(float *s, int64_t n, float cap);
};

/* A step of 128 numbers of a query as bytes: number = scale * code, a scale for each block of 32. */
enum { ATTN_DECODE_Q8 = 128 };
struct attn_decode_q8 {
    int8_t code[ATTN_DECODE_Q8];
    int32_t offset[ATTN_DECODE_Q8 / 4]; /* -128 times the sum of each four codes */
    float scale[16];                    /* of each block, four times */
};

/* ATTN_Q8_0 against queries that are rounded to bytes; rows of q are q_row steps apart. */
struct attn_decode_q8_ops {
    void (*logits)(struct attn_decode_rows k, int64_t dim, const struct attn_decode_q8 *q, int64_t q_row, int64_t rows, float *s);
    void (*values)(struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row);
};

extern const struct attn_decode_ops attn_decode_ops__portable, attn_decode_ops__avx2, attn_decode_ops__avx512, attn_decode_ops__neon;
extern const struct attn_decode_q8_ops attn_decode_q8_ops__avx512_bf16;

#endif
