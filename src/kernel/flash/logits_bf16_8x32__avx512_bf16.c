/* Logits of 32 queries (two vectors of lanes) with bfloat16 keys, 8 at a time, by the dot product of pairs: 16 accumulators, two vectors of
 * query pairs and 8 broadcast pairs of a key's columns. The products are scaled after the sum, by the factors behind the query panel; the
 * rest is as in logits_f32_8x32__avx512.c. Keys of an odd number of columns are given padded with a 0.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512_bf16.h"
#include "kernel/flash/pairs__avx512_bf16.h"

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 8, VECTORS = 2, LANES = 32, UNROLL = 8, AHEAD = ATTN_WIDE_AHEAD_ROWS / (ATTN_KEY_STEP / ROWS) };

INLINE void dot_pair(const int rows, __m512 acc[ROWS][VECTORS], const uint32_t *q, const uint16_t *k, ptrdiff_t stride) {
    const __m512bh x = (__m512bh)_mm512_load_si512(q), y = (__m512bh)_mm512_load_si512(q + 16);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        const __m512bh b = attn_pair_set(k + r * stride);
        acc[r][0] = _mm512_dpbf16_ps(acc[r][0], b, x);
        acc[r][1] = _mm512_dpbf16_ps(acc[r][1], b, y);
    }
}

INLINE void dot_rows(const int rows, __m512 acc[ROWS][VECTORS], const uint32_t *q, const uint16_t *k, ptrdiff_t stride, int64_t pairs,
                     struct attn_next_rows ahead) {
    const char *fetch = ahead.row;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++) acc[r][v] = _mm512_setzero_ps();
    int64_t c = 0;
    for (; c + UNROLL <= pairs; c += UNROLL) {
        /* two rows: a line of each with every 32 columns */
        if (rows == ROWS) _mm_prefetch(fetch + (c / UNROLL % AHEAD) * ahead.stride + c / 16 * 64, _MM_HINT_T1);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) dot_pair(rows, acc, q + (c + u) * LANES, k + 2 * (c + u), stride);
    }
    for (; c < pairs; c++) dot_pair(rows, acc, q + c * LANES, k + 2 * c, stride);
}

/* What a run of keys shares. */
struct run {
    const uint32_t *q;
    ptrdiff_t stride;
    int64_t pairs;
    __m512 start[VECTORS], factor[VECTORS], tally[VECTORS]; /* tally: the maximum of the logits, or the sum of the weights */
};

INLINE void block(const int rows, const bool exps, struct run *t, const uint16_t *k, void *out, struct attn_next_rows ahead) {
    __m512 acc[ROWS][VECTORS];
    dot_rows(rows, acc, t->q, k, t->stride, t->pairs, ahead);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r += 2)
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) {
            __m512 even = _mm512_fmadd_ps(acc[r][v], t->factor[v], t->start[v]);
            __m512 odd = rows == 1 ? _mm512_setzero_ps() : _mm512_fmadd_ps(acc[r + (rows > 1)][v], t->factor[v], t->start[v]);
            if (exps) {
                even = attn_exp2_ps(even);
                t->tally[v] = _mm512_add_ps(t->tally[v], even);
                if (rows > 1) odd = attn_exp2_ps(odd);
                if (rows > 1) t->tally[v] = _mm512_add_ps(t->tally[v], odd);
                _mm512_store_si512((uint32_t *)out + r / 2 * LANES + v * 16, attn_pair(even, odd));
            } else {
                float *s = (float *)out + r * LANES + v * 16;
                t->tally[v] = _mm512_max_ps(even, t->tally[v]);
                _mm512_store_ps(s, even);
                if (rows > 1) t->tally[v] = _mm512_max_ps(odd, t->tally[v]);
                if (rows > 1) _mm512_store_ps(s + LANES, odd);
            }
        }
}

/* `words` of output a pair of keys. */
INLINE void run(const bool exps, const void *q, const void *k, ptrdiff_t stride, int64_t n, int64_t d, const float *start, void *out,
                float *tally, struct attn_next_rows ahead) {
    const int64_t pairs = (d + 1) / 2, words = exps ? LANES : 2 * LANES;
    const float *factor = (const float *)q + pairs * LANES;
    struct run t = {.q = q, .stride = stride, .pairs = pairs};
    for (int v = 0; v < VECTORS; v++) {
        t.start[v] = _mm512_loadu_ps(start + 16 * v);
        t.factor[v] = _mm512_load_ps(factor + 16 * v);
        t.tally[v] = _mm512_loadu_ps(tally + 16 * v);
    }
    const uint16_t *key = k;
    int64_t j = 0;
    for (; j + ROWS <= n; j += ROWS) {
        block(ROWS, exps, &t, key + j * stride, (float *)out + j / 2 * words, ahead);
        ahead.row = (const char *)ahead.row + AHEAD * ahead.stride;
    }
    const struct attn_next_rows none = {q, 0};
    for (; j + 2 <= n; j += 2) block(2, exps, &t, key + j * stride, (float *)out + j / 2 * words, none);
    if (j < n) block(1, exps, &t, key + j * stride, (float *)out + j / 2 * words, none);
    for (int v = 0; v < VECTORS; v++) _mm512_storeu_ps(tally + 16 * v, t.tally[v]);
}

void attn_logits_bf16_8x32__avx512_bf16(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start,
                                        float *s, float *max, struct attn_next_rows ahead) {
    run(false, q, k, k_stride, n, d, start, s, max, ahead);
}

void attn_logits_exp_bf16_8x32__avx512_bf16(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start,
                                            void *p, float *sum, struct attn_next_rows ahead) {
    run(true, q, k, k_stride, n, d, start, p, sum, ahead);
}
