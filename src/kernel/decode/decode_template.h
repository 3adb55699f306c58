/* Logits and weighted values of decoding, for every stored type, in the names of vector_template.h. Included by one file for each instruction
 * set, after
 *   stored__ISA.h   vec_bf16(x), vec_f16(x), vec_i8(x): VEC_LANES stored numbers as floats; vec_bf16_first(x, n), vec_f16_first(x, n): the first n,
 *                   then 0; vec_f16_set1(x);
 *                   vec_quarters(a, b, c, d): in each four lanes the sums of the same four lanes of a, b, c and d;
 *                   vec_join(x): the sums over all fours of VEC_LANES / 4 such vectors, those of x[0] first
 *   KEYS(rows)      see decode_step_template.h
 *   WIDE(rows)      vectors of columns that 1 or 2 rows of sums are kept in registers for; divides a span or is a multiple of one
 *
 * A stored type is a constant of the inlined body, so that each has its own loop. The element's value is exact in float, hence the bits are
 * those of the same numbers stored as float.
 *
 * Rows are walked in spans of 32 elements, which is a block of ATTN_Q8_0, then what is left, vector by vector.
 */
#include "kernel/convert/convert.h"
#include "kernel/decode/decode_step_template.h"
#include "kernel/softcap_template.h"

#include <math.h>

enum { ROWS = 2, SPAN = 32, SPAN_VECTORS = SPAN / VEC_LANES }; /* query rows of a pass, at most; elements of a span */

/* Where a span begins. */
VEC_INLINE const char *span_of(attn_dtype type, const char *row, int64_t span) {
    const size_t bytes = type == ATTN_F32 ? SPAN * sizeof(float) : type == ATTN_Q8_0 ? sizeof(struct attn_q8) : SPAN * sizeof(uint16_t);
    return row + (size_t)span * bytes;
}

/* Vector number i of a span. */
VEC_INLINE vec load(attn_dtype type, const char *span, int i) {
    if (type == ATTN_F32) return vec_load((const float *)(const void *)span + i * VEC_LANES);
    if (type == ATTN_BF16) return vec_bf16((const uint16_t *)(const void *)span + i * VEC_LANES);
    if (type == ATTN_F16) return vec_f16((const uint16_t *)(const void *)span + i * VEC_LANES);
    const struct attn_q8 *block = (const struct attn_q8 *)(const void *)span;
    return vec_mul(vec_f16_set1(&block->scale), vec_i8(block->code + i * VEC_LANES));
}

/* The first n lanes of that vector, n > 0; the others 0. Not of ATTN_Q8_0, whose rows are whole blocks. */
VEC_INLINE vec load_first(attn_dtype type, const char *span, int i, int n) {
    if (n >= VEC_LANES) return load(type, span, i);
    if (type == ATTN_F32) return vec_load_first((const float *)(const void *)span + i * VEC_LANES, n);
    if (type == ATTN_BF16) return vec_bf16_first((const uint16_t *)(const void *)span + i * VEC_LANES, n);
    return vec_f16_first((const uint16_t *)(const void *)span + i * VEC_LANES, n);
}

VEC_INLINE size_t bytes_of(attn_dtype type, int64_t dim) {
    return (size_t)(type == ATTN_Q8_0 ? dim / SPAN * (int64_t)sizeof(struct attn_q8) : dim * (type == ATTN_F32 ? 4 : 2));
}

/* Products of a key with each of `rows` queries, summed in two chains. */
VEC_INLINE void products(attn_dtype type, int rows, const char *row, int64_t dim, const float *q, int64_t q_row, vec *to) {
    const int64_t spans = dim / SPAN;
    vec even[ROWS], odd[ROWS];
    for (int r = 0; r < rows; r++) even[r] = odd[r] = vec_set1(0.0f);
    for (int64_t c = 0; c < spans; c++)
        for (int v = 0; v < SPAN_VECTORS; v += 2) {
            const float *left = q + c * SPAN + v * VEC_LANES;
            const vec first = load(type, span_of(type, row, c), v), second = load(type, span_of(type, row, c), v + 1);
            for (int r = 0; r < rows; r++) even[r] = vec_fma(vec_load(left + r * q_row), first, even[r]);
            for (int r = 0; r < rows; r++) odd[r] = vec_fma(vec_load(left + r * q_row + VEC_LANES), second, odd[r]);
        }
    if (type != ATTN_Q8_0)
        for (int v = 0; spans * SPAN + v * VEC_LANES < dim; v++) {
            const vec right = load_first(type, span_of(type, row, spans), v, (int)(dim - spans * SPAN) - v * VEC_LANES);
            for (int r = 0; r < rows; r++) even[r] = vec_fma(vec_load(q + r * q_row + spans * SPAN + v * VEC_LANES), right, even[r]);
        }
    for (int r = 0; r < rows; r++) to[r] = vec_add(even[r], odd[r]);
}

