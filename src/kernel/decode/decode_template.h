/* Logits and weighted values of decoding, for every stored type, in the names of vector_template.h. Included by one file for each instruction
 * set, after
 *   stored__ISA.h   vec_bf16(x), vec_f16(x), vec_i8(x): VEC_LANES stored numbers as floats; vec_bf16_first(x, n), vec_f16_first(x, n): the first n,
 *                   then 0; vec_f16_set1(x);
 *                   vec_quarters(a, b, c, d): in each four lanes the sums of the same four lanes of a, b, c and d;
 *                   vec_join(x): the sums over all fours of VEC_LANES / 4 such vectors, those of x[0] first
 *                   vec_hold(&x): x stays in a register: compilers would load it again for each use
 *   ROWS            query rows of a pass, at most: 2 or 4
 *   KEYS(rows)      see decode_step_template.h
 *   WIDE(rows)      vectors of columns that so many rows of sums are kept in registers for; divides a span or is a multiple of one
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

enum { SPAN = 32, SPAN_VECTORS = SPAN / VEC_LANES }; /* elements of a span */

/* call(type, n, ...) with a constant n: query rows, at most ROWS. */
#if ROWS == 4
#define BY_ROWS(call, type, n, ...)                                                                                                        \
    if ((n) == 1)                                                                                                                          \
        call(type, 1, __VA_ARGS__);                                                                                                        \
    else if ((n) == 2)                                                                                                                     \
        call(type, 2, __VA_ARGS__);                                                                                                        \
    else if ((n) == 3)                                                                                                                     \
        call(type, 3, __VA_ARGS__);                                                                                                        \
    else                                                                                                                                   \
        call(type, 4, __VA_ARGS__);
#else
#define BY_ROWS(call, type, n, ...)                                                                                                        \
    if ((n) == 1)                                                                                                                          \
        call(type, 1, __VA_ARGS__);                                                                                                        \
    else                                                                                                                                   \
        call(type, 2, __VA_ARGS__);
#endif

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

/* Products of 4 keys with each of `rows` queries. */
VEC_INLINE void products(attn_dtype type, int rows, const char *const row[4], int64_t dim, const float *q, int64_t q_row, vec to[4][ROWS]) {
    const int64_t spans = dim / SPAN;
    for (int i = 0; i < 4; i++)
        for (int r = 0; r < rows; r++) to[i][r] = vec_set1(0.0f);
    for (int64_t c = 0; c < spans; c++)
        for (int v = 0; v < SPAN_VECTORS; v++) {
            vec key[4];
            for (int i = 0; i < 4; i++) {
                key[i] = load(type, span_of(type, row[i], c), v);
                if (rows > 1) vec_hold(&key[i]);
            }
            for (int r = 0; r < rows; r++) {
                vec query = vec_load(q + r * q_row + c * SPAN + v * VEC_LANES);
                vec_hold(&query);
                for (int i = 0; i < 4; i++) to[i][r] = vec_fma(query, key[i], to[i][r]);
            }
        }
    if (type != ATTN_Q8_0)
        for (int v = 0; spans * SPAN + v * VEC_LANES < dim; v++)
            for (int i = 0; i < 4; i++) {
                const vec key = load_first(type, span_of(type, row[i], spans), v, (int)(dim - spans * SPAN) - v * VEC_LANES);
                for (int r = 0; r < rows; r++) to[i][r] = vec_fma(vec_load(q + r * q_row + spans * SPAN + v * VEC_LANES), key, to[i][r]);
            }
}

/* The keys [j, end) against `rows` queries. */
VEC_INLINE void logits_rows(attn_dtype type, int rows, const struct attn_decode_rows *k, int64_t j, int64_t end, struct ahead *ahead,
                            int64_t dim, const float *q, int64_t q_row, float *s) {
    for (; j < end; j += KEYS(rows)) {
        vec quarter[16];
        for (int g = 0; g < KEYS(rows) / 4; g++) {
            const char *row[4];
            vec x[4][ROWS];
            four_rows(k, j + 4 * g, row);
            fetch(ahead, k, bytes_of(type, dim));
            products(type, rows, row, dim, q, q_row, x);
            for (int r = 0; r < rows; r++) quarter[g * rows + r] = vec_quarters(x[0][r], x[1][r], x[2][r], x[3][r]);
        }
        store_logits(rows, k->n, j, quarter, s);
    }
}

VEC_INLINE void logits_near(attn_dtype type, int64_t dim, const struct attn_decode_rows *k, const float *q, int64_t q_row, int64_t rows,
                            float *s) {
    struct ahead ahead = ahead_of(type, rows, (rows + ROWS - 1) / ROWS, bytes_of(type, dim), k->n);
    for (int64_t j = 0; j < k->n; j += NEAR) {
        const int64_t end = j + NEAR < k->n ? j + NEAR : k->n;
        ahead_begin(&ahead, j);
        for (int64_t r = 0; r < rows; r += ROWS)
            BY_ROWS(logits_rows, type, rows - r, k, j, end, &ahead, dim, q + r * q_row, q_row, s + r * ATTN_DECODE_TILE)
    }
}

