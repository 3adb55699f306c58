/* ATTN_Q8_0 with the dot product of bytes (AVX512_VNNI): logits of 16 keys x 1 query, 8 x 2 or 4 x 3 and 4 a step; values of 1 query or 2 x 128
 * columns or 3 and 4 x 64, as floats, whose weights carry the scales.
 *
 * The instruction multiplies unsigned bytes by signed ones: keys are taken with 128 added, and the sums begin at -128 times those of the
 * query. Sums of a block are exact integers; what follows is float. */
#include "kernel/convert/convert.h"
#include "kernel/decode/stored__avx512.h"

#define KEYS(rows) ((rows) > 2 ? 4 : (rows) > 1 ? 8 : 16)

#include "kernel/decode/decode_step_template.h"

enum { ROWS = 4, BLOCKS = ATTN_DECODE_Q8 / ATTN_Q8_BLOCK }; /* query rows of a pass, at most; blocks of a step along a row */

VEC_INLINE __m512i add_pairs(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
/* In each four lanes the sums of the same four lanes of 4 vectors. */
VEC_INLINE __m512i quarters(const __m512i x[4]) {
    const __m512i ab = add_pairs(x[0], x[1]), cd = add_pairs(x[2], x[3]);
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* The codes of two blocks with 128 added; of one: the others are 0, as the query's are. */
VEC_INLINE __m512i codes(const struct attn_q8 *block, int blocks) {
    const __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)block[0].code));
    if (blocks < 2) return _mm512_xor_si512(_mm512_zextsi256_si512(_mm512_castsi512_si256(low)), _mm512_set1_epi8(-128));
    const __m512i both = _mm512_inserti64x4(low, _mm256_loadu_si256((const __m256i *)(const void *)block[1].code), 1);
    return _mm512_xor_si512(both, _mm512_set1_epi8(-128));
}

/* The scales of 1 to 4 blocks of 4 rows, 0 for blocks beyond. Lane 4 b + i belongs to block b of row i; by_row: lane 4 i + b. */
VEC_INLINE vec scales(const struct attn_q8 *const row[4], int blocks, bool by_row) {
    __m128i low = _mm_setzero_si128(), high = low;
#define PUT(half, lane)                                                                                                                    \
    if ((by_row ? (lane) % 4 : (lane) / 4) < blocks)                                                                                       \
    half = _mm_insert_epi16(half, by_row ? row[(lane) / 4][(lane) % 4].scale : row[(lane) % 4][(lane) / 4].scale, (lane) % 8)
    PUT(low, 0);
    PUT(low, 1);
    PUT(low, 2);
    PUT(low, 3);
    PUT(low, 4);
    PUT(low, 5);
    PUT(low, 6);
    PUT(low, 7);
    PUT(high, 8);
    PUT(high, 9);
    PUT(high, 10);
    PUT(high, 11);
    PUT(high, 12);
    PUT(high, 13);
    PUT(high, 14);
    PUT(high, 15);
#undef PUT
    return _mm512_cvtph_ps(_mm256_set_m128i(high, low));
}

/* Block number `block` of the rows [j, j + 4). */
VEC_INLINE void four_blocks(const struct attn_decode_rows *rows, int64_t j, int64_t block, const struct attn_q8 *to[4]) {
    const char *row[4];
    four_rows(rows, j, row);
    for (int i = 0; i < 4; i++) to[i] = (const struct attn_q8 *)(const void *)row[i] + block;
}

VEC_INLINE size_t bytes_of(int64_t dim) {
    return (size_t)(dim / ATTN_Q8_BLOCK) * sizeof(struct attn_q8);
}

/* call(n, ...) with a constant n: blocks, at most BLOCKS; query rows, at most ROWS. */
#define BY_NUMBER(call, n, ...)                                                                                                            \
    switch (n) {                                                                                                                           \
    case 1:                                                                                                                                \
        call(1, __VA_ARGS__);                                                                                                              \
        break;                                                                                                                             \
    case 2:                                                                                                                                \
        call(2, __VA_ARGS__);                                                                                                              \
        break;                                                                                                                             \
    case 3:                                                                                                                                \
        call(3, __VA_ARGS__);                                                                                                              \
        break;                                                                                                                             \
    default:                                                                                                                               \
        call(4, __VA_ARGS__);                                                                                                              \
        break;                                                                                                                             \
    }

/* ------------------------------------------------------------------------------------------------------ logits */

