/* Causal attention whose weights are the Taylor polynomial of second order of the exponential.
 *
 * forward   W[i, j] = 1 + s + s^2 / 2, s = c q[i] . k[j], c = 1 / sqrt(F), for j <= i, else 0;  z[i] = sum of W[i] + epsilon,  y[i] = W[i] v / z[i]
 * backward  dn[i] = dy[i] / z[i];  dS[i, j] = c (1 + s) (dn[i] . v[j] - dn[i] . y[i]) for j <= i, else 0
 *           dq += dS k;  dk += dS^T q;  dv += W^T dn
 *
 * Of a sequence BLOCK queries at a time meet the keys that one of them sees; the weights stay in the cache and are computed again backward. Sequences
 * are shared out.
 */
#include "tape/blas.h"
#include "tape/functions.h"
#include "tape/tape.h"

#include "base/parallel.h"

#include <string.h>

enum { BLOCK = 32 };

static const attn_real epsilon = (attn_real)1e-12;

struct taylor {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    const struct attn_functions *functions;
    attn_real *total; /* z */
    attn_real scale;  /* c */
    int64_t sequences, length, features, columns;
};

struct job {
    const struct taylor *n;
    attn_real *scratch; /* of each worker `each` numbers */
    int64_t each;
    attn_real *y;
    const attn_real *dy;
    attn_real *dq, *dk, *dv; /* NULL: not wanted */
};

/* Queries [begin, end) of a sequence, whose first row is `row`, and the keys [0, end). */
struct block {
    int64_t row, begin, end;
    attn_real *w, *d, *dn; /* [BLOCK, length], the same, [BLOCK, columns] */
};

/* s / c in w. */
static void scores(const struct taylor *n, const struct block *b) {
    const int64_t f = n->features;
    const struct attn_product p = {.m = b->end - b->begin, .n = b->end, .k = f, .transpose_b = true, .lda = f, .ldb = f, .ldc = n->length};
    attn_product_here(n->q->tape->ctx, &p, n->q->data + (b->row + b->begin) * f, n->k->data + b->row * f, b->w);
}

static void drop_later(const struct taylor *n, const struct block *b, attn_real *rows) {
    for (int64_t i = b->begin; i < b->end; i++)
        memset(rows + (i - b->begin) * n->length + i + 1, 0, (size_t)(b->end - i - 1) * sizeof *rows);
}

static void forward_block(const struct job *job, const struct block *b) {
    const struct taylor *n = job->n;
    const int64_t rows = b->end - b->begin, columns = n->columns, first = b->row + b->begin;
    const struct attn_product p = {.m = rows, .n = columns, .k = b->end, .lda = n->length, .ldb = columns, .ldc = columns};
    attn_real *y = job->y + first * columns;
    scores(n, b);
    for (int64_t i = 0; i < rows; i++)
        n->total[first + i] = n->functions->taylor_weights(b->begin + i + 1, n->scale, b->w + i * n->length) + epsilon;
    drop_later(n, b, b->w);
    attn_product_here(n->q->tape->ctx, &p, b->w, n->v->data + b->row * columns, y);
    for (int64_t i = 0; i < rows; i++) {
        const attn_real share = 1 / n->total[first + i];
        for (int64_t c = 0; c < columns; c++) y[i * columns + c] *= share;
    }
}

/* dn of the block, and in w and d the weights and dS. */
static void differentiate(const struct job *job, const struct block *b) {
    const struct taylor *n = job->n;
    const int64_t rows = b->end - b->begin, columns = n->columns, first = b->row + b->begin;
    const struct attn_product p = {
        .m = rows, .n = b->end, .k = columns, .transpose_b = true, .lda = columns, .ldb = columns, .ldc = n->length};
    attn_real along[BLOCK];
    for (int64_t i = 0; i < rows; i++) {
        const attn_real *dy = job->dy + (first + i) * columns, *y = n->node.out->data + (first + i) * columns;
        const attn_real share = 1 / n->total[first + i];
        attn_real *dn = b->dn + i * columns, sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            dn[c] = share * dy[c];
            sum += dn[c] * y[c];
        }
        along[i] = -sum;
    }
    scores(n, b);
    attn_product_here(n->q->tape->ctx, &p, b->dn, n->v->data + b->row * columns, b->d);
    for (int64_t i = 0; i < rows; i++)
        n->functions->taylor_slopes(b->begin + i + 1, n->scale, along[i], b->w + i * n->length, b->d + i * n->length);
    drop_later(n, b, b->w);
    drop_later(n, b, b->d);
}

