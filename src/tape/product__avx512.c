/* Products of floats in tiles of 12 rows by two vectors of 16 columns: 24 sums, two vectors of the panel and one number of a fill the 32
 * registers. */
#include "kernel/vector__avx512.h"

#include "base/cpu.h"
#include "tape/product.h"

/* 16 by 16 of a stored transposed. */
static void pack_transposed(int64_t k, int64_t n, const float *b, int64_t ldb, float *panel) {
    for (int64_t half = 0; half < ATTN_PANEL; half += VEC_LANES)
        for (int64_t i = 0; i < k; i += VEC_LANES) {
            vec r[VEC_LANES];
            const int64_t left = attn_min64(VEC_LANES, k - i);
            for (int64_t c = 0; c < VEC_LANES; c++) r[c] = half + c < n ? vec_load_first(b + (half + c) * ldb + i, left) : vec_set1(0.0f);
            vec_transpose(r);
            for (int64_t c = 0; c < left; c++) vec_store(panel + (i + c) * ATTN_PANEL + half, r[c]);
        }
}

static void pack(int64_t k, int64_t n, const float *b, int64_t ldb, bool transposed, float *panel) {
    if (transposed) {
        pack_transposed(k, n, b, ldb, panel);
        return;
    }
    for (int64_t i = 0; i < k; i++)
        for (int64_t half = 0; half < ATTN_PANEL; half += VEC_LANES)
            vec_store(panel + i * ATTN_PANEL + half,
                      vec_load_first(b + i * ldb + (half < n ? half : 0), attn_max64(0, attn_min64(VEC_LANES, n - half))));
}

/* Every processor with AVX-512 has the instruction, which compilers make of no builtin unless told so by another flag. */
VEC_INLINE void prefetch_to_write(float *p) {
    __asm__ volatile("prefetchw %0" : : "m"(*p));
}

/* Rows of c so many floats apart are asked for before the sums are there: the processor does not foresee them. */
enum { FAR = 512 };

/* `rows` is a constant wherever this is expanded. */
VEC_INLINE void tile(int rows, int64_t n, int64_t k, const float *a, int64_t row, int64_t step, const float *panel, float *c, int64_t ldc,
                     bool add) {
    vec sum[ATTN_TILE_ROWS][2];
    const float *three[4] = {a, a + 3 * row, a + 6 * row, a + 9 * row}; /* of each the next two are one address away */
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = vec_set1(0.0f);
        if (add || ldc >= FAR) {
            prefetch_to_write(c + r * ldc);
            prefetch_to_write(c + r * ldc + n - 1);
        }
    }
    for (int64_t i = 0; i < k; i++) {
        const vec first = vec_load(panel), second = vec_load(panel + VEC_LANES);
        panel += ATTN_PANEL;
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            const vec x = vec_set1(three[r / 3][r % 3 * row]);
            vec_accumulate(&sum[r][0], x, first);
            vec_accumulate(&sum[r][1], x, second);
        }
#pragma GCC unroll 4
        for (int g = 0; g < (rows + 2) / 3; g++) three[g] += step;
    }
    if (n == ATTN_PANEL) {
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            float *to = c + r * ldc;
            vec_store(to, add ? vec_add(sum[r][0], vec_load(to)) : sum[r][0]);
            vec_store(to + VEC_LANES, add ? vec_add(sum[r][1], vec_load(to + VEC_LANES)) : sum[r][1]);
        }
        return;
    }
    const int64_t low = attn_min64(n, VEC_LANES), high = n - low;
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        float *to = c + r * ldc;
        if (add) {
            sum[r][0] = vec_add(sum[r][0], vec_load_first(to, low));
            sum[r][1] = vec_add(sum[r][1], vec_load_first(to + low, high));
        }
        vec_store_first(to, low, sum[r][0]);
        vec_store_first(to + low, high, sum[r][1]);
    }
}

static void multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t step, const float *panel, float *c, int64_t ldc,
                     bool add) {
    for (; m >= ATTN_TILE_ROWS; m -= ATTN_TILE_ROWS, a += ATTN_TILE_ROWS * row, c += ATTN_TILE_ROWS * ldc)
        tile(ATTN_TILE_ROWS, n, k, a, row, step, panel, c, ldc, add);
    switch (m) {
#define CASE(rows)                                                                                                                         \
    case rows:                                                                                                                             \
        tile(rows, n, k, a, row, step, panel, c, ldc, add);                                                                                \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
#undef CASE
    default:
        break;
    }
}

const struct attn_product_kernel attn_product__avx512 = {.isa_bits = ATTN_ISA_AVX512, .pack = pack, .multiply = multiply};
