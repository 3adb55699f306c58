/* LSTM (Hochreiter and Schmidhuber 1997), with a forget gate.
 *
 * forward   (i, f, g, o) = W x[t] + U h[t - 1] + biases, sigmoids of i, f and o, tanh of g
 *           c[t] = f c[t - 1] + i g,  h[t] = o tanh(c[t])
 * backward  do = dh tanh(c);  dc += dh o (1 - tanh(c)^2);  di = dc g, dg = dc i, df = dc c[t - 1];  each times its function's derivative,
 *           which gives d of the sums;  dc[t - 1] = dc f;  dh[t - 1] = U^T d;  dW = sum of d x^T, dU = sum of d h[t - 1]^T
 */
#include "tape/lstm_states.h"
#include "tape/recurrent.h"

#include "base/parallel.h"

#include <string.h>

/* Sums over tokens are kept for GROUPs of positions, which depend on no number of threads. */
enum { GATES = ATTN_LSTM_GATES, GROUP = 8 };

struct lstm {
    struct attn_node node; /* out: h [B, T, H], c [B, H] at the end and, with lengths, h [B, H] at the end, in one array */
    struct attn_recurrent r;
    attn_tensor *c;
    attn_real *cell;   /* [rows + B, H]: c before each token, and at the end; [B, H] where it rolls */
    attn_real *squash; /* [rows, H]: tanh(c); [B, H] where it rolls */
};

struct job {
    const struct lstm *n;
    const struct attn_functions *functions;
    struct attn_lstm_layer layer;
    struct attn_lstm_states states; /* in the place of layer and u, where only they are wanted */
    struct attn_packed u;
    attn_real *y;        /* of the result */
    const attn_real *dy; /* its gradient */
    attn_real *dh, *dc;  /* [B, H], from the token behind, in the order of positions */
    attn_real *sums;     /* of each group [in + 1, 4 H]: gradients of the layer's inputs' weights and of the bias */
};

static int64_t few_inputs(const struct attn_recurrent *r) {
    return r->in <= ATTN_LSTM_FEW ? r->in : 0;
}

static struct attn_lstm_token token_of(const struct lstm *n, int64_t row, int64_t position) {
    const int64_t h = n->r.hidden, at = attn_recurrent_at(&n->r, row, position);
    return (struct attn_lstm_token){n->r.inputs + row * n->r.in, n->cell + at * h, n->r.gate + at * GATES * h, n->squash + at * h};
}

static void forward_row(const struct job *job, int64_t t, int64_t row, int64_t position) {
    const struct lstm *n = job->n;
    const int64_t h = n->r.hidden, behind = attn_recurrent_behind(&n->r, t, position);
    const struct attn_lstm_token token = token_of(n, row, position);
    job->functions->lstm_forward(&job->layer, &token, n->cell + behind * h, n->r.state + behind * h,
                                 job->y + attn_packing_place(&n->r.packing, row) * h);
}

/* What W x and U h are of the gates' sums, of positions from `begin` on. */
static void products(const struct job *job, int64_t first, int64_t begin, int64_t rows, bool state) {
    const struct attn_recurrent *r = &job->n->r;
    const int64_t at = attn_recurrent_at(r, first, begin);
    attn_real *gate = r->gate + at * r->gates;
    const bool few = job->layer.in > 0;
    if (!few) attn_recurrent_gates(r, first, rows, gate);
    if (state)
        attn_packed_product(&job->u, rows, r->state + at * r->hidden, r->hidden, gate, r->gates, !few);
    else if (few)
        memset(gate, 0, (size_t)(rows * r->gates) * sizeof *gate);
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
        products(job, first, begin, rows, t > 0 || r->h);
        for (int64_t i = 0; i < rows; i++) forward_row(job, t, first + i, begin + i);
    }
    if (r->packing.order) zero_padding(job, begin, end);
}

/* Of sequences of one length. States go to and fro between two arrays: in the result a sequence's are too far from the next one's, some multiple of 2 KiB, to be
 * together in the cache. */
static void forward_states(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const int64_t strip = attn_recurrent_strip(r), begin = index * strip, count = attn_min64(strip, r->batch - begin), h = r->hidden;
    attn_real *const state[2] = {r->state + begin * h, job->n->squash + begin * h};
    attn_real *c = job->n->cell + begin * h, *y = job->y + begin * r->length * h;
    (void)worker;
    for (int64_t t = 0; t < r->length; t++) {
        const attn_real *x = r->inputs + (t * r->batch + begin) * r->in;
        const struct attn_lstm_rows rows = {count, r->in, h, r->length * h, x, c, NULL, c, state[(t + 1) % 2], y + t * h};
        attn_lstm_states_step(&job->states, &rows, t > 0 || r->h ? state[t % 2] : NULL, r->gate + begin * r->gates);
    }
}

static void backward_row(const struct job *job, int64_t row, int64_t position) {
    const struct lstm *n = job->n;
    const int64_t h = n->r.hidden;
    const struct attn_lstm_token token = token_of(n, row, position);
    job->functions->lstm_backward(&job->layer, &token, job->dy + attn_packing_place(&n->r.packing, row) * h, job->dh + position * h,
                                  job->dc + position * h, job->sums + position / GROUP * (job->layer.in + 1) * n->r.gates);
}

