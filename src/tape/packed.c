/* Matrices that several products read: packed into panels once, where our own loops multiply. */
#include "tape/blas.h"
#include "tape/product.h"
#include "tape/tape.h"

struct job {
    const struct attn_product_kernel *kernel;
    const struct attn_packed *p;
    const attn_real *b;
    attn_real *panels;
};

static void pack_panels(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_packed *p = job->p;
    for (int64_t i = begin; i < end; i++) {
        const int64_t column = i * ATTN_PANEL;
        job->kernel->pack(p->k, attn_min64(ATTN_PANEL, p->n - column), job->b + (p->transposed ? column * p->ldb : column), p->ldb,
                          p->transposed, job->panels + column * p->k);
    }
}

bool attn_pack(attn_tape *tape, const attn_real *b, int64_t ldb, bool transposed, int64_t k, int64_t n, struct attn_packed *out) {
    struct job job = {.kernel = attn_product_kernel_for(tape->ctx), .p = out, .b = b};
    const int64_t panels = attn_div_up(n, ATTN_PANEL);
    const attn_status status = attn_product_begin(tape->ctx, &(struct attn_product){.n = n, .k = k, .ldb = ldb});
    *out = (struct attn_packed){tape->ctx, b, n, k, ldb, transposed};
    if (status) tape->status = status;
    if (tape->status || !job.kernel) return !tape->status;
    out->b = job.panels = attn_tape_take(tape, (size_t)(panels * ATTN_PANEL * k) * sizeof *job.panels);
    if (!job.panels) return false;
    attn_range(tape, panels, attn_max64(1, ATTN_PIECE / (ATTN_PANEL * attn_max64(1, k))), pack_panels, &job);
    return true;
}

void attn_packed_columns(const struct attn_packed *b, int64_t begin, int64_t n, int64_t m, const attn_real *a, int64_t lda, attn_real *c,
                         int64_t ldc, bool add) {
    const struct attn_product_kernel *kernel = attn_product_kernel_for(b->ctx);
    if (!kernel) {
        const struct attn_product p = {
            .m = m, .n = n, .k = b->k, .transpose_b = b->transposed, .lda = lda, .ldb = b->ldb, .ldc = ldc, .keep = add ? 1 : 0};
        attn_product_here(b->ctx, &p, a, b->b + (b->transposed ? begin * b->ldb : begin), c);
        return;
    }
    const int64_t depth = attn_depth_of(b->k);
    for (int64_t column = 0; column < n; column += ATTN_PANEL)
        for (int64_t first = 0; first < b->k; first += depth)
            kernel->multiply(m, attn_min64(ATTN_PANEL, n - column), attn_min64(depth, b->k - first), a + first, lda, 1,
                             b->b + (begin + column) * b->k + first * ATTN_PANEL, c + column, ldc, add || first > 0);
}

void attn_packed_product(const struct attn_packed *b, int64_t m, const attn_real *a, int64_t lda, attn_real *c, int64_t ldc, bool add) {
    attn_packed_columns(b, 0, b->n, m, a, lda, c, ldc, add);
}
