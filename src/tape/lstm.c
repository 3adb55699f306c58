/* LSTM (Hochreiter and Schmidhuber 1997), with a forget gate.
 *
 * forward   (i, f, g, o) = W x[t] + U h[t - 1] + biases, sigmoids of i, f and o, tanh of g
 *           c[t] = f c[t - 1] + i g,  h[t] = o tanh(c[t])
 * backward  do = dh tanh(c);  dc += dh o (1 - tanh(c)^2);  di = dc g, dg = dc i, df = dc c[t - 1];  each times its function's derivative,
 *           which gives d of the sums;  dc[t - 1] = dc f;  dh[t - 1] = U^T d;  dW = sum of d x^T, dU = sum of d h[t - 1]^T
 */
#include "tape/functions.h"
#include "tape/recurrent.h"

#include "base/parallel.h"

#include <string.h>

enum { GATES = 4 };

struct lstm {
    struct attn_node node; /* out: h [B, T, H], c [B, H] at the end and, with lengths, h [B, H] at the end, in one array */
    struct attn_recurrent r;
    attn_tensor *c;
    attn_real *cell;   /* [rows + B, H]: c before each token, and at the end */
    attn_real *squash; /* [rows, H]: tanh(c) */
};

struct job {
    const struct lstm *n;
    struct attn_packed u;
    const struct attn_loops *sigmoid, *tanh;
    const attn_real *bias; /* of the gates, NULL: 0 */
    attn_real *y;          /* of the result */
    const attn_real *dy;   /* its gradient */
    attn_real *dh, *dc;    /* [B, H], from the token behind, in the order of positions */
};

/* One sequence, one token. */
static void forward_row(const struct job *job, int64_t row, int64_t behind) {
    const struct lstm *n = job->n;
    const int64_t h = n->r.hidden;
    attn_real *y = job->y + attn_packing_place(&n->r.packing, row) * h;
    attn_real *gate = n->r.gate + row * GATES * h, *squash = n->squash + row * h, *c = n->cell + behind * h,
              *state = n->r.state + behind * h;
    const attn_real *before = n->cell + row * h;
    for (int64_t l = 0; l < GATES * h && job->bias; l++) gate[l] += job->bias[l];
    job->sigmoid->forward(2 * h, gate, gate, NULL);
    job->tanh->forward(h, gate + 2 * h, gate + 2 * h, NULL);
    job->sigmoid->forward(h, gate + 3 * h, gate + 3 * h, NULL);
    for (int64_t l = 0; l < h; l++) c[l] = gate[h + l] * before[l] + gate[l] * gate[2 * h + l];
    job->tanh->forward(h, c, squash, NULL);
    for (int64_t l = 0; l < h; l++) y[l] = state[l] = gate[3 * h + l] * squash[l];
}

/* The result's rows behind the ends of the sequences at these positions. */
static void zero_padding(const struct job *job, int64_t begin, int64_t end) {
    const struct attn_recurrent *r = &job->n->r;
    int64_t length = r->length;
    for (int64_t i = begin; i < end; i++) {
        while (length > 0 && attn_packing_active(&r->packing, length - 1) <= i) length--;
        attn_real *y = job->y + (attn_packing_sequence(&r->packing, i) * r->length + length) * r->hidden;
        memset(y, 0, (size_t)((r->length - length) * r->hidden) * sizeof *y);
    }
}

static void forward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const int64_t strip = attn_recurrent_strip(r), begin = index * strip, end = attn_min64(begin + strip, r->batch);
    (void)worker;
    for (int64_t t = 0; t < r->length && attn_packing_active(&r->packing, t) > begin; t++) {
        const int64_t first = attn_packing_first(&r->packing, t) + begin,
                      rows = attn_min64(end, attn_packing_active(&r->packing, t)) - begin;
        attn_recurrent_gates(r, first, rows);
        if (t > 0 || r->h)
            attn_packed_product(&job->u, rows, r->state + first * r->hidden, r->hidden, r->gate + first * r->gates, r->gates, true);
        for (int64_t i = 0; i < rows; i++) forward_row(job, first + i, attn_packing_behind(&r->packing, t, begin + i));
    }
    if (r->packing.order) zero_padding(job, begin, end);
}