static void backward_block(const struct job *job, const struct block *b) {
    const struct taylor *n = job->n;
    const attn_ctx *ctx = n->q->tape->ctx;
    const int64_t rows = b->end - b->begin, f = n->features, columns = n->columns, first = b->row + b->begin, keys = b->end;
    const struct attn_product to_q = {.m = rows, .n = f, .k = keys, .lda = n->length, .ldb = f, .ldc = f, .keep = 1};
    const struct attn_product to_k = {.m = keys, .n = f, .k = rows, .transpose_a = true, .lda = n->length, .ldb = f, .ldc = f, .keep = 1};
    const struct attn_product to_v = {
        .m = keys, .n = columns, .k = rows, .transpose_a = true, .lda = n->length, .ldb = columns, .ldc = columns, .keep = 1};
    differentiate(job, b);
    if (job->dq) attn_product_here(ctx, &to_q, b->d, n->k->data + b->row * f, job->dq + first * f);
    if (job->dk) attn_product_here(ctx, &to_k, b->d, n->q->data + first * f, job->dk + b->row * f);
    if (job->dv) attn_product_here(ctx, &to_v, b->w, b->dn, job->dv + b->row * columns);
}

static void sequence(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct taylor *n = job->n;
    struct block b = {.row = index * n->length, .w = job->scratch + worker * job->each};
    b.d = b.w + BLOCK * n->length;
    b.dn = b.d + BLOCK * n->length;
    for (b.begin = 0; b.begin < n->length; b.begin = b.end) {
        b.end = attn_min64(b.begin + BLOCK, n->length);
        if (job->y)
            forward_block(job, &b);
        else
            backward_block(job, &b);
    }
}

/* False: the tape is spoiled. */
static bool run(const struct taylor *n, struct job job, int threads) {
    attn_tape *tape = n->q->tape;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    const struct attn_product p = {.m = n->length, .n = attn_max64(n->length, n->columns), .k = n->features};
    job.n = n;
    job.each = BLOCK * (2 * n->length + n->columns);
    job.scratch = attn_tape_take(tape, (size_t)(job.each * tape->ctx->config.threads) * sizeof *job.scratch);
    if (!job.scratch) return false;
    tape->status = attn_product_begin(tape->ctx, &p);
    if (!tape->status) attn_parallel(tape->ctx, n->sequences, threads, sequence, &job);
    attn_arena_back(&tape->step, mark);
    return !tape->status;
}

/* Of products with `numbers` numbers for each query of a block and each key that the block meets. */
static void add_flops(const struct taylor *n, int64_t numbers) {
    const int64_t whole = n->length / BLOCK, rest = n->length % BLOCK, pairs = BLOCK * BLOCK * whole * (whole + 1) / 2 + rest * n->length;
    attn_tape_add_products(n->q->tape, n->sequences, pairs, 1, numbers);
}

static void backward(struct attn_node *node) {
    const struct taylor *n = (struct taylor *)node;
    attn_tensor *const inputs[] = {n->q, n->k, n->v};
    attn_real *to[3] = {NULL};
    for (int i = 0; i < 3; i++)
        if (attn_wants(inputs[i]) && (to[i] = attn_grad_add(inputs[i])) == NULL) return;
    const int64_t f = n->features, columns = n->columns;
    add_flops(n, f + columns + (to[0] ? f : 0) + (to[1] ? f : 0) + (to[2] ? columns : 0));
    run(n, (struct job){.dy = attn_grad_of(node->out), .dq = to[0], .dk = to[1], .dv = to[2]},
        attn_share_gradient(3, inputs) ? 1 : n->q->tape->ctx->config.threads);
}

static bool shapes_fit(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v) {
    bool fit = q->dims >= 2 && k->dims == q->dims && v->dims == q->dims;
    for (int i = 0; fit && i < q->dims; i++) fit = q->size[i] == k->size[i] && (i == q->dims - 1 || q->size[i] == v->size[i]);
    return fit && q->size[q->dims - 1] > 0;
}

attn_tensor *attn_taylor_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v) {
    attn_tensor *inputs[] = {attn_contiguous(q), attn_contiguous(k), attn_contiguous(v)};
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    if (!attn_usable(3, inputs)) return NULL;
    struct taylor here = {.q = inputs[0], .k = inputs[1], .v = inputs[2]};
    attn_tape *tape = here.q->tape;
    if (!shapes_fit(here.q, here.k, here.v))
        return attn_tape_fail(tape, ATTN_ESHAPE, "Taylor attention: q and k must be [..., T, F], v [..., T, E]; q is %s, k %s, v %s",
                              attn_shape_text(here.q, text_q), attn_shape_text(here.k, text_k), attn_shape_text(here.v, text_v));
    attn_tensor *out = attn_tensor_like(here.v);
    if (!out || out->count == 0) return out;
    here.functions = attn_functions_for(tape->ctx);
    here.columns = out->size[out->dims - 1];
    here.length = out->size[out->dims - 2];
    here.features = here.q->size[here.q->dims - 1];
    here.sequences = out->count / (here.length * here.columns);
    here.scale = 1 / real_sqrt((attn_real)here.features);
    here.total = attn_tape_take(tape, (size_t)(here.sequences * here.length) * sizeof *here.total);
    if (!here.total || !run(&here, (struct job){.y = out->data}, tape->ctx->config.threads)) return NULL;
    add_flops(&here, here.features + here.columns);
    if (attn_recording(out, 3, inputs)) {
        struct taylor *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
