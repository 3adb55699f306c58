/* Logits and weighted values of decoding, for every stored type, in the names of vector_template.h. Included by one file for each instruction
 * set, after
 *   stored__ISA.h   vec_bf16(x), vec_f16(x), vec_i8(x): VEC_LANES stored numbers as floats; vec_bf16_first(x, n), vec_f16_first(x, n): the first n,
 *                   then 0; vec_f16_set1(x); vec_sum4(to, a, b, c, d): the sums of the lanes of four vectors
 *   KEYS(rows)      keys of a step against so many query rows, a multiple of 4, at most 16
 *   WIDE(rows)      vectors of columns that so many rows of sums are kept in registers for; divides a span or is a multiple of one
 *
 * A stored type is a constant of the inlined body, so that each has its own loop. The element's value is exact in float, hence the bits are
 * those of the same numbers stored as float.
 *
 * Rows are walked in spans of 32 elements, which is a block of ATTN_Q8_0, then what is left, vector by vector.
 */
#include "kernel/convert/convert.h"
#include "kernel/decode/ops.h"
#include "kernel/softcap_template.h"

#include <math.h>

enum { ROWS = 4, SPAN = 32, SPAN_VECTORS = SPAN / VEC_LANES };

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

/* Bytes ahead of which rows are fetched, from memory at about its latency times its bandwidth: a plain stream of rows does not need it, but
 * keys and values take turns, and a tile is read column by column. */
enum { AHEAD = 8192, LINE = 64 };

/* Rows from memory to be fetched while a row is computed with; `bytes` a row. */
VEC_INLINE void fetch(struct attn_decode_rows rows, int64_t j, int64_t ahead, size_t bytes) {
    const int64_t r = j + ahead;
    const char *row = r < rows.left ? rows.at + r * rows.step : rows.next + (r - rows.left) * rows.step;
    for (size_t line = 0; line < bytes; line += LINE) __builtin_prefetch(row + line, 0, 3);
}

VEC_INLINE size_t bytes_of(attn_dtype type, int64_t dim) {
    return (size_t)(type == ATTN_Q8_0 ? dim / SPAN * (int64_t)sizeof(struct attn_q8) : dim * (type == ATTN_F32 ? 4 : 2));
}

/* One step: `keys` keys against `rows` queries. Keys beyond k.n are read as the last one, and not stored. */
VEC_INLINE void logits_step(attn_dtype type, int rows, int keys, struct attn_decode_rows k, int64_t j, int64_t dim, const float *q,
                            int64_t q_row, float *s) {
    const char *row[16];
    vec acc[16][ROWS];
    for (int i = 0; i < keys; i++) {
        row[i] = k.at + (j + i < k.n ? j + i : k.n - 1) * k.step;
        for (int r = 0; r < rows; r++) acc[i][r] = vec_set1(0.0f);
    }
    const int64_t spans = dim / SPAN;
    for (int64_t c = 0; c < spans; c++)
        for (int v = 0; v < SPAN_VECTORS; v++) {
            vec left[ROWS];
            for (int r = 0; r < rows; r++) left[r] = vec_load(q + r * q_row + c * SPAN + v * VEC_LANES);
            for (int i = 0; i < keys; i++) {
                const vec right = load(type, span_of(type, row[i], c), v);
                for (int r = 0; r < rows; r++) acc[i][r] = vec_fma(left[r], right, acc[i][r]);
            }
        }
    if (type != ATTN_Q8_0)
        for (int v = 0; spans * SPAN + v * VEC_LANES < dim; v++) {
            const int n = (int)(dim - spans * SPAN) - v * VEC_LANES;
            for (int i = 0; i < keys; i++) {
                const vec right = load_first(type, span_of(type, row[i], spans), v, n);
                for (int r = 0; r < rows; r++)
                    acc[i][r] = vec_fma(vec_load(q + r * q_row + spans * SPAN + v * VEC_LANES), right, acc[i][r]);
            }
        }
    for (int i = 0; i < keys; i += 4)
        for (int r = 0; r < rows; r++) {
            float sum[4];
            vec_sum4(sum, acc[i][r], acc[i + 1][r], acc[i + 2][r], acc[i + 3][r]);
            for (int n = 0; n < 4 && j + i + n < k.n; n++) s[r * ATTN_DECODE_TILE + j + i + n] = sum[n];
        }
}

/* first: the rows of the unit that read the keys from memory. */
VEC_INLINE void logits_rows(attn_dtype type, int rows, bool first, struct attn_decode_rows k, int64_t dim, const float *q, int64_t q_row,
                            float *s) {
    const size_t bytes = bytes_of(type, dim);
    const int64_t ahead = first ? (int64_t)(AHEAD / bytes) + 1 : 0;
    for (int64_t j = 0; j < k.n; j += KEYS(rows)) {
        for (int i = 0; i < KEYS(rows) && first; i++) fetch(k, j + i, ahead, bytes);
        logits_step(type, rows, KEYS(rows), k, j, dim, q, q_row, s);
    }
}

