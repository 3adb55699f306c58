/* The weighted sum of RWKV-4's time mixing, each channel by itself: token i weighs e^(k_i), what is past decays by e^w a token, and the token
 * itself weighs e^(u + k_i) instead.
 *
 * forward   alpha[t + 1] = e^w alpha[t] + e^k[t] v[t],  beta[t + 1] = e^w beta[t] + e^k[t],  alpha[0] = beta[0] = 0
 *           y[t] = (alpha[t] + e^(u + k[t]) v[t]) / (beta[t] + e^(u + k[t]))
 * backward  G[t] = dy[t] / (beta[t] + e^(u + k[t]))
 *           ga[t] = G[t] + e^w ga[t + 1],  gb[t] = -G[t] y[t] + e^w gb[t + 1],  nothing past the end
 *           dv[t] += G[t] e^(u + k[t]) + e^k[t] ga[t + 1]
 *           dk[t] += e^(u + k[t]) G[t] (v[t] - y[t]) + e^k[t] (ga[t + 1] v[t] + gb[t + 1])
 *           du += sum of e^(u + k[t]) G[t] (v[t] - y[t]);  dw += sum of e^w (ga[t + 1] alpha[t] + gb[t + 1] beta[t])
 *
 * alpha = p e^o and beta = q e^o are kept with an exponent o that is the greatest so far, so that q is from 1 on; ga and gb likewise with one of their
 * own, m. m is an exponent of 1 / beta of some later token, which has seen this one, so e^(k + m) and e^(w + m + o) are at most 1.
 */
#include "tape/functions.h"
#include "tape/strip.h"

enum { W = ATTN_STRIP };
enum { FORWARD = 9, BACKWARD = 23 /* operations of a channel and token in the formulas above, each e^x known and common terms once */ };

static const attn_real none = (attn_real)-1e38; /* the exponent of 0 */

struct rwkv {
    struct attn_node node;
    attn_tensor *k, *v, *w, *u;
    const struct attn_loops *exp;
    attn_real *p, *q, *o; /* before each token; NULL where no gradient is wanted */
    int64_t sequences, length, channels;
};

struct job {
    const struct rwkv *n;
    const attn_real *dy;
    attn_real *y, *dk, *dv; /* dk, dv NULL: not wanted */
    attn_real *dw, *du;     /* [sequence, channel] */
};

static attn_real greater(attn_real a, attn_real b) {
    return a > b ? a : b;
}

/* e^(a - m) and e^(b - m) of the greater m of a and b: one of them is 1, the other is `smaller` = e^-|a - b|. */
struct shares {
    attn_real a, b;
};
static struct shares shares_of(attn_real a, attn_real b, attn_real smaller) {
    return (struct shares){a > b ? 1 : smaller, a > b ? smaller : 1};
}

/* A strip's channels: their parameters, 0 beyond them. */
struct lanes {
    struct attn_strip s;
    attn_real w[W], u[W];
};

static struct lanes lanes_of(const struct rwkv *n, int64_t index) {
    struct lanes x = {.s = attn_strip_at(index, n->channels)};
    attn_strip_load(x.w, n->w->data + x.s.begin, x.s.wide);
    attn_strip_load(x.u, n->u->data + x.s.begin, x.s.wide);
    return x;
}

/* The states of the channels, and one token's step. */
struct state {
    attn_real p[W], q[W], o[W];
};

static void step(const struct rwkv *n, const struct lanes *x, struct state *s, const attn_real k[W], const attn_real v[W], attn_real y[W]) {
    attn_real e[2][W];
    for (int64_t l = 0; l < W; l++) {
        e[0][l] = -real_fabs(s->o[l] - (x->u[l] + k[l]));
        e[1][l] = -real_fabs(x->w[l] + s->o[l] - k[l]);
    }
    n->exp->forward(2 * W, e[0], e[0], NULL);
    for (int64_t l = 0; l < W; l++) {
        const struct shares out = shares_of(s->o[l], x->u[l] + k[l], e[0][l]), on = shares_of(x->w[l] + s->o[l], k[l], e[1][l]);
        y[l] = (out.a * s->p[l] + out.b * v[l]) / (out.a * s->q[l] + out.b);
        s->p[l] = on.a * s->p[l] + on.b * v[l];
        s->q[l] = on.a * s->q[l] + on.b;
        s->o[l] = greater(x->w[l] + s->o[l], k[l]);
    }
}

