/* GRU (Cho et al. 2014), its reset gate behind the product (Chung et al. 2014's variant that PyTorch and cuDNN compute).
 *
 * forward   (r, z, n) = W x[t] + input bias;  q = U_n h[t - 1] + its bias
 *           r = sigmoid(r + U_r h[t - 1] + bias), z likewise, n = tanh(n + r q),  h[t] = (1 - z) n + z h[t - 1]
 * backward  dn = dh (1 - z) (1 - n^2);  dz = dh (h[t - 1] - n) z (1 - z);  dr = dn q r (1 - r);  dq = dn r
 *           dh[t - 1] = dh z + U_rz^T (dr, dz) + U_n^T dq;  dW, dU as in lstm.c
 */
#include "tape/functions.h"
#include "tape/recurrent.h"

#include "base/parallel.h"

#include <string.h>

enum { GATES = 3 };

struct gru {
    struct attn_node node;
    struct attn_recurrent r;
    attn_real *q; /* [T, B, H], in backward its gradient */
};

struct job {
    const struct gru *n;
    struct attn_packed rz, q; /* U in two pieces */
    const struct attn_loops *sigmoid, *tanh;
    const attn_real *bias; /* of the gates */
    attn_real *y;
    const attn_real *dy;
    attn_real *dh; /* [B, H], from the token behind */
};

/* The sequences of strip number `index`. */
struct strip {
    int64_t begin, n;
};
static struct strip strip_at(const struct attn_recurrent *r, int64_t index) {
    const int64_t strip = attn_recurrent_strip(r);
    return (struct strip){index * strip, attn_min64(strip, r->batch - index * strip)};
}

static void forward_row(const struct job *job, int64_t row, attn_real *y) {
    const struct gru *n = job->n;
    const int64_t h = n->r.hidden;
    attn_real *gate = n->r.gate + row * GATES * h, *state = n->r.state + (row + n->r.batch) * h;
    const attn_real *before = n->r.state + row * h, *q = n->q + row * h;
    for (int64_t l = 0; l < GATES * h; l++) gate[l] += job->bias[l];
    job->sigmoid->forward(2 * h, gate, gate, NULL);
    for (int64_t l = 0; l < h; l++) gate[2 * h + l] += gate[l] * q[l];
    job->tanh->forward(h, gate + 2 * h, gate + 2 * h, NULL);
    for (int64_t l = 0; l < h; l++) y[l] = state[l] = (1 - gate[h + l]) * gate[2 * h + l] + gate[h + l] * before[l];
}

static void forward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const struct strip s = strip_at(r, index);
    const int64_t h = r->hidden;
    const attn_real *bias = r->w.recurrent_bias ? r->w.recurrent_bias->data + 2 * h : NULL;
    (void)worker;
    for (int64_t t = 0; t < r->length; t++) {
        const int64_t first = t * r->batch + s.begin;
        attn_real *q = job->n->q + first * h;
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t l = 0; l < h; l++) q[i * h + l] = bias ? bias[l] : 0;
        attn_recurrent_gates(r, first, s.n, r->gate + first * r->gates);
        if (t > 0 || r->h) {
            attn_packed_product(&job->rz, s.n, r->state + first * h, h, r->gate + first * r->gates, r->gates, true);
            attn_packed_product(&job->q, s.n, r->state + first * h, h, q, h, true);
        }
        for (int64_t b = s.begin; b < s.begin + s.n; b++) forward_row(job, t * r->batch + b, job->y + (b * r->length + t) * h);
    }
}

/* dh becomes what goes past the gates. */
static void backward_row(const struct job *job, int64_t row, const attn_real *dy, attn_real *dh) {
    const struct gru *n = job->n;
    const int64_t h = n->r.hidden;
    attn_real *r = n->r.gate + row * GATES * h, *z = r + h, *new = z + h, *q = n->q + row *h;
    const attn_real *before = n->r.state + row * h;
    for (int64_t l = 0; l < h; l++) {
        const attn_real d = dy[l] + dh[l], d_new = d * (1 - z[l]) * (1 - new[l] * new[l]);
        const attn_real d_z = d * (before[l] - new[l]) * z[l] * (1 - z[l]), d_r = d_new * q[l] * r[l] * (1 - r[l]);
        dh[l] = d * z[l];
        q[l] = d_new * r[l];
        r[l] = d_r;
        z[l] = d_z;
        new[l] = d_new;
    }
}

static void backward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const struct strip s = strip_at(r, index);
    const int64_t h = r->hidden;
    (void)worker;
    for (int64_t t = r->length - 1; t >= 0; t--) {
        const int64_t first = t * r->batch + s.begin;
        attn_real *dh = job->dh + s.begin * h;
        for (int64_t b = s.begin; b < s.begin + s.n; b++)
            backward_row(job, t * r->batch + b, job->dy + (b * r->length + t) * h, job->dh + b * h);
        if (t == 0 && !attn_wants(r->h)) break;
        attn_packed_product(&job->rz, s.n, r->gate + first * r->gates, r->gates, dh, h, true);
        attn_packed_product(&job->q, s.n, job->n->q + first * h, h, dh, h, true);
    }
}

