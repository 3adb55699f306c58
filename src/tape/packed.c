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

/* Packs into the panels, which are there. */
static void fill_panels(attn_tape *tape, const attn_real *b, const struct attn_packed *p, attn_real *to) {
    struct job job = {.kernel = attn_product_kernel_for(tape->ctx), .p = p, .b = b, .panels = to};
    attn_range(tape, attn_div_up(p->n, ATTN_PANEL), attn_max64(1, ATTN_PIECE / (ATTN_PANEL * attn_max64(1, p->k))), pack_panels, &job);
}

static size_t panel_bytes(const struct attn_packed *p) {
    return (size_t)(attn_div_up(p->n, ATTN_PANEL) * ATTN_PANEL * p->k) * sizeof(attn_real);
}

bool attn_pack(attn_tape *tape, const attn_real *b, int64_t ldb, bool transposed, int64_t k, int64_t n, struct attn_packed *out) {
    const attn_status status = attn_product_begin(tape->ctx, &(struct attn_product){.n = n, .k = k, .ldb = ldb});
    *out = (struct attn_packed){tape->ctx, b, n, k, ldb, transposed};
    if (status) tape->status = status;
    if (tape->status || !attn_product_kernel_for(tape->ctx)) return !tape->status;
    attn_real *panels = attn_tape_take(tape, panel_bytes(out));
    if (!panels) return false;
    fill_panels(tape, b, out, panels);
    out->b = panels;
    return true;
}

/* Parameters are the tensors whose gradient stands beside them. */
static struct attn_kept *parameter_of(attn_tensor *w) {
    return (uintptr_t)w->gradient == (uintptr_t)w + offsetof(struct attn_kept, gradient) ? (struct attn_kept *)w : NULL;
}

bool attn_pack_kept(attn_tensor *w, struct attn_packed *out) {
    attn_tape *tape = w->tape;
    if (!tape->frozen || !attn_product_kernel_for(tape->ctx) || w->count == 0) return false;
    struct attn_kept *p = parameter_of(w);
    if (!p) return false;
    *out = (struct attn_packed){tape->ctx, p->panels, w->size[0], w->size[1], w->size[1], true};
    if (p->panels) return true;
    attn_real *panels = attn_arena_take(&tape->kept, panel_bytes(out));
    if (!panels) return false; /* it is multiplied as it lies */
    fill_panels(tape, w->data, out, panels);
    out->b = p->panels = panels;
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