static void backward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_recurrent *r = &job->n->r;
    const int64_t strip = attn_recurrent_strip(r), begin = index * strip, end = attn_min64(begin + strip, r->batch), h = r->hidden;
    (void)worker;
    for (int64_t t = r->length - 1; t >= 0; t--) {
        const int64_t first = attn_packing_first(&r->packing, t) + begin,
                      rows = attn_min64(end, attn_packing_active(&r->packing, t)) - begin;
        for (int64_t i = 0; i < rows; i++) backward_row(job, first + i, begin + i);
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

/* The groups' sums: the last row is the bias's gradient, those before are of W^T, where inputs are few. */
static void add_sums(const struct job *job) {
    const struct attn_recurrent *r = &job->n->r;
    attn_tensor *const bias[] = {r->w.input_bias, r->w.recurrent_bias}, *w = r->w.input;
    const int64_t in = job->layer.in, count = (in + 1) * r->gates;
    for (int64_t group = 1; group < attn_div_up(r->batch, GROUP); group++)
        for (int64_t i = 0; i < count; i++) job->sums[i] += job->sums[group * count + i];
    for (int i = 0; i < 2; i++) {
        attn_real *to = attn_wants(bias[i]) ? attn_grad_add(bias[i]) : NULL;
        for (int64_t l = 0; to && l < r->gates; l++) to[l] += job->sums[in * r->gates + l];
    }
    attn_real *to = in > 0 && attn_wants(w) ? attn_grad_add(w) : NULL;
    for (int64_t i = 0; to && i < in * r->gates; i++) to[i % r->gates * in + i / r->gates] += job->sums[i];
    if (to) attn_tape_add_products(r->x->tape, 1, r->packing.rows, r->gates, in);
}

static void backward(struct attn_node *node) {
    const struct lstm *n = (struct lstm *)node;
    const struct attn_recurrent *r = &n->r;
    attn_tape *tape = r->x->tape;
    const size_t bytes = (size_t)(r->batch * r->hidden) * sizeof(attn_real);
    const size_t sums = (size_t)(attn_div_up(r->batch, GROUP) * (few_inputs(r) + 1) * r->gates) * sizeof(attn_real);
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .functions = attn_functions_for(tape->ctx)};
    job.layer = (struct attn_lstm_layer){.hidden = r->hidden, .in = few_inputs(r)};
    job.sums = attn_tape_take(tape, sums);
    job.dh = attn_tape_take(tape, bytes);
    job.dc = attn_tape_take(tape, bytes);
    if (!job.sums || !job.dh || !job.dc || !attn_pack(tape, r->w.recurrent->data, r->hidden, false, r->gates, r->hidden, &job.u)) return;
    const attn_real *d_cells = job.dy + r->batch * r->length * r->hidden;
    memset(job.sums, 0, sums);
    by_position(r, d_cells, job.dc);
    if (r->packing.order)
        by_position(r, d_cells + r->batch * r->hidden, job.dh);
    else
        memset(job.dh, 0, bytes);
    over_strips(&job, backward_strip);
    attn_recurrent_add_flops(r, true);
    add_to(r, r->h, job.dh);
    add_to(r, n->c, job.dc);
    if (r->batch > 0) add_sums(&job);
    if (!tape->status) attn_recurrent_input_gradients(r, job.layer.in == 0);
    attn_recurrent_state_gradients(r, 0, r->gates, r->gate, r->gates);
}

/* The sum of both biases, and W^T where inputs are few. False: the tape is spoiled. */
static bool open_layer(const struct attn_recurrent *r, struct attn_lstm_layer *layer) {
    const attn_tensor *a = r->w.input_bias, *b = r->w.recurrent_bias;
    const int64_t in = few_inputs(r);
    attn_real *bias = attn_tape_take(r->x->tape, (size_t)((in + 1) * r->gates) * sizeof *bias);
    if (!bias) return false;
    attn_real *input = bias + r->gates;
    for (int64_t i = 0; i < r->gates; i++) bias[i] = (a ? a->data[i] : 0) + (b ? b->data[i] : 0);
    for (int64_t i = 0; i < in * r->gates; i++) input[i] = r->w.input->data[i % r->gates * in + i / r->gates];
    *layer = (struct attn_lstm_layer){r->hidden, in, input, bias};
    return true;
}

/* False: the tape is spoiled. */
static bool compute(struct lstm *n, attn_tensor *out) {
    struct attn_recurrent *r = &n->r;
    attn_tape *tape = out->tape;
    struct job job = {.n = n, .y = out->data, .functions = attn_functions_for(tape->ctx)};
    const int64_t rows = r->packing.rows, states = r->length * r->batch * r->hidden;
    n->cell = attn_tape_take(tape, (size_t)((r->rolls ? r->batch : rows + r->batch) * r->hidden) * sizeof(attn_real));
    n->squash = attn_tape_take(tape, (size_t)((r->rolls ? r->batch : rows) * r->hidden) * sizeof(attn_real));
    const bool states_only = r->rolls && few_inputs(r) > 0 && !r->packing.order;
    if (!attn_recurrent_begin(r) ||
        !(states_only ? attn_lstm_states_open(tape, &r->w, &job.states)
                      : open_layer(r, &job.layer) && attn_pack(tape, r->w.recurrent->data, r->hidden, true, r->hidden, r->gates, &job.u)))
        return false;
    attn_recurrent_first(r, n->c, n->cell);
    over_strips(&job, states_only ? forward_states : forward_strip);
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
    here.r.rolls = !recording;
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