/* Adds the products of some blocks of 4 keys to to[r]: lane 4 b + i has those of block b and key i. */
VEC_INLINE void add_blocks(int blocks, int rows, const struct attn_q8 *const row[4], const struct attn_decode_q8 *q, int64_t q_row,
                           vec *to) {
    __m512i low[4], high[4];
    for (int i = 0; i < 4; i++) {
        low[i] = codes(row[i], blocks);
        if (blocks > 2) high[i] = codes(row[i] + 2, blocks - 2);
    }
    const vec scale = scales(row, blocks, false);
    for (int r = 0; r < rows; r++) {
        const struct attn_decode_q8 *query = q + r * q_row;
        __m512i a[4], b[4], sum_b = _mm512_setzero_si512();
        for (int i = 0; i < 4; i++) {
            a[i] = _mm512_dpbusd_epi32(_mm512_loadu_si512(query->offset), low[i], _mm512_loadu_si512(query->code));
            if (blocks > 2)
                b[i] = _mm512_dpbusd_epi32(_mm512_loadu_si512(query->offset + 16), high[i], _mm512_loadu_si512(query->code + 64));
        }
        const __m512i sum_a = quarters(a);
        if (blocks > 2) sum_b = quarters(b);
        const __m512i sum = _mm512_add_epi32(_mm512_shuffle_i32x4(sum_a, sum_b, 0x88), _mm512_shuffle_i32x4(sum_a, sum_b, 0xdd));
        to[r] = vec_fma(_mm512_cvtepi32_ps(sum), vec_mul(scale, vec_load(query->scale)), to[r]);
    }
}

/* The keys [j, end) against `rows` queries. */
VEC_INLINE void logits_rows(int rows, const struct attn_decode_rows *k, int64_t j, int64_t end, struct ahead *ahead, int64_t dim,
                            const struct attn_decode_q8 *q, int64_t q_row, float *s) {
    const int64_t whole = dim / ATTN_DECODE_Q8, left = dim % ATTN_DECODE_Q8 / ATTN_Q8_BLOCK;
    for (; j < end; j += KEYS(rows)) {
        vec quarter[16];
        for (int g = 0; g < KEYS(rows) / 4; g++) {
            const struct attn_q8 *row[4];
            vec *to = quarter + g * rows;
            fetch(ahead, k, bytes_of(dim));
            four_blocks(k, j + 4 * g, 0, row);
            for (int r = 0; r < rows; r++) to[r] = vec_set1(0.0f);
            for (int64_t step = 0; step < whole; step++) {
                add_blocks(BLOCKS, rows, row, q + step, q_row, to);
                for (int i = 0; i < 4; i++) row[i] += BLOCKS;
            }
            if (left > 0) BY_NUMBER(add_blocks, left, rows, row, q + whole, q_row, to)
        }
        store_logits(rows, k->n, j, quarter, s);
    }
}

VEC_INLINE void logits_near(int64_t dim, const struct attn_decode_rows *k, const struct attn_decode_q8 *q, int64_t q_row, int64_t rows,
                            float *s) {
    struct ahead ahead = ahead_of(ATTN_Q8_0, rows, (rows + ROWS - 1) / ROWS, bytes_of(dim), k->n);
    for (int64_t j = 0; j < k->n; j += NEAR) {
        const int64_t end = j + NEAR < k->n ? j + NEAR : k->n;
        ahead_begin(&ahead, j);
        for (int64_t r = 0; r < rows; r += ROWS) {
            BY_NUMBER(logits_rows, rows - r, k, j, end, &ahead, dim, q + r * q_row, q_row, s + r * ATTN_DECODE_TILE)
        }
    }
}

/* Loops of its own for the usual head size. */
static void logits(struct attn_decode_rows k, int64_t dim, const struct attn_decode_q8 *q, int64_t q_row, int64_t rows, float *s) {
    if (dim == 128)
        logits_near(128, &k, q, q_row, rows, s);
    else
        logits_near(dim, &k, q, q_row, rows, s);
}

/* ------------------------------------------------------------------------------------------------------ values */

/* weight[r][4 n + b] = p times the scale of block b of row j + n, for the rows [j, end). */
VEC_INLINE void scale_weights(int blocks, int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, int64_t block, const float *p,
                              float weight[ROWS][NEAR * BLOCKS]) {
    const __m512i each = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (int64_t n = 0; j + n < end; n += 4) {
        const struct attn_q8 *row[4];
        four_blocks(v, j + n, block, row);
        const vec scale = scales(row, blocks, true);
        for (int r = 0; r < rows; r++) {
            const vec four = vec_load_first(p + r * ATTN_DECODE_TILE + j + n, end - j - n < 4 ? end - j - n : 4);
            vec_store(weight[r] + 4 * n, vec_mul(scale, _mm512_permutexvar_ps(each, four)));
        }
    }
}

