/* Mamba's selective state space: N numbers of state for each channel.
 *
 * forward   h[t] = exp(delta[t] A) h[t - 1] + delta[t] B[t] x[t],  y[t] = C[t] . h[t] + skip x[t]          (for each channel)
 * backward  lambda[t] = C[t] dy[t] + exp(delta[t + 1] A) lambda[t + 1],  e[t] = lambda[t] h[t - 1] exp(delta[t] A)
 *           dA += sum over t of delta[t] e[t];  ddelta[t] += A . e[t] + lambda[t] . B[t] x[t];  dx[t] += delta[t] B[t] . lambda[t] + skip dy[t]
 *           dB[t] += delta[t] x[t] lambda[t];  dC[t] += dy[t] h[t];  dskip += sum over t of dy[t] x[t]       (B, C: sums over channels)
 *
 * Forward keeps the state at the begin of every chunk of tokens; backward goes through each chunk forwards once more, and then back.
 * Strips of channels are shared out; each leaves its part of the sums over channels and sequences, which are added in order.
 */
#include "tape/strip.h"

#include "base/parallel.h"

#include <string.h>

enum { CHUNK = 32 };

enum { X, DELTA, A, B, C, SKIP, INPUTS };

struct scan {
    struct attn_node node;
    attn_tensor *in[INPUTS];
    attn_real *kept; /* [sequence, chunk, channel, N] the state before it; NULL where no gradient is wanted */
    int64_t sequences, length, channels, states, chunks;
};

struct job {
    const struct scan *n;
    attn_real *scratch; /* of each worker `each` numbers */
    int64_t each;
    attn_real *y;
    const attn_real *dy;
    attn_real *dx, *ddelta;  /* NULL: not wanted */
    attn_real *d_a, *d_skip; /* [sequence, channel, N], [sequence, channel] */
    attn_real *d_b, *d_c;    /* [strip across, sequence, token, N] */
};

static attn_real *kept_at(const struct scan *n, struct attn_strip s, int64_t chunk) {
    return n->kept + ((s.sequence * n->chunks + chunk) * n->channels + s.begin) * n->states;
}

static void forward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct scan *n = job->n;
    const struct attn_strip s = attn_strip_at(index, n->channels);
    const int64_t count = s.wide * n->states;
    attn_real *h = job->scratch + worker * job->each;
    const attn_real *a = n->in[A]->data + s.begin * n->states;
    memset(h, 0, (size_t)count * sizeof *h);
    for (int64_t t = 0; t < n->length; t++) {
        const int64_t row = s.sequence * n->length + t, at = row * n->channels + s.begin;
        const attn_real *b = n->in[B]->data + row * n->states, *c = n->in[C]->data + row * n->states;
        if (n->kept && t % CHUNK == 0) memcpy(kept_at(n, s, t / CHUNK), h, (size_t)count * sizeof *h);
        for (int64_t l = 0; l < s.wide; l++) {
            const attn_real x = n->in[X]->data[at + l], delta = n->in[DELTA]->data[at + l];
            attn_real y = n->in[SKIP]->data[s.begin + l] * x;
            for (int64_t i = 0; i < n->states; i++) {
                attn_real *state = &h[l * n->states + i];
                *state = real_exp(delta * a[l * n->states + i]) * *state + delta * x * b[i];
                y += c[i] * *state;
            }
            job->y[at + l] = y;
        }
    }
}

/* One chunk of a strip: decay[t] = exp(delta A) of its tokens, h[t] the states before them and h[tokens] the one behind. */
struct chunk {
    struct attn_strip s;
    int64_t begin, end; /* tokens */
    attn_real *h, *decay;
    attn_real *carry; /* exp(delta A) lambda of the token behind */
};

static void redo(const struct scan *n, const struct chunk *k) {
    const int64_t count = k->s.wide * n->states;
    const attn_real *a = n->in[A]->data + k->s.begin * n->states;
    memcpy(k->h, kept_at(n, k->s, k->begin / CHUNK), (size_t)count * sizeof *k->h);
    for (int64_t t = k->begin; t < k->end; t++) {
        const int64_t row = k->s.sequence * n->length + t, at = row * n->channels + k->s.begin;
        const attn_real *b = n->in[B]->data + row * n->states, *before = k->h + (t - k->begin) * count;
        attn_real *behind = k->h + (t + 1 - k->begin) * count, *decay = k->decay + (t - k->begin) * count;
        for (int64_t l = 0; l < k->s.wide; l++) {
            const attn_real x = n->in[X]->data[at + l], delta = n->in[DELTA]->data[at + l];
            for (int64_t i = l * n->states; i < (l + 1) * n->states; i++) {
                decay[i] = real_exp(delta * a[i]);
                behind[i] = decay[i] * before[i] + delta * x * b[i - l * n->states];
            }
        }
    }
}

