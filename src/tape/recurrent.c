#include "tape/recurrent.h"

#include "tape/product.h"

#include <assert.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------ opening */

static bool is_matrix(const attn_tensor *x, int64_t rows, int64_t columns) {
    return x->dims == 2 && x->size[0] == rows && x->size[1] == columns;
}
static bool is_row(const attn_tensor *x, int64_t n) {
    return !x || (x->dims == 1 && x->size[0] == n);
}

/* False: a tensor does not fit, or a weight has no elements. */
static bool fits(const struct attn_recurrent *r, const attn_tensor *more, int blocks) {
    const bool three = r->x->dims == 3;
    if ((!three && r->x->dims != 2) || r->w.input->dims != 2) return false;
    const int64_t in = r->x->size[r->x->dims - 1], gates = r->w.input->size[0], hidden = gates / blocks;
    return in > 0 && hidden > 0 && gates % blocks == 0 && is_matrix(r->w.input, gates, in) && is_matrix(r->w.recurrent, gates, hidden) &&
           is_row(r->w.input_bias, gates) && is_row(r->w.recurrent_bias, gates) && (!r->h || is_matrix(r->h, r->x->size[0], hidden)) &&
           (!more || is_matrix(more, r->x->size[0], hidden));
}

bool attn_recurrent_open(struct attn_recurrent *r, const char *name, int blocks, attn_tensor *x, attn_tensor *h,
                         const attn_recurrent_weights *w, attn_tensor *more, const int32_t *lengths,
                         attn_tensor *inputs[ATTN_RECURRENT_INPUTS], int *count) {
    char text_x[ATTN_SHAPE_TEXT], text_w[ATTN_SHAPE_TEXT];
    *r = (struct attn_recurrent){.h = h ? attn_contiguous(h) : NULL};
    if (w)
        r->w = (attn_recurrent_weights){attn_contiguous(w->input), attn_contiguous(w->recurrent),
                                        w->input_bias ? attn_contiguous(w->input_bias) : NULL,
                                        w->recurrent_bias ? attn_contiguous(w->recurrent_bias) : NULL};
    r->x = x && x->step[x->dims - 1] != 1 ? attn_contiguous(x) : x;
    *count = 0;
    inputs[(*count)++] = r->x;
    inputs[(*count)++] = r->w.input;
    inputs[(*count)++] = r->w.recurrent;
    if (r->w.input_bias) inputs[(*count)++] = r->w.input_bias;
    if (r->w.recurrent_bias) inputs[(*count)++] = r->w.recurrent_bias;
    if (r->h) inputs[(*count)++] = r->h;
    if (more) inputs[(*count)++] = more;
    if (!attn_usable(*count, inputs)) return false;
    assert(r->x && r->w.input && r->w.recurrent); /* what is NULL is not usable */
    if (!fits(r, more, blocks)) {
        attn_tape_fail(r->x->tape, ATTN_ESHAPE,
                       "%s: x [B, T, D] or [B, D] needs weights [%d H, D] and [%d H, H], biases [%d H] and states [B, H]; x is %s, the "
                       "input's weights are %s",
                       name, blocks, blocks, blocks, attn_shape_text(r->x, text_x), attn_shape_text(r->w.input, text_w));
        return false;
    }
    r->batch = r->x->size[0];
    r->length = r->x->dims == 3 ? r->x->size[1] : 1;
    r->in = r->x->size[r->x->dims - 1];
    r->gates = r->w.input->size[0];
    r->hidden = r->gates / blocks;
    return attn_packing_open(r->x->tape, name, r->batch, r->length, lengths, &r->packing);
}

/* ------------------------------------------------------------------------------------------------------ forward */

static int64_t batch_step(const struct attn_recurrent *r) {
    return attn_max64(r->x->step[0], r->in); /* of one sequence any step is true */
}
static int64_t time_step(const struct attn_recurrent *r) {
    return r->x->dims == 3 ? r->x->step[1] : 0;
}

static void copy_rows(void *arg, int64_t begin, int64_t end) {
    const struct attn_recurrent *r = arg;
    for (int64_t i = begin; i < end; i++) {
        const int64_t place = attn_packing_place(&r->packing, i);
        const attn_real *from = r->x->data + place % r->length * time_step(r) + place / r->length * batch_step(r);
        memcpy(r->inputs + i * r->in, from, (size_t)r->in * sizeof *from);
    }
}