static void forward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct rwkv *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct lanes x = lanes_of(n, index);
        struct state state = {.p = {0}};
        for (int64_t l = 0; l < W; l++) state.o[l] = none;
        for (int64_t t = 0; t < n->length; t++) {
            const int64_t at = (x.s.sequence * n->length + t) * n->channels + x.s.begin;
            attn_real k[W], v[W], y[W];
            if (n->p) {
                attn_strip_store(n->p + at, state.p, x.s.wide);
                attn_strip_store(n->q + at, state.q, x.s.wide);
                attn_strip_store(n->o + at, state.o, x.s.wide);
            }
            attn_strip_load(k, n->k->data + at, x.s.wide);
            attn_strip_load(v, n->v->data + at, x.s.wide);
            step(n, &x, &state, k, v, y);
            attn_strip_store(job->y + at, y, x.s.wide);
        }
    }
}

/* ga = a e^m and gb = b e^m of the token behind, and the sums of a channel. */
struct back {
    attn_real a[W], b[W], m[W], dw[W], du[W];
};

/* A token's numbers, and the exponentials of its step. */
struct token {
    attn_real k[W], v[W], y[W], dy[W], p[W], q[W], o[W];
    attn_real out[W], later[W], decay[W], on[W]; /* e^-|o - u - k|, e^(k + m), e^(w + m + o), e^-|w + m + top| */
};

static void open_token(const struct job *job, const struct lanes *x, const struct back *g, int64_t at, struct token *t) {
    const struct rwkv *n = job->n;
    const int64_t wide = x->s.wide;
    attn_strip_load(t->k, n->k->data + at, wide);
    attn_strip_load(t->v, n->v->data + at, wide);
    attn_strip_load(t->y, job->y + at, wide);
    attn_strip_load(t->dy, job->dy + at, wide);
    attn_strip_load(t->p, n->p + at, wide);
    attn_strip_load(t->q, n->q + at, wide);
    attn_strip_load(t->o, n->o + at, wide);
    for (int64_t l = 0; l < W; l++) {
        const attn_real own = x->u[l] + t->k[l];
        t->out[l] = -real_fabs(t->o[l] - own);
        t->later[l] = t->k[l] + g->m[l];
        t->decay[l] = x->w[l] + g->m[l] + t->o[l];
        t->on[l] = -real_fabs(x->w[l] + g->m[l] + greater(t->o[l], own));
    }
    n->exp->forward(W, t->out, t->out, NULL);
    n->exp->forward(W, t->later, t->later, NULL);
    n->exp->forward(W, t->decay, t->decay, NULL);
    n->exp->forward(W, t->on, t->on, NULL);
}

static void back_step(const struct job *job, const struct lanes *x, struct back *g, int64_t at) {
    struct token t;
    attn_real dk[W], dv[W];
    open_token(job, x, g, at, &t);
    for (int64_t l = 0; l < W; l++) {
        const attn_real own = x->u[l] + t.k[l], top = greater(t.o[l], own);
        const struct shares out = shares_of(t.o[l], own, t.out[l]), on = shares_of(x->w[l] + g->m[l], -top, t.on[l]);
        const attn_real d = t.dy[l] / (out.a * t.q[l] + out.b); /* G = d e^-top */
        const attn_real own_d = out.b * d * (t.v[l] - t.y[l]);
        dv[l] = out.b * d + t.later[l] * g->a[l];
        dk[l] = own_d + t.later[l] * (g->a[l] * t.v[l] + g->b[l]);
        g->du[l] += own_d;
        g->dw[l] += t.decay[l] * (g->a[l] * t.p[l] + g->b[l] * t.q[l]);
        g->a[l] = on.a * g->a[l] + on.b * d;
        g->b[l] = on.a * g->b[l] - on.b * d * t.y[l];
        g->m[l] = greater(x->w[l] + g->m[l], -top);
    }
    for (int64_t l = 0; l < x->s.wide && job->dk; l++) job->dk[at + l] += dk[l];
    for (int64_t l = 0; l < x->s.wide && job->dv; l++) job->dv[at + l] += dv[l];
}