/* Channel l of token t. */
static void back_step(const struct job *job, const struct chunk *k, int64_t t, int64_t l) {
    const struct scan *n = job->n;
    const struct attn_strip s = k->s;
    const int64_t row = s.sequence * n->length + t, at = row * n->channels + s.begin + l, first = l * n->states;
    const int64_t count = s.wide * n->states, sums = (s.begin / ATTN_STRIP * n->sequences * n->length + row) * n->states;
    const attn_real *a = n->in[A]->data + (s.begin + l) * n->states, *b = n->in[B]->data + row * n->states;
    const attn_real *c = n->in[C]->data + row * n->states, *before = k->h + (t - k->begin) * count + first, *behind = before + count;
    const attn_real *decay = k->decay + (t - k->begin) * count + first;
    attn_real *carry = k->carry + first, *d_b = job->d_b + sums, *d_c = job->d_c + sums;
    attn_real *d_a = job->d_a + (s.sequence * n->channels + s.begin + l) * n->states;
    const attn_real x = n->in[X]->data[at], delta = n->in[DELTA]->data[at], dy = job->dy[at];
    attn_real along_a = 0, along_b = 0;
    for (int64_t i = 0; i < n->states; i++) {
        const attn_real lambda = c[i] * dy + carry[i];
        carry[i] = lambda * decay[i];
        const attn_real e = carry[i] * before[i];
        d_a[i] += delta * e;
        along_a += a[i] * e;
        along_b += lambda * b[i];
        d_b[i] += delta * x * lambda;
        d_c[i] += dy * behind[i];
    }
    if (job->dx) job->dx[at] += delta * along_b + n->in[SKIP]->data[s.begin + l] * dy;
    if (job->ddelta) job->ddelta[at] += along_a + x * along_b;
    job->d_skip[s.sequence * n->channels + s.begin + l] += dy * x;
}

static void backward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct scan *n = job->n;
    const struct attn_strip s = attn_strip_at(index, n->channels);
    const int64_t count = s.wide * n->states;
    struct chunk k = {.s = s, .h = job->scratch + worker * job->each};
    k.decay = k.h + (CHUNK + 1) * count;
    k.carry = k.decay + CHUNK * count;
    memset(k.carry, 0, (size_t)count * sizeof *k.carry);
    for (int64_t chunk = n->chunks - 1; chunk >= 0; chunk--) {
        k.begin = chunk * CHUNK;
        k.end = attn_min64(k.begin + CHUNK, n->length);
        redo(n, &k);
        for (int64_t t = k.end - 1; t >= k.begin; t--)
            for (int64_t l = 0; l < s.wide; l++) back_step(job, &k, t, l);
    }
}

/* Zeros. NULL: the tape is spoiled. */
static attn_real *zeros(attn_tape *tape, int64_t count) {
    attn_real *x = attn_tape_take(tape, (size_t)count * sizeof *x);
    if (x) memset(x, 0, (size_t)count * sizeof *x);
    return x;
}

static attn_real *workers(const struct scan *n, int64_t each) {
    attn_tape *tape = n->in[X]->tape;
    return attn_tape_take(tape, (size_t)(each * tape->ctx->config.threads) * sizeof(attn_real));
}

/* The gradient of an input gets the sums over rows of what the strips left. */
struct sum {
    int64_t rows, columns;
    const attn_real *from;
    attn_real *to;
};

static void add(void *arg, int64_t begin, int64_t end) {
    const struct sum *s = arg;
    attn_add_columns(s->rows, s->columns, begin, end, s->from, s->to);
}

static void add_sums(attn_tensor *x, int64_t rows, const attn_real *from) {
    struct sum s = {rows, x->count, from, attn_wants(x) ? attn_grad_add(x) : NULL};
    if (s.to) attn_range(x->tape, s.columns, ATTN_PIECE, add, &s);
}

