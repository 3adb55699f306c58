/* A linear layer.
 *
 * forward   Y = X W^T + b          rows of X and Y: all axes but the last
 * backward  dX += dY W             dW += dY^T X             db += sum of the rows of dY
 */
#include "tape/blas.h"
#include "tape/product.h"
#include "tape/tape.h"

struct linear {
    struct attn_node node;
    attn_tensor *x, *w, *bias; /* bias NULL: none */
    int64_t rows, in, out;
};

struct rows_job {
    attn_real *y;
    const attn_real *bias;
    int64_t columns;
};

static void fill_rows(void *arg, int64_t begin, int64_t end) {
    const struct rows_job *job = arg;
    for (int64_t i = begin; i < end; i++)
        for (int64_t c = 0; c < job->columns; c++) job->y[i * job->columns + c] = job->bias[c];
}

struct sum_job {
    const attn_real *dy;
    attn_real *db;
    int64_t rows, columns;
};

static void sum_columns(void *arg, int64_t begin, int64_t end) {
    const struct sum_job *job = arg;
    attn_add_columns(job->rows, job->columns, begin, end, job->dy, job->db);
}

static void backward(struct attn_node *node) {
    const struct linear *n = (struct linear *)node;
    attn_tape *tape = node->out->tape;
    const attn_real *dy = attn_grad_of(node->out);
    if (attn_wants(n->x)) {
        bool add;
        attn_real *dx = attn_grad_write(n->x, &add);
        const struct attn_product p = {
            .m = n->rows, .n = n->in, .k = n->out, .lda = n->out, .ldb = n->in, .ldc = n->in, .keep = add ? 1 : 0};
        if (dx) tape->status = attn_product(tape->ctx, &p, dy, n->w->data, dx);
        attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    }
    if (attn_wants(n->w) && !tape->status) {
        bool add;
        attn_real *dw = attn_grad_write(n->w, &add);
        const struct attn_product p = {
            .m = n->out, .n = n->in, .k = n->rows, .transpose_a = true, .lda = n->out, .ldb = n->in, .ldc = n->in, .keep = add ? 1 : 0};
        if (dw) tape->status = attn_product(tape->ctx, &p, dy, n->x->data, dw);
        attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    }
    if (attn_wants(n->bias) && !tape->status) {
        struct sum_job job = {.dy = dy, .db = attn_grad_add(n->bias), .rows = n->rows, .columns = n->out};
        if (job.db) attn_range(tape, n->out, 64, sum_columns, &job);
    }
}

static void multiply(attn_tape *tape, const struct attn_product *p, const attn_real *x, attn_tensor *w, attn_real *y) {
    struct attn_packed packed;
    if (p->m <= ATTN_TILE_ROWS && attn_pack_kept(w, &packed))
        attn_packed_product(&packed, p->m, x, p->lda, y, p->ldc, p->keep != 0);
    else
        tape->status = attn_product(tape->ctx, p, x, w->data, y);
}

attn_tensor *attn_linear(attn_tensor *x, attn_tensor *w, attn_tensor *bias) {
    attn_tensor *inputs[] = {attn_contiguous(x), attn_contiguous(w), bias ? attn_contiguous(bias) : NULL};
    const int count = bias ? 3 : 2;
    char text_x[ATTN_SHAPE_TEXT], text_w[ATTN_SHAPE_TEXT], text_b[ATTN_SHAPE_TEXT];
    int64_t size[ATTN_TENSOR_DIMS];
    if (!attn_usable(count, inputs)) return NULL;
    x = inputs[0];
    w = inputs[1];
    bias = inputs[2];
    attn_tape *tape = x->tape;
    const int last = x->dims - 1;
    if (w->dims != 2 || w->size[1] != x->size[last] || (bias && (bias->dims != 1 || bias->size[0] != w->size[0])))
        return attn_tape_fail(tape, ATTN_ESHAPE, "linear: x %s needs w [N, %lld] and bias [N]; w is %s%s%s", attn_shape_text(x, text_x),
                              (long long)x->size[last], attn_shape_text(w, text_w), bias ? ", bias " : "",
                              bias ? attn_shape_text(bias, text_b) : "");
    for (int i = 0; i < last; i++) size[i] = x->size[i];
    size[last] = w->size[0];
    attn_tensor *out = attn_tensor_new(tape, x->dims, size);
    if (!out) return NULL;
    const int64_t columns = w->size[0];
    int64_t rows = 1; /* also where there are no columns */
    for (int i = 0; i < last; i++) rows *= x->size[i];
    const struct attn_product p = {.m = rows,
                                   .n = columns,
                                   .k = w->size[1],
                                   .transpose_b = true,
                                   .lda = attn_max64(1, w->size[1]),
                                   .ldb = attn_max64(1, w->size[1]),
                                   .ldc = attn_max64(1, columns),
                                   .keep = bias ? 1 : 0};
    if (bias) {
        struct rows_job job = {.y = out->data, .bias = bias->data, .columns = columns};
        attn_range(tape, rows, attn_max64(1, ATTN_PIECE / attn_max64(1, columns)), fill_rows, &job);
    }
    multiply(tape, &p, x->data, w, out->data);
    attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    if (attn_recording(out, count, inputs)) {
        struct linear *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->x = x;
        n->w = w;
        n->bias = bias;
        n->rows = rows;
        n->in = w->size[1];
        n->out = columns;
    }
    return tape->status ? NULL : out;
}