static void backward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct rwkv *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct lanes x = lanes_of(n, index);
        struct back g = {.a = {0}};
        for (int64_t l = 0; l < W; l++) g.m[l] = none;
        for (int64_t t = n->length - 1; t >= 0; t--) back_step(job, &x, &g, (x.s.sequence * n->length + t) * n->channels + x.s.begin);
        attn_strip_store(job->dw + x.s.sequence * n->channels + x.s.begin, g.dw, x.s.wide);
        attn_strip_store(job->du + x.s.sequence * n->channels + x.s.begin, g.du, x.s.wide);
    }
}

static void backward(struct attn_node *node) {
    const struct rwkv *n = (struct rwkv *)node;
    attn_tape *tape = n->k->tape;
    const size_t bytes = (size_t)(n->sequences * n->channels) * sizeof(attn_real);
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .y = node->out->data};
    job.dw = attn_tape_take(tape, bytes);
    job.du = attn_tape_take(tape, bytes);
    if (attn_wants(n->k)) job.dk = attn_grad_add(n->k);
    if (attn_wants(n->v)) job.dv = attn_grad_add(n->v);
    attn_real *dw = attn_wants(n->w) ? attn_grad_add(n->w) : NULL, *du = attn_wants(n->u) ? attn_grad_add(n->u) : NULL;
    if (tape->status) return;
    const int64_t strips = attn_strips(n->sequences, n->channels);
    attn_range(tape, strips, attn_share_gradient(2, (attn_tensor *const[]){n->k, n->v}) ? strips : 1, backward_strips, &job);
    attn_tape_add_flops(tape, BACKWARD * (double)node->out->count);
    if (dw) attn_add_columns(n->sequences, n->channels, 0, n->channels, job.dw, dw);
    if (du) attn_add_columns(n->sequences, n->channels, 0, n->channels, job.du, du);
}

/* Memory for what backward reads. False: the tape is spoiled. */
static bool keep_states(struct rwkv *n, attn_tensor *out) {
    const size_t bytes = (size_t)out->count * sizeof(attn_real);
    n->p = attn_tape_take(out->tape, bytes);
    n->q = attn_tape_take(out->tape, bytes);
    n->o = attn_tape_take(out->tape, bytes);
    return n->p && n->q && n->o;
}

attn_tensor *attn_rwkv(attn_tensor *k, attn_tensor *v, attn_tensor *w, attn_tensor *u) {
    attn_tensor *inputs[] = {attn_contiguous(k), attn_contiguous(v), attn_contiguous(w), attn_contiguous(u)};
    char text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    if (!attn_usable(4, inputs)) return NULL;
    struct rwkv here = {.k = inputs[0], .v = inputs[1], .w = inputs[2], .u = inputs[3]};
    attn_tape *tape = here.k->tape;
    here.channels = here.k->size[here.k->dims - 1];
    if (!attn_same_tokens(here.k, here.v, true) || here.w->dims != 1 || here.u->dims != 1 || here.w->size[0] != here.channels ||
        here.u->size[0] != here.channels)
        return attn_tape_fail(tape, ATTN_ESHAPE, "rwkv: k and v must be [..., T, D], w and u [D]; k is %s, v %s",
                              attn_shape_text(here.k, text_k), attn_shape_text(here.v, text_v));
    attn_tensor *out = attn_tensor_like(here.k);
    if (!out || out->count == 0) return out;
    here.length = out->size[out->dims - 2];
    here.sequences = out->count / (here.length * here.channels);
    here.exp = attn_loops_for(tape->ctx, ATTN_FN_EXP);
    const bool recording = attn_recording(out, 4, inputs);
    if (recording && !keep_states(&here, out)) return NULL;
    attn_range(tape, attn_strips(here.sequences, here.channels), 1, forward_strips, &(struct job){.n = &here, .y = out->data});
    attn_tape_add_flops(tape, FORWARD * (double)out->count);
    if (recording) {
        struct rwkv *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