static void backward(struct attn_node *node) {
    const struct scan *n = (struct scan *)node;
    attn_tape *tape = n->in[X]->tape;
    const int64_t across = attn_div_up(n->channels, ATTN_STRIP), rows = n->sequences * n->length;
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .each = (2 * CHUNK + 2) * ATTN_STRIP * n->states};
    for (int i = 0; i < INPUTS; i++) /* what stays, before the mark */
        if (attn_wants(n->in[i]) && !attn_grad_add(n->in[i])) return;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    job.scratch = workers(n, job.each);
    job.d_a = zeros(tape, n->sequences * n->channels * n->states);
    job.d_skip = zeros(tape, n->sequences * n->channels);
    job.d_b = zeros(tape, across * rows * n->states);
    job.d_c = zeros(tape, across * rows * n->states);
    if (attn_wants(n->in[X])) job.dx = attn_grad_add(n->in[X]);
    if (attn_wants(n->in[DELTA])) job.ddelta = attn_grad_add(n->in[DELTA]);
    if (tape->status) return;
    attn_parallel(tape->ctx, n->sequences * across, attn_share_gradient(2, n->in + X) ? 1 : tape->ctx->config.threads, backward_strip,
                  &job);
    add_sums(n->in[A], n->sequences, job.d_a);
    add_sums(n->in[SKIP], n->sequences, job.d_skip);
    add_sums(n->in[B], across, job.d_b);
    add_sums(n->in[C], across, job.d_c);
    attn_arena_back(&tape->step, mark);
}

static bool shapes_fit(attn_tensor *const in[INPUTS]) {
    if (!attn_same_tokens(in[X], in[DELTA], true) || !attn_same_tokens(in[X], in[B], false) || !attn_same_tokens(in[B], in[C], true))
        return false;
    const int64_t channels = in[X]->size[in[X]->dims - 1], states = in[B]->size[in[B]->dims - 1];
    return in[A]->dims == 2 && in[A]->size[0] == channels && in[A]->size[1] == states && in[SKIP]->dims == 1 &&
           in[SKIP]->size[0] == channels;
}

static bool compute(struct scan *n, attn_tensor *out) {
    struct job job = {.n = n, .y = out->data, .each = ATTN_STRIP * n->states};
    job.scratch = workers(n, job.each);
    if (!job.scratch) return false;
    attn_parallel(out->tape->ctx, attn_strips(n->sequences, n->channels), out->tape->ctx->config.threads, forward_strip, &job);
    return true;
}

attn_tensor *attn_selective_scan(attn_tensor *x, attn_tensor *delta, attn_tensor *a, attn_tensor *b, attn_tensor *c, attn_tensor *skip) {
    struct scan here = {.in = {attn_contiguous(x), attn_contiguous(delta), attn_contiguous(a), attn_contiguous(b), attn_contiguous(c),
                               attn_contiguous(skip)}};
    char text_x[ATTN_SHAPE_TEXT], text_a[ATTN_SHAPE_TEXT], text_b[ATTN_SHAPE_TEXT];
    if (!attn_usable(INPUTS, here.in)) return NULL;
    attn_tape *tape = here.in[X]->tape;
    if (!shapes_fit(here.in))
        return attn_tape_fail(
            tape, ATTN_ESHAPE, "selective scan: x and delta [..., T, D] need A [D, N], B and C [..., T, N], skip [D]; x is %s, A %s, B %s",
            attn_shape_text(here.in[X], text_x), attn_shape_text(here.in[A], text_a), attn_shape_text(here.in[B], text_b));
    attn_tensor *out = attn_tensor_like(here.in[X]);
    if (!out || out->count == 0) return out;
    here.channels = out->size[out->dims - 1];
    here.length = out->size[out->dims - 2];
    here.states = here.in[A]->size[1];
    here.sequences = out->count / (here.length * here.channels);
    here.chunks = attn_div_up(here.length, CHUNK);
    const bool recording = attn_recording(out, INPUTS, here.in);
    if (recording) {
        here.kept = attn_tape_take(tape, (size_t)(here.sequences * here.chunks * here.channels * here.states) * sizeof *here.kept);
        if (!here.kept) return NULL;
    }
    if (!compute(&here, out)) return NULL;
    if (recording) {
        struct scan *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
