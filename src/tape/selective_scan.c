/* Mamba's selective state space: N numbers of state for each channel.
 *
 * forward   h[t] = exp(delta[t] A) h[t - 1] + delta[t] B[t] x[t],  y[t] = C[t] . h[t] + skip x[t]          (for each channel)
 * backward  lambda[t] = C[t] dy[t] + exp(delta[t + 1] A) lambda[t + 1],  e[t] = lambda[t] h[t - 1] exp(delta[t] A)
 *           dA += sum over t of delta[t] e[t];  ddelta[t] += A . e[t] + lambda[t] . B[t] x[t];  dx[t] += delta[t] B[t] . lambda[t] + skip dy[t]
 *           dB[t] += delta[t] x[t] lambda[t];  dC[t] += dy[t] h[t];  dskip += sum over t of dy[t] x[t]       (B, C: sums over channels)
 *
 * Forward keeps the state at the begin of every chunk of tokens; backward goes through each chunk forwards once more, and then back.
 * Strips of channels are shared out; each leaves its part of the sums over channels and sequences, which are added in order. Inside a strip the
 * channels of one number of the state lie together, as many as a strip has at most: what is beyond them is 0.
 */
#include "tape/functions.h"
#include "tape/strip.h"

#include "base/parallel.h"

#include <string.h>

enum { CHUNK = 32, W = ATTN_STRIP };
/* Operations of a token in the formulas above: of each number of a channel's state, and of the channel besides; each exp known and common terms once. */
enum { FORWARD = 6, FORWARD_CHANNEL = 3, BACKWARD = 19, BACKWARD_CHANNEL = 9 };

enum { X, DELTA, A, B, C, SKIP, INPUTS };

struct scan {
    struct attn_node node;
    attn_tensor *in[INPUTS];
    const struct attn_loops *exp;
    attn_real *kept; /* [strip, chunk, N, W] the state before it; NULL where no gradient is wanted */
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

/* A strip while it is gone through; arrays are [N, W]. */
struct lanes {
    struct attn_strip s;
    int64_t index;
    attn_real *a, *h; /* A; the state */
};

/* What a token brings: x, delta and delta x of the strip's channels. */
struct token {
    attn_real x[W], delta[W], product[W];
    const attn_real *b, *c; /* [N] */
    int64_t row, at;        /* of all tokens; its first number in [..., D] */
};

static void open_token(const struct scan *n, const struct lanes *k, int64_t t, struct token *token) {
    token->row = k->s.sequence * n->length + t;
    token->at = token->row * n->channels + k->s.begin;
    token->b = n->in[B]->data + token->row * n->states;
    token->c = n->in[C]->data + token->row * n->states;
    attn_strip_load(token->x, n->in[X]->data + token->at, k->s.wide);
    attn_strip_load(token->delta, n->in[DELTA]->data + token->at, k->s.wide);
    for (int64_t l = 0; l < W; l++) token->product[l] = token->delta[l] * token->x[l];
}

/* The strip's part of A, transposed. */
static void open_lanes(const struct scan *n, int64_t index, attn_real *scratch, struct lanes *k) {
    *k = (struct lanes){.s = attn_strip_at(index, n->channels), .index = index, .a = scratch, .h = scratch + n->states * W};
    for (int64_t i = 0; i < n->states; i++)
        for (int64_t l = 0; l < W; l++) k->a[i * W + l] = l < k->s.wide ? n->in[A]->data[(k->s.begin + l) * n->states + i] : 0;
}

/* decay = exp(delta A) */
static void decays(const struct scan *n, const struct lanes *k, const struct token *token, attn_real *decay) {
    for (int64_t i = 0; i < n->states; i++)
        for (int64_t l = 0; l < W; l++) decay[i * W + l] = token->delta[l] * k->a[i * W + l];
    n->exp->forward(n->states * W, decay, decay, NULL);
}

static attn_real *kept_at(const struct scan *n, const struct lanes *k, int64_t chunk) {
    return n->kept + (k->index * n->chunks + chunk) * n->states * W;
}

static void forward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct scan *n = job->n;
    struct lanes k;
    attn_real skip[W];
    open_lanes(n, index, job->scratch + worker * job->each, &k);
    attn_real *decay = k.h + n->states * W;
    const size_t bytes = (size_t)(n->states * W) * sizeof *k.h;
    attn_strip_load(skip, n->in[SKIP]->data + k.s.begin, k.s.wide);
    memset(k.h, 0, bytes);
    for (int64_t t = 0; t < n->length; t++) {
        struct token token;
        attn_real y[W];
        if (n->kept && t % CHUNK == 0) memcpy(kept_at(n, &k, t / CHUNK), k.h, bytes);
        open_token(n, &k, t, &token);
        decays(n, &k, &token, decay);
        for (int64_t l = 0; l < W; l++) y[l] = skip[l] * token.x[l];
        for (int64_t i = 0; i < n->states; i++) {
            attn_real *h = k.h + i * W;
            for (int64_t l = 0; l < W; l++) {
                h[l] = decay[i * W + l] * h[l] + token.product[l] * token.b[i];
                y[l] += token.c[i] * h[l];
            }
        }
        attn_strip_store(job->y + token.at, y, k.s.wide);
    }
}