/* Sums of `vectors` vectors of columns from vector `first` of span c on; `left`: columns that exist from there, for the last vector. */
VEC_INLINE void values_step(attn_dtype type, int rows, int vectors, size_t fetched, struct attn_decode_rows v, int64_t c, int first,
                            int left, const float *p, float *o, int64_t o_row) {
    vec acc[ROWS][32];
    float *to = o + c * SPAN + first * VEC_LANES;
    const int64_t ahead = fetched ? (int64_t)(AHEAD / fetched) + 1 : 0;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) acc[r][i] = vec_load(to + r * o_row + i * VEC_LANES);
    for (int64_t j = 0; j < v.n; j++) {
        const char *row = v.at + j * v.step;
        vec weight[ROWS];
        if (fetched) fetch(v, j, ahead, fetched);
        for (int r = 0; r < rows; r++) weight[r] = vec_set1(p[r * ATTN_DECODE_TILE + j]);
        for (int i = 0; i < vectors; i++) {
            const char *span = span_of(type, row, c + (first + i) / SPAN_VECTORS);
            const int at = (first + i) % SPAN_VECTORS;
            const vec value = left < VEC_LANES ? load_first(type, span, at, left) : load(type, span, at);
            for (int r = 0; r < rows; r++) acc[r][i] = vec_fma(weight[r], value, acc[r][i]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) vec_store(to + r * o_row + i * VEC_LANES, acc[r][i]);
}

VEC_INLINE void values_rows(attn_dtype type, int rows, bool first, struct attn_decode_rows v, int64_t dim, const float *p, float *o,
                            int64_t o_row) {
    const int64_t spans = dim / SPAN;
    enum { WHOLE = VEC_LANES };
    size_t fetched = first ? bytes_of(type, dim) : 0; /* by the first columns for all */
    int64_t c = 0;
    if (WIDE(rows) > SPAN_VECTORS)
        for (; c + WIDE(rows) / SPAN_VECTORS <= spans; c += WIDE(rows) / SPAN_VECTORS) {
            values_step(type, rows, WIDE(rows), fetched, v, c, 0, WHOLE, p, o, o_row);
            fetched = 0;
        }
    for (; c < spans; c++)
        for (int at = 0; at < SPAN_VECTORS; at += WIDE(rows) < SPAN_VECTORS ? WIDE(rows) : SPAN_VECTORS) {
            values_step(type, rows, WIDE(rows) < SPAN_VECTORS ? WIDE(rows) : SPAN_VECTORS, fetched, v, c, at, WHOLE, p, o, o_row);
            fetched = 0;
        }
    if (type != ATTN_Q8_0)
        for (int n = 0; spans * SPAN + n * VEC_LANES < dim; n++) {
            values_step(type, rows, 1, fetched, v, spans, n, (int)(dim - spans * SPAN) - n * VEC_LANES, p, o, o_row);
            fetched = 0;
        }
}

#define BY_ROWS(call, rows, ...)                                                                                                           \
    switch (rows) {                                                                                                                        \
    case 1:                                                                                                                                \
        call(type, 1, __VA_ARGS__);                                                                                                        \
        break;                                                                                                                             \
    case 2:                                                                                                                                \
        call(type, 2, __VA_ARGS__);                                                                                                        \
        break;                                                                                                                             \
    case 3:                                                                                                                                \
        call(type, 3, __VA_ARGS__);                                                                                                        \
        break;                                                                                                                             \
    default:                                                                                                                               \
        call(type, 4, __VA_ARGS__);                                                                                                        \
        break;                                                                                                                             \
    }

VEC_INLINE void logits_of(attn_dtype type, struct attn_decode_rows k, int64_t dim, const float *q, int64_t q_row, int64_t rows, float *s) {
    for (int64_t r = 0; r < rows; r += ROWS) BY_ROWS(logits_rows, rows - r, r == 0, k, dim, q + r * q_row, q_row, s + r * ATTN_DECODE_TILE)
}

VEC_INLINE void values_of(attn_dtype type, struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row) {
    for (int64_t r = 0; r < rows; r += ROWS) BY_ROWS(values_rows, rows - r, r == 0, v, dim, p + r * ATTN_DECODE_TILE, o + r * o_row, o_row)
}

static void logits(attn_dtype type, struct attn_decode_rows k, int64_t dim, const float *q, int64_t q_row, int64_t rows, float *s) {
    if (type == ATTN_F32) logits_of(ATTN_F32, k, dim, q, q_row, rows, s);
    if (type == ATTN_BF16) logits_of(ATTN_BF16, k, dim, q, q_row, rows, s);
    if (type == ATTN_F16) logits_of(ATTN_F16, k, dim, q, q_row, rows, s);
    if (type == ATTN_Q8_0) logits_of(ATTN_Q8_0, k, dim, q, q_row, rows, s);
}

static void values(attn_dtype type, struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row) {
    if (type == ATTN_F32) values_of(ATTN_F32, v, dim, p, rows, o, o_row);
    if (type == ATTN_BF16) values_of(ATTN_BF16, v, dim, p, rows, o, o_row);
    if (type == ATTN_F16) values_of(ATTN_F16, v, dim, p, rows, o, o_row);
    if (type == ATTN_Q8_0) values_of(ATTN_Q8_0, v, dim, p, rows, o, o_row);
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
    float sum[4];
    vec_sum4(sum, total, total, total, total);
    return sum[0];
}

static void softcap(float *s, int64_t n, float cap) {
    for (int64_t i = 0; i < n; i += VEC_LANES) vec_store(s + i, vec_softcap(vec_load(s + i), cap));
}
