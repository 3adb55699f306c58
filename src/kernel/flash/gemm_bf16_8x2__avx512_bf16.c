/* Microkernels of the backward pass on pairs of bfloat16, by the AVX-512 dot product: 8 rows x 2 vectors. P of a block of rows stays in the
 * first-level cache until dS of the same block has been made of it, unrounded.
 */
#include "kernel/flash/backward_pairs.h"
#include "kernel/flash/pairs__avx512_bf16.h"
#include "kernel/vector__avx512.h"

#define VECTORS               2
#define ROWS                  8
#define EACH_ROWS(X)          X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define MULTIPLY_ADD(a, b, c) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))

#include "kernel/flash/gemm_tile_template.h"

_Static_assert(ATTN_PANEL == VECTORS * VEC_LANES, "a block is as wide as a panel");

/* acc[i][j] = sum over pairs of columns of row i with lanes j. */
VEC_INLINE void dots(int rows, const uint16_t *a, int64_t stride, const uint32_t *b, int dim, vec acc[ROWS][MAX_VECTORS]) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < VECTORS; j++) acc[i][j] = vec_set1(0.0f);
    for (int c = 0; c < dim; c += 2) {
        const __m512bh x = (__m512bh)_mm512_loadu_si512(b + c / 2 * ATTN_PANEL),
                       y = (__m512bh)_mm512_loadu_si512(b + c / 2 * ATTN_PANEL + 16);
        for (int i = 0; i < rows; i++) {
            const __m512bh left = attn_pair_set(a + i * stride + c);
            acc[i][0] = _mm512_dpbf16_ps(acc[i][0], left, x);
            acc[i][1] = _mm512_dpbf16_ps(acc[i][1], left, y);
        }
    }
}

VEC_INLINE vec keep(const struct attn_pair_scores *t, bool masked, int row, int j, vec x) {
    return masked ? vec_keep(vec_bits(t->words[row] >> (j * VEC_LANES)), x) : x;
}

/* Stores rows i and i + 1 of a block as pairs; the second is 0 where there is none. */
VEC_INLINE void store_pairs(int rows, vec x[ROWS][MAX_VECTORS], uint32_t *to, int64_t stride) {
    for (int i = 0; i < rows; i += 2)
        for (int j = 0; j < VECTORS; j++)
            _mm512_storeu_si512(to + i / 2 * stride + j * VEC_LANES, attn_pair(x[i][j], i + 1 < rows ? x[i + 1][j] : vec_set1(0.0f)));
}

VEC_INLINE void prefetch(const struct attn_pair_scores *t, int rows, int r) {
    for (int s = 0; s < 2; s++) {
        const struct attn_panel_product *next = &t->next[s];
        for (int i = r; i < r + rows && i < next->next_rows; i++)
            for (int l = 0; l < next->next_lines; l++) vec_prefetch(next->next + i * next->next_stride + 64 * l);
    }
}

VEC_INLINE void score_block(const struct attn_pair_scores *t, bool masked, int rows, int r) {
    vec acc[ROWS][MAX_VECTORS];
    float p[ROWS * ATTN_PANEL];
    prefetch(t, rows, r);
    dots(rows, t->q + r * t->q_stride, t->q_stride, t->kt, t->dim, acc);
    for (int i = 0; i < rows; i++) {
        const vec start = vec_set1(t->start_p[r + i]), rest = vec_set1(t->start_rest[r + i]);
        for (int j = 0; j < VECTORS; j++) {
            const vec x = vec_add(vec_fma(acc[i][j], vec_set1(t->p_factor), start), rest);
            acc[i][j] = keep(t, masked, r + i, j, vec_exp2(x));
            vec_store(p + i * ATTN_PANEL + j * VEC_LANES, acc[i][j]);
        }
    }
    store_pairs(rows, acc, t->p + r / 2 * t->pair_stride, t->pair_stride);
    dots(rows, t->d_o + r * t->do_stride, t->do_stride, t->vt, t->v_dim, acc);
    for (int i = 0; i < rows; i++) {
        const vec start = vec_set1(t->start_ds[r + i]);
        for (int j = 0; j < VECTORS; j++) {
            const vec x = vec_mul(vec_fma(acc[i][j], vec_set1(t->ds_factor), start), vec_load(p + i * ATTN_PANEL + j * VEC_LANES));
            acc[i][j] = keep(t, masked, r + i, j, x);
        }
        _mm512_storeu_si512(t->ds_rows + (r + i) * t->row_stride, (__m512i)_mm512_cvtne2ps_pbh(acc[i][1], acc[i][0]));
    }
    store_pairs(rows, acc, t->ds + r / 2 * t->pair_stride, t->pair_stride);
}

VEC_INLINE void score_rows(const struct attn_pair_scores *t, bool masked) {
    int r = 0;
    for (; r + ROWS <= t->rows; r += ROWS) score_block(t, masked, ROWS, r);
    for (; r + 2 <= t->rows; r += 2) score_block(t, masked, 2, r);
    if (r < t->rows) score_block(t, masked, 1, r);
}

static void scores(const struct attn_pair_scores *t) {
    if (t->words)
        score_rows(t, true);
    else
        score_rows(t, false);
}

static __mmask32 first_columns(int n) {
    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

static void pack_columns(const uint16_t *x, int64_t stride, int keys, int dim, uint32_t *panel) {
    for (int key = 0; key < ATTN_PANEL; key += 16)
        for (int c = 0; c < dim; c += 32) {
            __m512 r[16];
            for (int i = 0; i < 16; i++)
                r[i] = key + i < keys ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(first_columns(dim - c), x + (key + i) * stride + c))
                                      : _mm512_setzero_ps();
            attn_transpose16(r);
            for (int i = 0; i < 16 && c + 2 * i < dim; i++)
                _mm512_storeu_si512(panel + (c / 2 + i) * ATTN_PANEL + key, _mm512_castps_si512(r[i]));
        }
}

static __m512i low_halves(const uint16_t *row, int left) {
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(attn_first_lanes(left), row));
}

static void pack_rows(const uint16_t *x, int64_t stride, int rows, int dim, int pad, uint32_t *pairs) {
    for (int r = 0; r < rows; r += 2)
        for (int c = 0; c < pad; c += 16) {
            const int left = dim - c;
            const __m512i odd = r + 1 < rows ? low_halves(x + (r + 1) * stride + c, left) : _mm512_setzero_si512();
            _mm512_storeu_si512(pairs + r / 2 * pad + c, _mm512_or_si512(low_halves(x + r * stride + c, left), _mm512_slli_epi32(odd, 16)));
        }
}

static bool all_finite(const uint16_t *x, int64_t stride, int rows, int dim) {
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    __mmask32 bad = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < dim; c += 32) {
            const __m512i row = _mm512_maskz_loadu_epi16(first_columns(dim - c), x + r * stride + c);
            bad |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(row, exponent), exponent);
        }
    return !bad;
}

const struct attn_flash_pair_ops attn_flash_pair_ops__avx512_bf16 = {
    .scores = scores,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .pack_columns = pack_columns,
    .pack_rows = pack_rows,
    .finite = all_finite,
};