/* Backward through one chunk: decay[t] = exp(delta A) of its tokens, h[t] the states before them and h[tokens] the one behind. */
struct chunk {
    struct lanes k; /* its h is that of the chunk, [CHUNK + 1, N, W] */
    int64_t begin, end;
    attn_real *decay;      /* [CHUNK, N, W] */
    attn_real *carry, *da; /* exp(delta A) lambda of the token behind; the sum of A's gradient */
    attn_real skip[W], d_skip[W];
};

static void redo(const struct scan *n, const struct chunk *c) {
    const int64_t count = n->states * W;
    memcpy(c->k.h, kept_at(n, &c->k, c->begin / CHUNK), (size_t)count * sizeof *c->k.h);
    for (int64_t t = c->begin; t < c->end; t++) {
        struct token token;
        const attn_real *before = c->k.h + (t - c->begin) * count;
        attn_real *behind = c->k.h + (t + 1 - c->begin) * count, *decay = c->decay + (t - c->begin) * count;
        open_token(n, &c->k, t, &token);
        decays(n, &c->k, &token, decay);
        for (int64_t i = 0; i < n->states; i++)
            for (int64_t l = i * W; l < (i + 1) * W; l++) behind[l] = decay[l] * before[l] + token.product[l - i * W] * token.b[i];
    }
}

/* The sum of a[l] b[l], always in the same order. */
static attn_real dot(const attn_real a[W], const attn_real b[W]) {
    enum { LANES = 8 };
    attn_real sum[LANES] = {0};
    for (int64_t l = 0; l < W; l += LANES)
        for (int64_t j = 0; j < LANES; j++) sum[j] += a[l + j] * b[l + j];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* Sums over the states of a token. */
struct along {
    attn_real a[W], b[W]; /* A . e, lambda . B */
};

/* One number of the state: lambda, and what it adds to. No two of the arrays overlap, which the compiler must know to use vectors. */
static void back_state(const struct token *t, const attn_real *restrict dy, attn_real b, attn_real c, const attn_real *restrict a,
                       const attn_real *restrict before, const attn_real *restrict decay, attn_real *restrict carry, attn_real *restrict da,
                       struct along *restrict along, attn_real *restrict lambda) {
    for (int64_t l = 0; l < W; l++) {
        lambda[l] = c * dy[l] + carry[l];
        carry[l] = lambda[l] * decay[l];
        const attn_real e = carry[l] * before[l];
        da[l] += t->delta[l] * e;
        along->a[l] += a[l] * e;
        along->b[l] += lambda[l] * b;
    }
}

static void back_step(const struct job *job, struct chunk *c, int64_t t) {
    const struct scan *n = job->n;
    const int64_t count = n->states * W, here = (t - c->begin) * count;
    struct token token;
    struct along along = {.a = {0}};
    attn_real dy[W], lambda[W];
    open_token(n, &c->k, t, &token);
    attn_strip_load(dy, job->dy + token.at, c->k.s.wide);
    const int64_t sums = (c->k.s.begin / W * n->sequences * n->length + token.row) * n->states;
    for (int64_t i = 0; i < n->states; i++) {
        const attn_real *before = c->k.h + here + i * W;
        back_state(&token, dy, token.b[i], token.c[i], c->k.a + i * W, before, c->decay + here + i * W, c->carry + i * W, c->da + i * W,
                   &along, lambda);
        job->d_b[sums + i] = dot(token.product, lambda);
        job->d_c[sums + i] = dot(dy, before + count);
    }
    for (int64_t l = 0; l < W; l++) c->d_skip[l] += dy[l] * token.x[l];
    for (int64_t l = 0; l < c->k.s.wide && job->dx; l++) job->dx[token.at + l] += token.delta[l] * along.b[l] + c->skip[l] * dy[l];
    for (int64_t l = 0; l < c->k.s.wide && job->ddelta; l++) job->ddelta[token.at + l] += along.a[l] + token.x[l] * along.b[l];
}

static void backward_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct scan *n = job->n;
    const int64_t count = n->states * W;
    struct chunk c = {.begin = 0};
    open_lanes(n, index, job->scratch + worker * job->each, &c.k);
    const struct attn_strip s = c.k.s;
    c.decay = c.k.h + (CHUNK + 1) * count;
    c.carry = c.decay + CHUNK * count;
    c.da = c.carry + count;
    attn_strip_load(c.skip, n->in[SKIP]->data + s.begin, s.wide);
    memset(c.carry, 0, (size_t)(2 * count) * sizeof *c.carry);
    for (int64_t chunk = n->chunks - 1; chunk >= 0; chunk--) {
        c.begin = chunk * CHUNK;
        c.end = attn_min64(c.begin + CHUNK, n->length);
        redo(n, &c);
        for (int64_t t = c.end - 1; t >= c.begin; t--) back_step(job, &c, t);
    }
    const int64_t first = s.sequence * n->channels + s.begin;
    for (int64_t l = 0; l < s.wide; l++) {
        job->d_skip[first + l] = c.d_skip[l];
        for (int64_t i = 0; i < n->states; i++) job->d_a[(first + l) * n->states + i] = c.da[i * W + l];
    }
}