void attn_recurrent_first(const struct attn_recurrent *r, const attn_tensor *x, attn_real *states) {
    const size_t bytes = (size_t)r->hidden * sizeof *states;
    for (int64_t i = 0; i < r->batch; i++) {
        attn_real *to = states + attn_recurrent_behind(r, -1, i) * r->hidden;
        if (x)
            memcpy(to, x->data + attn_packing_sequence(&r->packing, i) * r->hidden, bytes);
        else
            memset(to, 0, bytes);
    }
}

void attn_recurrent_ends(const struct attn_recurrent *r, const attn_real *states, attn_real *to) {
    const attn_real *end = states + attn_recurrent_at(r, r->packing.rows, 0) * r->hidden;
    for (int64_t i = 0; i < r->batch; i++)
        memcpy(to + attn_packing_sequence(&r->packing, i) * r->hidden, end + i * r->hidden, (size_t)r->hidden * sizeof *to);
}

bool attn_recurrent_begin(struct attn_recurrent *r) {
    attn_tape *tape = r->x->tape;
    const int64_t rows = r->packing.rows;
    r->inputs = attn_tape_take(tape, (size_t)(rows * r->in) * sizeof(attn_real));
    r->gate = attn_tape_take(tape, (size_t)((r->rolls ? r->batch : rows) * r->gates) * sizeof(attn_real));
    r->state = attn_tape_take(tape, (size_t)((r->rolls ? r->batch : rows + r->batch) * r->hidden) * sizeof(attn_real));
    if (tape->status) return false;
    attn_range(tape, rows, attn_max64(1, ATTN_PIECE / r->in), copy_rows, r);
    attn_recurrent_first(r, r->h, r->state);
    return attn_pack(tape, r->w.input->data, r->in, true, r->in, r->gates, &r->input);
}

void attn_recurrent_add_flops(const struct attn_recurrent *r, bool backward) {
    const bool first = backward ? attn_wants(r->h) : r->h != NULL;
    const int64_t rows = r->packing.rows, none = first || r->length == 0 ? 0 : attn_packing_active(&r->packing, 0);
    attn_tape *tape = r->x->tape;
    if (!backward) attn_tape_add_products(tape, 1, rows, r->gates, r->in);
    attn_tape_add_products(tape, 1, rows - none, r->gates, r->hidden);
}

void attn_recurrent_gates(const struct attn_recurrent *r, int64_t first, int64_t n, attn_real *gate) {
    attn_packed_product(&r->input, n, r->inputs + first * r->in, r->in, gate, r->gates, false);
}

/* A quarter of all, so that a few threads have one each, within bounds: weights are read once for a strip and token. One thread alone takes the most,
 * where a row's numbers do not depend on the rows beside it (not so in BLAS). */
int64_t attn_recurrent_strip_of(const attn_ctx *ctx, int64_t batch) {
    enum { UNIT = 8 };
    if (ctx->config.threads == 1 && attn_product_kernel_for(ctx)) return ATTN_RECURRENT_STRIP;
    return attn_min64(ATTN_RECURRENT_STRIP, UNIT * attn_max64(1, attn_div_up(batch, 4 * UNIT)));
}

/* ---------------------------------------------------------------------------------------------------- gradients */

/* dx += gate W, row by row at its place. */
static void packed_gradient_of_x(const struct attn_recurrent *r) {
    attn_tape *tape = r->x->tape;
    attn_real *dx = attn_grad_add(r->x), *rows = attn_tape_take(tape, (size_t)(r->packing.rows * r->in) * sizeof *rows);
    const struct attn_product p = {.m = r->packing.rows, .n = r->in, .k = r->gates, .lda = r->gates, .ldb = r->in, .ldc = r->in};
    if (!dx || !rows) return;
    tape->status = attn_product(tape->ctx, &p, r->gate, r->w.input->data, rows);
    attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    for (int64_t i = 0; i < r->packing.rows; i++) {
        const int64_t place = attn_packing_place(&r->packing, i);
        attn_real *to = dx + place % r->length * time_step(r) + place / r->length * batch_step(r);
        for (int64_t l = 0; l < r->in; l++) to[l] += rows[i * r->in + l];
    }
}

/* dx [b, t] += gate [t, b] W, a product for each token. */
static void gradient_of_x(const struct attn_recurrent *r) {
    attn_tape *tape = r->x->tape;
    bool add = true;
    attn_real *dx = attn_is_contiguous(r->x) ? attn_grad_write(r->x, &add) : attn_grad_add(r->x);
    struct attn_product_place *places = attn_tape_take(tape, (size_t)r->length * sizeof *places);
    const struct attn_product p = {
        .m = r->batch, .n = r->in, .k = r->gates, .lda = r->gates, .ldb = r->in, .ldc = batch_step(r), .keep = add ? 1 : 0};
    if (!dx || !places) return;
    for (int64_t t = 0; t < r->length; t++) places[t] = (struct attn_product_place){t * r->batch * r->gates, 0, t * time_step(r)};
    tape->status = attn_products(tape->ctx, &p, r->length, places, r->gate, r->w.input->data, dx);
    attn_tape_add_products(tape, r->length, p.m, p.n, p.k);
}