/* Sums of `vectors` vectors of columns from vector `at` of span c on, over the values [j, end); `left`: columns that exist from there, for
 * the last vector. */
VEC_INLINE void values_step(attn_dtype type, int rows, int vectors, const struct attn_decode_rows *v, int64_t j, int64_t end,
                            struct ahead *ahead, size_t bytes, int64_t c, int at, int left, const float *p, float *o, int64_t o_row) {
    vec acc[ROWS][32];
    float *to = o + c * SPAN + at * VEC_LANES;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) acc[r][i] = vec_load(to + r * o_row + i * VEC_LANES);
    const char *row = v->at + j * v->step;
    for (; j < end; j += 4) {
        fetch(ahead, v, bytes);
        for (int n = 0; n < 4 && j + n < end; n++, row += v->step) {
            vec value[32];
            for (int i = 0; i < vectors; i++) {
                const char *span = span_of(type, row, c + (at + i) / SPAN_VECTORS);
                const int number = (at + i) % SPAN_VECTORS;
                value[i] = left < VEC_LANES ? load_first(type, span, number, left) : load(type, span, number);
                if (rows > 1) vec_hold(&value[i]);
            }
            for (int r = 0; r < rows; r++) {
                const vec weight = vec_set1(p[r * ATTN_DECODE_TILE + j + n]);
                for (int i = 0; i < vectors; i++) acc[r][i] = vec_fma(weight, value[i], acc[r][i]);
            }
        }
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) vec_store(to + r * o_row + i * VEC_LANES, acc[r][i]);
}

/* The passes of values_rows. */
VEC_INLINE int passes_of(attn_dtype type, int rows, int64_t dim) {
    const int64_t spans = dim / SPAN, left = type == ATTN_Q8_0 ? 0 : (dim % SPAN + VEC_LANES - 1) / VEC_LANES;
    (void)rows; /* where WIDE is a constant */
    const int64_t wide = WIDE(rows) > SPAN_VECTORS ? WIDE(rows) / SPAN_VECTORS : 1;
    const int64_t narrow = WIDE(rows) < SPAN_VECTORS ? WIDE(rows) : SPAN_VECTORS;
    return (int)((spans / wide + spans % wide) * (SPAN_VECTORS / narrow) + left);
}

VEC_INLINE void values_rows(attn_dtype type, int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, struct ahead *ahead,
                            int64_t dim, const float *p, float *o, int64_t o_row) {
    enum { WHOLE = VEC_LANES };
    const int64_t spans = dim / SPAN;
    const size_t bytes = bytes_of(type, dim);
    const int narrow = WIDE(rows) < SPAN_VECTORS ? WIDE(rows) : SPAN_VECTORS;
    int64_t c = 0;
    if (WIDE(rows) > SPAN_VECTORS)
        for (; c + WIDE(rows) / SPAN_VECTORS <= spans; c += WIDE(rows) / SPAN_VECTORS)
            values_step(type, rows, WIDE(rows), v, j, end, ahead, bytes, c, 0, WHOLE, p, o, o_row);
    for (; c < spans; c++)
        for (int at = 0; at < SPAN_VECTORS; at += narrow)
            values_step(type, rows, narrow, v, j, end, ahead, bytes, c, at, WHOLE, p, o, o_row);
    if (type != ATTN_Q8_0)
        for (int n = 0; spans * SPAN + n * VEC_LANES < dim; n++)
            values_step(type, rows, 1, v, j, end, ahead, bytes, spans, n, (int)(dim - spans * SPAN) - n * VEC_LANES, p, o, o_row);
}

VEC_INLINE void values_near(attn_dtype type, int64_t dim, const struct attn_decode_rows *v, const float *p, int64_t rows, float *o,
                            int64_t o_row) {
    const int whole = passes_of(type, ROWS, dim), last = rows % ROWS ? passes_of(type, (int)(rows % ROWS), dim) : 0;
    struct ahead ahead = ahead_of(type, rows, rows / ROWS * whole + last, bytes_of(type, dim), v->n);
    for (int64_t j = 0; j < v->n; j += NEAR) {
        const int64_t end = j + NEAR < v->n ? j + NEAR : v->n;
        ahead_begin(&ahead, j);
        for (int64_t r = 0; r < rows; r += ROWS)
            BY_ROWS(values_rows, type, rows - r, v, j, end, &ahead, dim, p + r * ATTN_DECODE_TILE, o + r * o_row, o_row)
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
