/* The inner loops of a matrix product on one instruction set: rows of a times a panel of b, which is a few columns of b packed so that the
 * loop reads them as they lie.
 *
 * Where a processor has AVX-512, these take the place of BLAS: OpenBLAS 0.3.21 falls back to its AVX2 kernels, half as fast, on processors
 * that are younger than it (Zen 5), and a panel that is used again, as in recurrences, need not be packed again.
 */
#ifndef ATTN_TAPE_PRODUCT_H
#define ATTN_TAPE_PRODUCT_H

#include "base/context.h"
#include "tape/real.h"

enum {
    ATTN_PANEL = 32,     /* columns */
    ATTN_TILE_ROWS = 12, /* of a, whose sums with a panel are kept in registers */
    ATTN_DEPTH = 256,    /* rows of a panel at a time, which then lie in the first-level cache */
};
/* So many rows of k at a time, all about as many. k > 0. */
static inline int64_t attn_depth_of(int64_t k) {
    return attn_div_up(k, attn_div_up(k, ATTN_DEPTH));
}

struct attn_product_kernel {
    uint32_t isa_bits; /* what it needs of attn_ctx.isa */
    /* panel [k][ATTN_PANEL] of n columns, 0 beyond them, of b [k, n] in rows of ldb, or, transposed, stored as [n, k]. */
    void (*pack)(int64_t k, int64_t n, const attn_real *b, int64_t ldb, bool transposed, attn_real *panel);
    /* c [m, n] = a panel, or c += that; element (r, i) of a [m, k] is a[r * row + i * step]. */
    void (*multiply)(int64_t m, int64_t n, int64_t k, const attn_real *a, int64_t row, int64_t step, const attn_real *panel, attn_real *c,
                     int64_t ldc, bool add);
};

#if !defined(ATTN_TRAIN_DOUBLE) && defined(ATTN_HAVE_AVX512)
extern const struct attn_product_kernel attn_product__avx512;
#endif

/* NULL: BLAS multiplies. */
static inline const struct attn_product_kernel *attn_product_kernel_for(const attn_ctx *ctx) {
#if !defined(ATTN_TRAIN_DOUBLE) && defined(ATTN_HAVE_AVX512)
    if ((ctx->isa & attn_product__avx512.isa_bits) == attn_product__avx512.isa_bits) return &attn_product__avx512;
#endif
    (void)ctx;
    return NULL;
}

#endif
