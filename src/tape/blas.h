/* The only door to BLAS: matrix products, cut into blocks whose places depend on the sizes alone. Each block is one call of a BLAS that is
 * told to use one thread, or of our own loops where they are faster (product.h), inside our own parallel loop: the same bits for any
 * number of threads. */
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

/* One product on the calling thread, for tasks of a parallel loop; attn_product_begin, once before the loop, refuses what BLAS does not
 * take. */
attn_status attn_product_begin(attn_ctx *ctx, const struct attn_product *p);
void attn_product_here(const attn_ctx *ctx, const struct attn_product *p, const attn_real *a, const attn_real *b, attn_real *c);

/* b of several products, prepared once. */
struct attn_packed {
    const attn_ctx *ctx;
    const attn_real *b; /* panels [k][ATTN_PANEL], or as it was stored, for BLAS */
    int64_t n, k, ldb;
    bool transposed;
};
struct attn_tape;
/* Of b [k, n] in rows of ldb, or, transposed, stored as [n, k], neither of them 0; in memory of the tape's step. False: the tape is spoiled. */
bool attn_pack(struct attn_tape *tape, const attn_real *b, int64_t ldb, bool transposed, int64_t k, int64_t n, struct attn_packed *out);
/* The transposed of a weight [n, k] that is a frozen tape's parameter, packed when it is asked for first. False: it is no such weight, or BLAS multiplies. */
struct attn_tensor;
bool attn_pack_kept(struct attn_tensor *w, struct attn_packed *out);
/* c [m, n] = a b, or c += a b, a [m, k] in rows of lda: on the calling thread. */
void attn_packed_product(const struct attn_packed *b, int64_t m, const attn_real *a, int64_t lda, attn_real *c, int64_t ldc, bool add);
/* The same of n columns of b from `begin` on, a multiple of ATTN_PANEL. */
void attn_packed_columns(const struct attn_packed *b, int64_t begin, int64_t n, int64_t m, const attn_real *a, int64_t lda, attn_real *c,
                         int64_t ldc, bool add);

#endif
