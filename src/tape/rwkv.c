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
#include "tape/strip.h"

#include <string.h>

static const attn_real none = (attn_real)-1e38; /* the exponent of 0 */

struct rwkv {
    struct attn_node node;
    attn_tensor *k, *v, *w, *u;
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

/* The state of a channel, and one token's step. */
struct state {
    attn_real p, q, o;
};

static attn_real step(struct state *s, attn_real k, attn_real v, attn_real w, attn_real u) {
    attn_real top = greater(s->o, u + k), past = real_exp(s->o - top), own = real_exp(u + k - top);
    const attn_real y = (past * s->p + own * v) / (past * s->q + own);
    top = greater(w + s->o, k);
    past = real_exp(w + s->o - top);
    own = real_exp(k - top);
    *s = (struct state){past * s->p + own * v, past * s->q + own, top};
    return y;
}

static void forward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct rwkv *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, n->channels);
        struct state state[ATTN_STRIP];
        for (int64_t l = 0; l < s.wide; l++) state[l] = (struct state){0, 0, none};
        for (int64_t t = 0; t < n->length; t++) {
            const int64_t at = (s.sequence * n->length + t) * n->channels + s.begin;
            for (int64_t l = 0; l < s.wide; l++) {
                if (n->p) {
                    n->p[at + l] = state[l].p;
                    n->q[at + l] = state[l].q;
                    n->o[at + l] = state[l].o;
                }
                job->y[at + l] = step(&state[l], n->k->data[at + l], n->v->data[at + l], n->w->data[s.begin + l], n->u->data[s.begin + l]);
            }
        }
    }
}

/* ga = a e^m and gb = b e^m of the token behind, and the sums of a channel. */
struct back {
    attn_real a, b, m, dw, du;
};

static void back_step(const struct job *job, struct back *g, int64_t at, attn_real w, attn_real u) {
    const struct rwkv *n = job->n;
    const attn_real k = n->k->data[at], v = n->v->data[at], y = job->y[at], o = n->o[at];
    const attn_real top = greater(o, u + k), own = real_exp(u + k - top);
    const attn_real d = job->dy[at] / (real_exp(o - top) * n->q[at] + own); /* G = d e^-top */
    const attn_real later = real_exp(k + g->m);
    if (job->dv) job->dv[at] += own * d + later * g->a;
    if (job->dk) job->dk[at] += own * d * (v - y) + later * (g->a * v + g->b);
    g->du += own * d * (v - y);
    g->dw += real_exp(w + g->m + o) * (g->a * n->p[at] + g->b * n->q[at]);
    const attn_real m = greater(w + g->m, -top), past = real_exp(w + g->m - m), here = real_exp(-top - m);
    g->a = past * g->a + here * d;
    g->b = past * g->b - here * d * y;
    g->m = m;
}

static void backward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct rwkv *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, n->channels);
        struct back g[ATTN_STRIP];
        for (int64_t l = 0; l < s.wide; l++) g[l] = (struct back){.m = none};
        for (int64_t t = n->length - 1; t >= 0; t--) {
            const int64_t at = (s.sequence * n->length + t) * n->channels + s.begin;
            for (int64_t l = 0; l < s.wide; l++) back_step(job, &g[l], at + l, n->w->data[s.begin + l], n->u->data[s.begin + l]);
        }
        for (int64_t l = 0; l < s.wide; l++) {
            job->dw[s.sequence * n->channels + s.begin + l] = g[l].dw;
            job->du[s.sequence * n->channels + s.begin + l] = g[l].du;
        }
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
    const bool recording = attn_recording(out, 4, inputs);
    if (recording && !keep_states(&here, out)) return NULL;
    attn_range(tape, attn_strips(here.sequences, here.channels), 1, forward_strips, &(struct job){.n = &here, .y = out->data});
    if (recording) {
        struct rwkv *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