void attn_recurrent_input_gradients(const struct attn_recurrent *r, bool weights) {
    attn_tape *tape = r->x->tape;
    const int64_t rows = r->packing.rows;
    if (attn_wants(r->x)) (r->packing.order ? packed_gradient_of_x : gradient_of_x)(r);
    if (weights && attn_wants(r->w.input) && !tape->status) {
        bool add;
        attn_real *dw = attn_grad_write(r->w.input, &add);
        const struct attn_product p = {
            .m = r->gates, .n = r->in, .k = rows, .transpose_a = true, .lda = r->gates, .ldb = r->in, .ldc = r->in, .keep = add ? 1 : 0};
        if (dw) tape->status = attn_product(tape->ctx, &p, r->gate, r->inputs, dw);
        attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    }
}

void attn_recurrent_state_gradients(const struct attn_recurrent *r, int64_t begin, int64_t n, const attn_real *d, int64_t ld) {
    attn_tape *tape = r->x->tape;
    const int64_t none = r->h || r->length == 0 ? 0 : attn_packing_active(&r->packing, 0); /* states before the first token are 0 */
    if (attn_wants(r->w.recurrent) && !tape->status) {
        attn_real *dw = attn_grad_add(r->w.recurrent);
        const struct attn_product p = {.m = n,
                                       .n = r->hidden,
                                       .k = r->packing.rows - none,
                                       .transpose_a = true,
                                       .lda = ld,
                                       .ldb = r->hidden,
                                       .ldc = r->hidden,
                                       .keep = 1};
        if (dw) tape->status = attn_product(tape->ctx, &p, d + none * ld, r->state + none * r->hidden, dw + begin * r->hidden);
        attn_tape_add_products(tape, 1, p.m, p.n, p.k);
    }
}

struct sum {
    int64_t rows, columns;
    const attn_real *from;
    attn_real *to;
};

static void sum_columns(void *arg, int64_t begin, int64_t end) {
    const struct sum *s = arg;
    attn_add_columns(s->rows, s->columns, begin, end, s->from, s->to);
}

void attn_recurrent_bias_gradients(const struct attn_recurrent *r, int count, attn_tensor *const *bias, int64_t begin, int64_t n,
                                   const attn_real *d, int64_t ld) {
    attn_tape *tape = r->x->tape;
    struct sum s = {.rows = r->packing.rows, .columns = ld, .from = d};
    for (int i = 0; i < count && !tape->status; i++) {
        attn_real *to = attn_wants(bias[i]) ? attn_grad_add(bias[i]) : NULL;
        if (!to) continue;
        if (!s.to) {
            s.to = attn_tape_take(tape, (size_t)n * sizeof *s.to);
            if (!s.to) return;
            memset(s.to, 0, (size_t)n * sizeof *s.to);
            attn_range(tape, n, 64, sum_columns, &s);
        }
        for (int64_t l = 0; l < n; l++) to[begin + l] += s.to[l];
    }
}

/* ------------------------------------------------------------------------------------------------------ results */

attn_tensor *attn_recurrent_last(const struct attn_recurrent *r, attn_tensor *y, attn_tensor *first) {
    const int64_t size[] = {r->batch, r->hidden};
    if (r->x->dims == 2) return y;
    if (r->length == 0) return first ? first : attn_constant(r->x->tape, 2, size, 0);
    attn_tensor *last = attn_narrow(y, 1, r->length - 1, 1);
    if (!last) return NULL;
    last->dims = 2; /* [B, H], a sequence from one to the next */
    last->size[1] = r->hidden;
    last->step[1] = 1;
    return last;
}

attn_tensor *attn_recurrent_result(const struct attn_recurrent *r, attn_tensor *owner) {
    const int64_t count = r->batch * r->length * r->hidden;
    attn_tensor *y = attn_narrow(owner, 0, 0, count);
    if (r->x->dims == 2) return attn_reshape(y, 2, (const int64_t[]){r->batch, r->hidden});
    return attn_reshape(y, 3, (const int64_t[]){r->batch, r->length, r->hidden});
}