/* The columns of some blocks from block `block` of each row on, whose weights begin at weight[r] and whose sums at o. */
VEC_INLINE void add_columns(int blocks, int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, struct ahead *ahead,
                            size_t bytes, int64_t block, const float *weight, float *o, int64_t o_row) {
    vec acc[ROWS][2 * BLOCKS];
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 2 * blocks; i++) acc[r][i] = vec_load(o + r * o_row + i * VEC_LANES);
    const char *at = v->at + j * v->step;
    for (; j < end; j += 4) {
        fetch(ahead, v, bytes);
        for (int n = 0; n < 4 && j + n < end; n++, at += v->step, weight += BLOCKS) {
            const struct attn_q8 *row = (const struct attn_q8 *)(const void *)at + block;
            for (int b = 0; b < blocks; b++) {
                const vec low = vec_i8(row[b].code), high = vec_i8(row[b].code + VEC_LANES);
                for (int r = 0; r < rows; r++) {
                    const vec w = vec_set1(weight[r * NEAR * BLOCKS + b]);
                    acc[r][2 * b] = vec_fma(w, low, acc[r][2 * b]);
                    acc[r][2 * b + 1] = vec_fma(w, high, acc[r][2 * b + 1]);
                }
            }
        }
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 2 * blocks; i++) vec_store(o + r * o_row + i * VEC_LANES, acc[r][i]);
}

/* The blocks of a pass of add_columns. */
VEC_INLINE int wide_of(int rows, int blocks) {
    return rows > 2 && blocks > 2 ? 2 : blocks;
}

/* The columns of 1 to 4 blocks. */
VEC_INLINE void add_blocks_of_values(int blocks, int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, struct ahead *ahead,
                                     size_t bytes, int64_t block, const float *p, float *o, int64_t o_row) {
    float weight[ROWS][NEAR * BLOCKS];
    const int wide = wide_of(rows, blocks);
    scale_weights(blocks, rows, v, j, end, block, p, weight);
    add_columns(wide, rows, v, j, end, ahead, bytes, block, weight[0], o, o_row);
    if (wide < blocks)
        add_columns(blocks - wide, rows, v, j, end, ahead, bytes, block + wide, weight[0] + wide, o + wide * ATTN_Q8_BLOCK, o_row);
}

VEC_INLINE int passes_of(int rows, int64_t dim) {
    const int64_t blocks = dim / ATTN_Q8_BLOCK, whole = blocks / BLOCKS, left = blocks % BLOCKS;
    return (int)(whole * (BLOCKS / wide_of(rows, BLOCKS)) + (left > 0) + (left > wide_of(rows, (int)left)));
}

VEC_INLINE void values_rows(int rows, const struct attn_decode_rows *v, int64_t j, int64_t end, struct ahead *ahead, int64_t dim,
                            const float *p, float *o, int64_t o_row) {
    const int64_t blocks = dim / ATTN_Q8_BLOCK;
    const size_t bytes = bytes_of(dim);
    int64_t block = 0;
    for (; block + BLOCKS <= blocks; block += BLOCKS)
        add_blocks_of_values(BLOCKS, rows, v, j, end, ahead, bytes, block, p, o + block * ATTN_Q8_BLOCK, o_row);
    if (block < blocks)
        BY_NUMBER(add_blocks_of_values, blocks - block, rows, v, j, end, ahead, bytes, block, p, o + block * ATTN_Q8_BLOCK, o_row)
}

VEC_INLINE void values_near(int64_t dim, const struct attn_decode_rows *v, const float *p, int64_t rows, float *o, int64_t o_row) {
    const int whole = passes_of(ROWS, dim), last = rows % ROWS ? passes_of((int)(rows % ROWS), dim) : 0;
    struct ahead ahead = ahead_of(ATTN_Q8_0, rows, rows / ROWS * whole + last, bytes_of(dim), v->n);
    for (int64_t j = 0; j < v->n; j += NEAR) {
        const int64_t end = j + NEAR < v->n ? j + NEAR : v->n;
        ahead_begin(&ahead, j);
        for (int64_t r = 0; r < rows; r += ROWS) {
            BY_NUMBER(values_rows, rows - r, v, j, end, &ahead, dim, p + r * ATTN_DECODE_TILE, o + r * o_row, o_row)
        }
    }
}

/* Loops of its own for the usual head size. */
static void values(struct attn_decode_rows v, int64_t dim, const float *p, int64_t rows, float *o, int64_t o_row) {
    if (dim == 128)
        values_near(128, &v, p, rows, o, o_row);
    else
        values_near(dim, &v, p, rows, o, o_row);
}

const struct attn_decode_q8_ops attn_decode_q8_ops__avx512_bf16 = {.logits = logits, .values = values};