static void backward_row(const struct job *job, int64_t row, attn_real *dh, attn_real *dc) {
    const struct lstm *n = job->n;
    const int64_t h = n->r.hidden;
    const attn_real *dy = job->dy + attn_packing_place(&n->r.packing, row) * h;
    attn_real *i = n->r.gate + row * GATES * h, *f = i + h, *g = f + h, *o = g + h;
    const attn_real *squash = n->squash + row * h, *before = n->cell + row * h;
    for (int64_t l = 0; l < h; l++) {
        const attn_real d = dy[l] + dh[l], s = squash[l], d_c = dc[l] + d * o[l] * (1 - s * s);
        const attn_real d_i = d_c * g[l] * i[l] * (1 - i[l]), d_g = d_c * i[l] * (1 - g[l] * g[l]);
        const attn_real d_f = d_c * before[l] * f[l] * (1 - f[l]);
        dc[l] = d_c * f[l];
        i[l] = d_i;
        f[l] = d_f;
        g[l] = d_g;
        o[l] = d * s * o[l] * (1 - o[l]);
    }
}

static void backward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const int64_t strip = attn_recurrent_strip(r), begin = index * strip, end = attn_min64(begin + strip, r->batch), h = r->hidden;
    (void)worker;
    for (int64_t t = r->length - 1; t >= 0; t--) {
        const int64_t first = attn_packing_first(&r->packing, t) + begin,
                      rows = attn_min64(end, attn_packing_active(&r->packing, t)) - begin;
        for (int64_t i = 0; i < rows; i++) backward_row(job, first + i, job->dh + (begin + i) * h, job->dc + (begin + i) * h);
        if (rows > 0 && (t > 0 || attn_wants(r->h)))
            attn_packed_product(&job->u, rows, r->gate + first * r->gates, r->gates, job->dh + begin * h, h, false);
    }
}

static void over_strips(struct job *job, void (*body)(void *, int64_t, int)) {
    const struct attn_recurrent *r = &job->n->r;
    attn_tape *tape = r->x->tape;
    attn_parallel(tape->ctx, attn_div_up(r->batch, attn_recurrent_strip(r)), tape->ctx->config.threads, body, job);
}

/* to [B, H], by position, from those of sequences. */
static void by_position(const struct attn_recurrent *r, const attn_real *from, attn_real *to) {
    for (int64_t i = 0; i < r->batch; i++)
        memcpy(to + i * r->hidden, from + attn_packing_sequence(&r->packing, i) * r->hidden, (size_t)r->hidden * sizeof *to);
}

static void add_to(const struct attn_recurrent *r, attn_tensor *x, const attn_real *from) {
    attn_real *to = attn_wants(x) ? attn_grad_add(x) : NULL;
    for (int64_t i = 0; to && i < r->batch; i++) {
        attn_real *row = to + attn_packing_sequence(&r->packing, i) * r->hidden;
        for (int64_t l = 0; l < r->hidden; l++) row[l] += from[i * r->hidden + l];
    }
}

static void backward(struct attn_node *node) {
    const struct lstm *n = (struct lstm *)node;
    const struct attn_recurrent *r = &n->r;
    attn_tape *tape = r->x->tape;
    const size_t bytes = (size_t)(r->batch * r->hidden) * sizeof(attn_real);
    struct job job = {.n = n, .dy = attn_grad_of(node->out)};
    job.dh = attn_tape_take(tape, bytes);
    job.dc = attn_tape_take(tape, bytes);
    if (!job.dh || !job.dc || !attn_pack(tape, r->w.recurrent->data, r->hidden, false, r->gates, r->hidden, &job.u)) return;
    const attn_real *d_cells = job.dy + r->batch * r->length * r->hidden;
    by_position(r, d_cells, job.dc);
    if (r->packing.order)
        by_position(r, d_cells + r->batch * r->hidden, job.dh);
    else
        memset(job.dh, 0, bytes);
    over_strips(&job, backward_strip);
    attn_recurrent_add_flops(r, true);
    add_to(r, r->h, job.dh);
    add_to(r, n->c, job.dc);
    if (!tape->status) attn_recurrent_input_gradients(r);
    attn_recurrent_state_gradients(r, 0, r->gates, r->gate, r->gates);
    attn_recurrent_bias_gradients(r, 2, (attn_tensor *const[]){r->w.input_bias, r->w.recurrent_bias}, 0, r->gates, r->gate, r->gates);
}