static attn_real *take(attn_tape *tape, int64_t count) {
    return attn_tape_take(tape, (size_t)count * sizeof(attn_real));
}

static attn_real *workers(const struct scan *n, int64_t each) {
    attn_tape *tape = n->in[X]->tape;
    return take(tape, each * tape->ctx->config.threads);
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
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .each = (2 * CHUNK + 4) * W * n->states};
    for (int i = 0; i < INPUTS; i++) /* what stays, before the mark */
        if (attn_wants(n->in[i]) && !attn_grad_add(n->in[i])) return;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    job.scratch = workers(n, job.each);
    job.d_a = take(tape, n->sequences * n->channels * n->states);
    job.d_skip = take(tape, n->sequences * n->channels);
    job.d_b = take(tape, across * rows * n->states);
    job.d_c = take(tape, across * rows * n->states);
    if (attn_wants(n->in[X])) job.dx = attn_grad_add(n->in[X]);
    if (attn_wants(n->in[DELTA])) job.ddelta = attn_grad_add(n->in[DELTA]);
    if (tape->status) return;
    attn_parallel(tape->ctx, n->sequences * across, attn_share_gradient(2, n->in + X) ? 1 : tape->ctx->config.threads, backward_strip,
                  &job);
    attn_tape_add_flops(tape, (double)node->out->count * (double)(BACKWARD * n->states + BACKWARD_CHANNEL));
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
    struct job job = {.n = n, .y = out->data, .each = 3 * W * n->states};
    const struct attn_arena_mark mark = attn_arena_mark(&out->tape->step);
    job.scratch = workers(n, job.each);
    if (!job.scratch) return false;
    attn_parallel(out->tape->ctx, attn_strips(n->sequences, n->channels), out->tape->ctx->config.threads, forward_strip, &job);
    attn_arena_back(&out->tape->step, mark);
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
    here.exp = attn_loops_for(tape->ctx, ATTN_FN_EXP);
    const bool recording = attn_recording(out, INPUTS, here.in);
    if (recording) {
        here.kept = take(tape, attn_strips(here.sequences, here.channels) * here.chunks * here.states * W);
        if (!here.kept) return NULL;
    }
    if (!compute(&here, out)) return NULL;
    attn_tape_add_flops(tape, (double)out->count * (double)(FORWARD * here.states + FORWARD_CHANNEL));
    if (recording) {
        struct scan *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