/* The keys [j, end) against `rows` queries. */
VEC_INLINE void logits_rows(attn_dtype type, int rows, const struct attn_decode_rows *k, int64_t j, int64_t end, int64_t ahead, int64_t dim,
                            const float *q, int64_t q_row, float *s) {
    for (; j < end; j += KEYS(rows)) {
        vec quarter[16];
        for (int g = 0; g < KEYS(rows) / 4; g++) {
            const char *row[4];
            vec x[4][ROWS];
            four_rows(k, j + 4 * g, row);
            fetch(rows, k, j + 4 * g, ahead, bytes_of(type, dim));
            for (int i = 0; i < 4; i++) products(type, rows, row[i], dim, q, q_row, x[i]);
            for (int r = 0; r < rows; r++) quarter[g * rows + r] = vec_quarters(x[0][r], x[1][r], x[2][r], x[3][r]);
        }
        store_logits(rows, k->n, j, quarter, s);
    }
}

VEC_INLINE void logits_near(attn_dtype type, int64_t dim, const struct attn_decode_rows *k, const float *q, int64_t q_row, int64_t rows,
                            float *s) {
    for (int64_t j = 0; j < k->n; j += NEAR) {
        const int64_t end = j + NEAR < k->n ? j + NEAR : k->n;
        for (int64_t r = 0; r < rows; r += ROWS) {
            const int64_t ahead = rows_ahead(rows, bytes_of(type, dim), r == 0, k->n);
            float *to = s + r * ATTN_DECODE_TILE;
            if (rows - r == 1)
                logits_rows(type, 1, k, j, end, ahead, dim, q + r * q_row, q_row, to);
            else
                logits_rows(type, ROWS, k, j, end, ahead, dim, q + r * q_row, q_row, to);
        }
    }
}

/* Sums of `vectors` vectors of columns from vector `first` of span c on, over the values [j, end); `left`: columns that exist from there, for the
 * last vector. */
VEC_INLINE void values_step(attn_dtype type, int rows, int vectors, const struct attn_decode_rows *v, int64_t j, int64_t end, int64_t ahead,
                            size_t bytes, int64_t c, int first, int left, const float *p, float *o, int64_t o_row) {
    vec acc[ROWS][32];
    float *to = o + c * SPAN + first * VEC_LANES;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) acc[r][i] = vec_load(to + r * o_row + i * VEC_LANES);
    const char *row = v->at + j * v->step;
    for (; j < end; j += 4) {
        fetch(rows, v, j, ahead, bytes);
        for (int n = 0; n < 4 && j + n < end; n++, row += v->step) {
            vec weight[ROWS];
            for (int r = 0; r < rows; r++) weight[r] = vec_set1(p[r * ATTN_DECODE_TILE + j + n]);
            for (int i = 0; i < vectors; i++) {
                const char *span = span_of(type, row, c + (first + i) / SPAN_VECTORS);
                const int at = (first + i) % SPAN_VECTORS;
                const vec value = left < VEC_LANES ? load_first(type, span, at, left) : load(type, span, at);
                for (int r = 0; r < rows; r++) acc[r][i] = vec_fma(weight[r], value, acc[r][i]);
            }
        }
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) vec_store(to + r * o_row + i * VEC_LANES, acc[r][i]);
}

/* The first columns fetch for all. */
VEC_INLINE void values_rows(attn_dtype type, int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, int64_t ahead, int64_t dim,
                            const float *p, float *o, int64_t o_row) {
    enum { WHOLE = VEC_LANES };
    const int64_t spans = dim / SPAN;
    const size_t bytes = bytes_of(type, dim);
    const int narrow = WIDE(rows) < SPAN_VECTORS ? WIDE(rows) : SPAN_VECTORS;
    int64_t c = 0;
    if (WIDE(rows) > SPAN_VECTORS)
        for (; c + WIDE(rows) / SPAN_VECTORS <= spans; c += WIDE(rows) / SPAN_VECTORS, ahead = 0)
            values_step(type, rows, WIDE(rows), v, j, end, ahead, bytes, c, 0, WHOLE, p, o, o_row);
    for (; c < spans; c++)
        for (int at = 0; at < SPAN_VECTORS; at += narrow, ahead = 0)
            values_step(type, rows, narrow, v, j, end, ahead, bytes, c, at, WHOLE, p, o, o_row);
    if (type != ATTN_Q8_0)
        for (int n = 0; spans * SPAN + n * VEC_LANES < dim; n++, ahead = 0)
            values_step(type, rows, 1, v, j, end, ahead, bytes, spans, n, (int)(dim - spans * SPAN) - n * VEC_LANES, p, o, o_row);
}