/* The sum of both biases. False: the tape is spoiled. */
static bool both_biases(const struct attn_recurrent *r, const attn_real **out) {
    const attn_tensor *a = r->w.input_bias, *b = r->w.recurrent_bias;
    *out = a ? a->data : b ? b->data : NULL;
    if (!a || !b) return true;
    attn_real *sum = attn_tape_take(r->x->tape, (size_t)r->gates * sizeof *sum);
    for (int64_t i = 0; sum && i < r->gates; i++) sum[i] = a->data[i] + b->data[i];
    *out = sum;
    return sum != NULL;
}

/* False: the tape is spoiled. */
static bool compute(struct lstm *n, attn_tensor *out) {
    struct attn_recurrent *r = &n->r;
    attn_tape *tape = out->tape;
    struct job job = {.n = n, .y = out->data};
    const int64_t rows = r->packing.rows, states = r->length * r->batch * r->hidden;
    job.sigmoid = attn_loops_for(tape->ctx, ATTN_FN_SIGMOID);
    job.tanh = attn_loops_for(tape->ctx, ATTN_FN_TANH);
    n->cell = attn_tape_take(tape, (size_t)((rows + r->batch) * r->hidden) * sizeof(attn_real));
    n->squash = attn_tape_take(tape, (size_t)(rows * r->hidden) * sizeof(attn_real));
    if (!both_biases(r, &job.bias) || !attn_recurrent_begin(r) ||
        !attn_pack(tape, r->w.recurrent->data, r->hidden, true, r->hidden, r->gates, &job.u))
        return false;
    attn_recurrent_first(r, n->c, n->cell);
    over_strips(&job, forward_strip);
    attn_recurrent_add_flops(r, false);
    attn_recurrent_ends(r, n->cell, out->data + states);
    if (r->packing.order) attn_recurrent_ends(r, r->state, out->data + states + r->batch * r->hidden);
    return true;
}

/* [B, H] of the result's array. */
static attn_tensor *ends(const struct attn_recurrent *r, attn_tensor *out, int64_t begin) {
    return attn_reshape(attn_narrow(out, 0, begin, r->batch * r->hidden), 2, (const int64_t[]){r->batch, r->hidden});
}

attn_tensor *attn_lstm_lengths(attn_tensor *x, attn_tensor *h, attn_tensor *c, const attn_recurrent_weights *w, const int32_t *lengths,
                               attn_tensor **last_h, attn_tensor **last_c) {
    struct lstm here = {.c = c ? attn_contiguous(c) : NULL};
    attn_tensor *inputs[ATTN_RECURRENT_INPUTS];
    int count;
    if (!attn_recurrent_open(&here.r, "LSTM", GATES, x, h, w, here.c, lengths, inputs, &count)) return NULL;
    const struct attn_recurrent *r = &here.r;
    attn_tape *tape = r->x->tape;
    const int64_t states = r->batch * r->length * r->hidden, cells = r->batch * r->hidden;
    attn_tensor *out = attn_tensor_new(tape, 1, (const int64_t[]){states + (lengths ? 2 : 1) * cells});
    if (!out) return NULL;
    const bool recording = attn_recording(out, count, inputs);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    if (!compute(&here, out)) return NULL;
    if (recording) {
        struct lstm *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    } else {
        attn_arena_back(&tape->step, mark);
    }
    attn_tensor *y = attn_recurrent_result(r, out);
    if (last_h) *last_h = lengths ? ends(r, out, states + cells) : attn_recurrent_last(r, y, r->h);
    if (last_c) *last_c = ends(r, out, states);
    return tape->status ? NULL : y;
}

attn_tensor *attn_lstm(attn_tensor *x, attn_tensor *h, attn_tensor *c, const attn_recurrent_weights *w, attn_tensor **last_h,
                       attn_tensor **last_c) {
    return attn_lstm_lengths(x, h, c, w, NULL, last_h, last_c);
}
