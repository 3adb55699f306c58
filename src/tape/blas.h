/* The only door to BLAS: matrix products, cut into blocks whose places depend on the sizes alone. Each block is one call of a BLAS that is told
 * to use one thread, inside our own parallel loop: the same bits for any number of threads. */
#ifndef ATTN_TAPE_BLAS_H
#define ATTN_TAPE_BLAS_H

#include "tape/real.h"

/* c = a b + keep * c: a [m, k], b [k, n], c [m, n] in rows of lda, ldb, ldc elements. With transpose_a, a is stored as [k, m]; with
 * transpose_b, b as [n, k]. keep is 0 (c may hold anything) or 1. */
struct attn_product {
    int64_t m, n, k;
    bool transpose_a, transpose_b;
    int64_t lda, ldb, ldc;
    attn_real keep;
};

/* `count` products; number i is of the matrices places[i] elements behind a, b and c; no two write the same c. Statuses: ATTN_ESHAPE: a
 * size does not fit BLAS's integers. */
struct attn_product_place {
    int64_t a, b, c;
};
attn_status attn_products(attn_ctx *ctx, const struct attn_product *p, int64_t count, const struct attn_product_place *places,
                          const attn_real *a, const attn_real *b, attn_real *c);

/* One product. */
attn_status attn_product(attn_ctx *ctx, const struct attn_product *p, const attn_real *a, const attn_real *b, attn_real *c);

#endif