VEC_INLINE void values_near(attn_dtype type, int64_t dim, const struct attn_decode_rows *v, const float *p, int64_t rows, float *o,
                            int64_t o_row) {
    for (int64_t j = 0; j < v->n; j += NEAR) {
        const int64_t end = j + NEAR < v->n ? j + NEAR : v->n;
        for (int64_t r = 0; r < rows; r += ROWS) {
            const int64_t ahead = rows_ahead(rows, bytes_of(type, dim), r == 0, v->n);
            const float *from = p + r * ATTN_DECODE_TILE;
            if (rows - r == 1)
                values_rows(type, 1, v, j, end, ahead, dim, from, o + r * o_row, o_row);
            else
                values_rows(type, ROWS, v, j, end, ahead, dim, from, o + r * o_row, o_row);
        }
    }
}

/* Loops of their own for the usual head sizes. */
#define BY_DIM(call, ...)                                                                                                                  \
    if (dim == 128)                                                                                                                        \
        call(type, 128, __VA_ARGS__);                                                                                                      \
    else if (dim == 64)                                                                                                                    \
        call(type, 64, __VA_ARGS__);                                                                                                       \
    else                                                                                                                                   \
        call(type, dim, __VA_ARGS__)

VEC_INLINE void logits_of(attn_dtype type, const struct attn_decode_rows *k, int64_t dim, const float *q, int64_t q_row, int64_t rows,
                          float *s) {
    BY_DIM(logits_near, k, q, q_row, rows, s);
}

VEC_INLINE void values_of(attn_dtype type, const struct attn_decode_rows *v, int64_t dim, const float *p, int64_t rows, float *o,
                          int64_t o_row) {
    BY_DIM(values_near, v, p, rows, o, o_row);
}

static void logits(attn_dtype type, struct attn_decode_rows k, int64_t dim, const float *q, int64_t q_row, int64_t rows, float *s) {
    if (type == ATTN_F32) logits_of(ATTN_F32, &k, dim, q, q_row, rows, s);
    if (type == ATTN_BF16) logits_of(ATTN_BF16, &k, dim, q, q_row, rows, s);
    if (type == ATTN_F16) logits_of(ATTN_F16, &k, dim, q, q_row, rows, s);
    if (type == ATTN_Q8_0) logits_of(ATTN_Q8_0, &k, dim, q, q_row, rows, s);
}

static void values(attn_dtype type, struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row) {
    if (type == ATTN_F32) values_of(ATTN_F32, &v, dim, p, rows, o, o_row);
    if (type == ATTN_BF16) values_of(ATTN_BF16, &v, dim, p, rows, o, o_row);
    if (type == ATTN_F16) values_of(ATTN_F16, &v, dim, p, rows, o, o_row);
    if (type == ATTN_Q8_0) values_of(ATTN_Q8_0, &v, dim, p, rows, o, o_row);
}

static float max_of(const float *s) {
    vec top = vec_set1(-INFINITY);
    for (int j = 0; j < ATTN_DECODE_TILE; j += VEC_LANES) top = vec_max(vec_load(s + j), top);
    float lane[VEC_LANES], most = -INFINITY;
    vec_store(lane, top);
    for (int l = 0; l < VEC_LANES; l++) most = lane[l] > most ? lane[l] : most;
    return most;
}

static float weights(float *s, float shift) {
    vec total = vec_set1(0.0f);
    for (int j = 0; j < ATTN_DECODE_TILE; j += VEC_LANES) {
        const vec p = vec_exp2(vec_sub(vec_load(s + j), vec_set1(shift)));
        vec_store(s + j, p);
        total = vec_add(total, p);
    }
    return vec_sum(total);
}

static void softcap(float *s, int64_t n, float cap) {
    for (int64_t i = 0; i < n; i += VEC_LANES) vec_store(s + i, vec_softcap(vec_load(s + i), cap));
}
