/* How a product is cut. Blocks are large enough for BLAS to be near its peak, and small enough for a few threads to share them; a number
 * of c comes from one block. */
#include "tape/blas.h"

#include "base/parallel.h"
#include "tape/product.h"

#include <cblas.h>
#include <limits.h>

enum { ROWS = 22 * ATTN_TILE_ROWS, COLUMNS = 512, LEAST_ROWS = 6 * ATTN_TILE_ROWS, LEAST_COLUMNS = 128, BLOCKS = 16 };

#if defined(ATTN_TRAIN_DOUBLE)
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* OpenBLAS's own threads would nest in ours. Weak: its header may belong to a library that is linked under another name. Other libraries' manuals say
 * how to set their threads to 1. */
#if defined(OPENBLAS_VERSION)
#pragma weak openblas_set_num_threads
static void one_thread_each(void) {
    if (openblas_set_num_threads != NULL) openblas_set_num_threads(1);
}
#else
static void one_thread_each(void) {}
#endif

/* In our own loops: b a panel after the other, each packed where it is used. */
static void multiply_panels(const struct attn_product_kernel *kernel, const struct attn_product *p, const attn_real *a, const attn_real *b,
                            attn_real *c) {
    _Alignas(64) attn_real panel[ATTN_DEPTH * ATTN_PANEL];
    const int64_t depth = attn_depth_of(p->k), row = p->transpose_a ? 1 : p->lda, step = p->transpose_a ? p->lda : 1;
    for (int64_t first = 0; first < p->k; first += depth) {
        const int64_t k = attn_min64(depth, p->k - first);
        for (int64_t column = 0; column < p->n; column += ATTN_PANEL) {
            const int64_t n = attn_min64(ATTN_PANEL, p->n - column);
            kernel->pack(k, n, b + (p->transpose_b ? column * p->ldb + first : first * p->ldb + column), p->ldb, p->transpose_b, panel);
            kernel->multiply(p->m, n, k, a + first * step, row, step, panel, c + column, p->ldc, p->keep != 0 || first > 0);
        }
    }
}

void attn_product_here(const attn_ctx *ctx, const struct attn_product *p, const attn_real *a, const attn_real *b, attn_real *c) {
    const struct attn_product_kernel *kernel = attn_product_kernel_for(ctx);
    if (kernel)
        multiply_panels(kernel, p, a, b, c);
    else
        GEMM(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans, p->transpose_b ? CblasTrans : CblasNoTrans, (int)p->m, (int)p->n,
             (int)p->k, 1, a, (int)p->lda, b, (int)p->ldb, p->keep, c, (int)p->ldc);
}

attn_status attn_product_begin(attn_ctx *ctx, const struct attn_product *p) {
    if (p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->lda > INT_MAX || p->ldb > INT_MAX || p->ldc > INT_MAX)
        return attn_fail(ctx, ATTN_ESHAPE, "matrix product: sizes beyond %d are more than BLAS takes", INT_MAX);
    one_thread_each();
    return ATTN_OK;
}

/* Blocks that there should be. In our own loops a number of c is the same sum in whatever block it lies, so these may go by the threads: what one thread
 * does alone is best not cut at all. BLAS may sum otherwise at the edge of a block. */
static int64_t blocks_for(const attn_ctx *ctx) {
    enum { EACH = 4 };
    if (!attn_product_kernel_for(ctx)) return BLOCKS;
    return ctx->config.threads == 1 ? 1 : (int64_t)EACH * ctx->config.threads;
}

struct job {
    const attn_ctx *ctx;
    const struct attn_product *p;
    const struct attn_product_place *places;
    const attn_real *a, *b;
    attn_real *c;
    int64_t rows, columns; /* of a block */
    int64_t down, across;  /* blocks of one product */
};

static void block(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    struct attn_product p = *job->p;
    const int64_t row = index / job->across % job->down * job->rows, column = index % job->across * job->columns;
    const struct attn_product_place *place = &job->places[index / (job->across * job->down)];
    (void)worker;
    p.m = attn_min64(job->rows, p.m - row);
    p.n = attn_min64(job->columns, p.n - column);
    attn_product_here(job->ctx, &p, job->a + place->a + (p.transpose_a ? row : row * p.lda),
                      job->b + place->b + (p.transpose_b ? column * p.ldb : column), job->c + place->c + row * p.ldc + column);
}

/* k = 0: nothing is added. */
static void clear(const struct attn_product *p, int64_t count, const struct attn_product_place *places, attn_real *c) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t row = 0; row < p->m; row++)
            for (int64_t column = 0; column < p->n; column++) c[places[i].c + row * p->ldc + column] = 0;
}

attn_status attn_products(attn_ctx *ctx, const struct attn_product *p, int64_t count, const struct attn_product_place *places,
                          const attn_real *a, const attn_real *b, attn_real *c) {
    struct job job = {.ctx = ctx, .p = p, .places = places, .a = a, .b = b, .c = c, .rows = ROWS, .columns = COLUMNS};
    if (p->m == 0 || p->n == 0 || count == 0) return ATTN_OK;
    const attn_status status = attn_product_begin(ctx, p);
    if (status) return status;
    if (p->k == 0) {
        if (p->keep == 0) clear(p, count, places, c);
        return ATTN_OK;
    }
    const int64_t blocks = blocks_for(ctx);
    while (count * attn_div_up(p->m, job.rows) * attn_div_up(p->n, job.columns) < blocks) {
        if (job.columns > LEAST_COLUMNS && job.columns > job.rows)
            job.columns /= 2;
        else if (job.rows > LEAST_ROWS)
            job.rows = attn_div_up(job.rows / 2, ATTN_TILE_ROWS) * ATTN_TILE_ROWS;
        else
            break;
    }
    job.down = attn_div_up(p->m, job.rows);
    job.across = attn_div_up(p->n, job.columns);
    attn_parallel(ctx, count * job.down * job.across, ctx->config.threads, block, &job);
    return ATTN_OK;
}

attn_status attn_product(attn_ctx *ctx, const struct attn_product *p, const attn_real *a, const attn_real *b, attn_real *c) {
    return attn_products(ctx, p, 1, &(struct attn_product_place){0, 0, 0}, a, b, c);
}