static void over_strips(struct job *job, void (*body)(void *, int64_t, int)) {
    const struct attn_recurrent *r = &job->n->r;
    attn_tape *tape = r->x->tape;
    attn_parallel(tape->ctx, attn_div_up(r->batch, attn_recurrent_strip(r)), tape->ctx->config.threads, body, job);
}

static void backward(struct attn_node *node) {
    const struct gru *n = (struct gru *)node;
    const struct attn_recurrent *r = &n->r;
    attn_tape *tape = r->x->tape;
    const int64_t h = r->hidden;
    const attn_real *u = r->w.recurrent->data;
    const size_t bytes = (size_t)(r->batch * h) * sizeof(attn_real);
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .dh = attn_tape_take(tape, bytes)};
    if (!job.dh || !attn_pack(tape, u, h, false, 2 * h, h, &job.rz) || !attn_pack(tape, u + 2 * h * h, h, false, h, h, &job.q)) return;
    memset(job.dh, 0, bytes);
    over_strips(&job, backward_strip);
    attn_recurrent_add_flops(r, true);
    attn_real *first = attn_wants(r->h) ? attn_grad_add(r->h) : NULL;
    for (int64_t i = 0; first && i < r->h->count; i++) first[i] += job.dh[i];
    if (!tape->status) attn_recurrent_input_gradients(r, true);
    attn_recurrent_state_gradients(r, 0, 2 * h, r->gate, r->gates);
    attn_recurrent_state_gradients(r, 2 * h, h, n->q, h);
    attn_recurrent_bias_gradients(r, 1, &r->w.input_bias, 0, r->gates, r->gate, r->gates);
    attn_recurrent_bias_gradients(r, 1, &r->w.recurrent_bias, 0, 2 * h, r->gate, r->gates);
    attn_recurrent_bias_gradients(r, 1, &r->w.recurrent_bias, 2 * h, h, n->q, h);
}

/* What is added to the gates: the input's bias, and the recurrent one of r and z. False: the tape is spoiled. */
static bool gate_bias(const struct attn_recurrent *r, const attn_real **out) {
    const attn_tensor *a = r->w.input_bias, *b = r->w.recurrent_bias;
    attn_real *sum = attn_tape_take(r->x->tape, (size_t)r->gates * sizeof *sum);
    for (int64_t i = 0; sum && i < r->gates; i++) sum[i] = (a ? a->data[i] : 0) + (b && i < 2 * r->hidden ? b->data[i] : 0);
    *out = sum;
    return sum != NULL;
}

/* False: the tape is spoiled. */
static bool compute(struct gru *n, attn_tensor *out) {
    struct attn_recurrent *r = &n->r;
    attn_tape *tape = out->tape;
    const int64_t h = r->hidden;
    const attn_real *u = r->w.recurrent->data;
    struct job job = {.n = n, .y = out->data};
    job.sigmoid = attn_loops_for(tape->ctx, ATTN_FN_SIGMOID);
    job.tanh = attn_loops_for(tape->ctx, ATTN_FN_TANH);
    n->q = attn_tape_take(tape, (size_t)(r->length * r->batch * h) * sizeof(attn_real));
    if (!n->q || !gate_bias(r, &job.bias) || !attn_recurrent_begin(r) || !attn_pack(tape, u, h, true, h, 2 * h, &job.rz) ||
        !attn_pack(tape, u + 2 * h * h, h, true, h, h, &job.q))
        return false;
    over_strips(&job, forward_strip);
    attn_recurrent_add_flops(r, false);
    return true;
}

attn_tensor *attn_gru(attn_tensor *x, attn_tensor *h, const attn_recurrent_weights *w, attn_tensor **last_h) {
    struct gru here = {.q = NULL};
    attn_tensor *inputs[ATTN_RECURRENT_INPUTS];
    int count;
    if (!attn_recurrent_open(&here.r, "GRU", GATES, x, h, w, NULL, NULL, inputs, &count)) return NULL;
    const struct attn_recurrent *r = &here.r;
    attn_tape *tape = r->x->tape;
    attn_tensor *out = attn_tensor_new(tape, 1, (const int64_t[]){r->batch * r->length * r->hidden});
    if (!out) return NULL;
    const bool recording = attn_recording(out, count, inputs);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    if (!compute(&here, out)) return NULL;
    if (recording) {
        struct gru *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    } else {
        attn_arena_back(&tape->step, mark);
    }
    attn_tensor *y = attn_recurrent_result(r, out);
    if (last_h) *last_h = attn_recurrent_last(r, y, r->h);
    return tape->status ? NULL : y;
}
