/* H3 (Fu et al. 2023): keys are shifted by one state space model, multiplied with values in heads of m channels, and summed over time by a diagonal
 * one (S4D); queries read that.
 *
 * k' = (kappa conv k) + D_k k,  kappa[t] = sum over i of B[i] C[i + t]          the state holds the last n inputs, each through B
 * R[a, b, g] = K_g conv (k'[g m + a] v[g m + b]) + D_g k'[g m + a] v[g m + b]   of heads g < H = D / m
 * o[b H + g] = sum over a of q[g m + a] R[a, b, g]                              the next projection reads this order
 *
 * Channels are put in the order a H + g before they are multiplied, so that neighbours are heads.
 */
#include "nn/filter.h"
#include "nn/mixer.h"
#include "tape/s4d.h"

#include <string.h>

enum { Q, K, V, PARTS };

struct h3 {
    attn_projection in[PARTS], out;
    attn_tensor *shift_b, *shift_c, *shift_skip; /* [n, D], [n, D], [D] */
    attn_tensor *log_step, *log_decay, *frequency, *b, *c, *skip;
    int64_t width, heads, wide, states, pairs; /* D, H, m, n, n / 2 */
    int32_t *backwards;                        /* n - 1, ..., 0 */
};

enum { HEAD_DIM, STATES };
static const attn_mixer_option options[] = {
    [HEAD_DIM] = {"head_dim", "channels of a head, which divide the width", 2, 1, 64, true, NULL},
    [STATES] = {"d_state", "states of a channel; 0: as many as the model's greatest length", 0, 0, 65536, true, NULL},
};

static attn_tensor *normal(attn_model *model, const char *name, int dims, const int64_t *size, double deviation) {
    attn_tensor *x = attn_model_parameter(model, name, dims, size);
    attn_fill_normal(x, 0, deviation, attn_model_seed(model));
    return x;
}

static void make_shift(attn_model *model, struct h3 *m) {
    const int64_t size[] = {m->states, m->width};
    const double bound = 1 / sqrt((double)m->states);
    attn_model_enter(model, "shift");
    m->shift_b = attn_model_parameter(model, "b", 2, size);
    for (int64_t c = 0; m->shift_b && c < m->width; c++) m->shift_b->data[c] = 1;
    m->shift_c = attn_model_parameter(model, "c", 2, size);
    attn_fill_uniform(m->shift_c, -bound, bound, attn_model_seed(model));
    m->shift_skip = normal(model, "skip", 1, &m->width, 1);
    attn_model_leave(model);
    m->backwards = m->shift_skip ? attn_model_memory(model, (size_t)m->states * sizeof *m->backwards) : NULL;
    for (int64_t i = 0; m->backwards && i < m->states; i++) m->backwards[i] = (int32_t)(m->states - 1 - i);
}

/* A = -1/2 + i pi j, B = 1, C of variance 1, Delta from 1e-3 to 1e-1. */
static void make_diagonal(attn_model *model, struct h3 *m) {
    const int64_t size[] = {m->heads, m->pairs, 2};
    attn_model_enter(model, "ssm");
    m->log_step = attn_model_parameter(model, "log_step", 1, size);
    attn_fill_uniform(m->log_step, log(1e-3), log(1e-1), attn_model_seed(model));
    m->log_decay = attn_model_parameter(model, "log_decay", 2, size);
    attn_fill(m->log_decay, (attn_real)log(0.5));
    m->frequency = attn_model_parameter(model, "frequency", 2, size);
    for (int64_t i = 0; m->frequency && i < m->frequency->count; i++)
        m->frequency->data[i] = (attn_real)(3.14159265358979323846 * (double)(i % size[1]));
    m->b = attn_model_parameter(model, "b", 3, size);
    for (int64_t i = 0; m->b && i < m->b->count; i += 2) m->b->data[i] = 1;
    m->c = normal(model, "c", 3, size, sqrt(0.5));
    m->skip = normal(model, "skip", 1, &m->heads, 1);
    attn_model_leave(model);
}

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    static const char *const name[PARTS] = {"q", "k", "v"};
    struct h3 *m = mixer;
    m->width = place->width;
    m->wide = (int64_t)option[HEAD_DIM];
    m->states = option[STATES] > 0 ? (int64_t)option[STATES] : place->length;
    m->pairs = attn_max64(1, m->states / 2);
    if (m->width % m->wide != 0)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer h3: head_dim=%lld must divide the width, %lld", (long long)m->wide,
                       (long long)m->width);
    m->heads = m->width / m->wide;
    for (int i = 0; i < PARTS; i++) m->in[i] = attn_projection_make(model, name[i], m->width, m->width, true, 0.02);
    make_shift(model, m);
    make_diagonal(model, m);
    m->out = attn_projection_make(model, "out", m->width, m->width, true, 0.02);
}

/* [outer, D, ...] with channels put from the order g m + a to a H + g. */
static attn_tensor *by_head(const struct h3 *m, attn_tensor *x, int64_t outer) {
    if (!x) return NULL;
    const int64_t split[] = {outer, m->heads, m->wide, x->count / (outer * m->width)};
    attn_tensor *y = attn_permute(attn_reshape(x, 4, split), (const int[]){0, 2, 1, 3});
    return attn_reshape(attn_contiguous(y), x->dims, x->size);
}

/* [B, T, D] in that order: rows of the weights are put, not those of x. */
static attn_tensor *project(const struct h3 *m, int which, attn_tensor *u) {
    return attn_linear(u, by_head(m, m->in[which].weight, 1), by_head(m, m->in[which].bias, 1));
}

/* The shift's taps [at most T, D]: the correlation of B and C is a convolution with C backwards. */
static attn_tensor *shift_taps(const struct h3 *m, int64_t tokens) {
    attn_tensor *c = attn_rows(m->shift_c, 1, &m->states, m->backwards);
    attn_tensor *taps = attn_rows(attn_long_convolution(m->shift_b, c), 1, &m->states, m->backwards);
    taps = attn_taps_with_own(attn_narrow(taps, 0, 0, attn_min64(tokens, m->states)), m->shift_skip);
    return taps ? by_head(m, taps, taps->size[0]) : NULL;
}

/* Those of the diagonal model [T, m m H], the same for all pairs of channels of a head. */
static attn_tensor *diagonal_taps(const struct h3 *m, int64_t tokens) {
    const int64_t pairs = m->wide * m->wide;
    attn_tensor *taps = attn_s4d_kernel(tokens, m->log_step, m->log_decay, m->frequency, m->b, m->c);
    attn_tensor *ones = attn_constant(m->b->tape, 2, (const int64_t[]){pairs, 1}, 1);
    taps = attn_reshape(attn_taps_with_own(taps, m->skip), 3, (const int64_t[]){tokens, 1, m->heads});
    return attn_reshape(attn_mul(taps, ones), 2, (const int64_t[]){tokens, pairs * m->heads});
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct h3 *m = mixer;
    const int64_t batch = attn_size(call->u, 0), tokens = attn_size(call->u, 1), pairs = m->wide * m->wide;
    const int64_t of_a[] = {batch, tokens, m->wide, 1, m->heads}, of_b[] = {batch, tokens, 1, m->wide, m->heads};
    const int64_t of_both[] = {batch, tokens, m->wide, m->wide, m->heads};
    if (tokens == 0) return attn_project(&m->out, call->u);
    attn_tensor *q = project(m, Q, call->u), *k = project(m, K, call->u), *v = project(m, V, call->u);
    k = attn_long_convolution(k, shift_taps(m, tokens));
    attn_tensor *product = attn_mul(attn_reshape(k, 5, of_a), attn_reshape(v, 5, of_b));
    product = attn_reshape(product, 3, (const int64_t[]){batch, tokens, pairs * m->heads});
    attn_tensor *sums = attn_reshape(attn_long_convolution(product, diagonal_taps(m, tokens)), 5, of_both);
    attn_tensor *o = attn_sum(attn_mul(attn_reshape(q, 5, of_a), sums), 2);
    return attn_project(&m->out, attn_reshape(o, 3, call->u->size));
}

/* ---------------------------------------------------------------------------------------------- token by token */

/* The shift's n numbers of each channel, and n / 2 complex states of each pair of channels of a head. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct h3 *m = mixer;
    (void)tokens;
    return m->states * m->width + m->wide * m->width * m->pairs * 2;
}

/* d n: without the shift. */
static int64_t paper_size(const void *mixer, int64_t tokens) {
    const struct h3 *m = mixer;
    (void)tokens;
    return m->width * m->states;
}

/* One token of one sequence. Channels in the order a H + g. */
struct token {
    const attn_real *q, *k, *v, *shift_b, *shift_c, *shift_skip;
    const struct attn_s4d_state *discrete; /* [H, n / 2], b with B in it */
    attn_real *shift, *state, *o;
};

/* k' of channel c. */
static double shift_channel(const struct h3 *m, const struct token *t, int64_t c) {
    double sum = (double)(t->shift_skip[c] * t->k[c]);
    for (int64_t i = m->states - 1; i >= 0; i--) {
        attn_real *at = t->shift + i * m->width + c;
        *at = (i > 0 ? at[-m->width] : 0) + t->shift_b[i * m->width + c] * t->k[c];
        sum += (double)(t->shift_c[i * m->width + c] * *at);
    }
    return sum;
}

/* R of one pair of channels of head g, whose states these are. */
static double scan_pair(const struct h3 *m, const struct token *t, int64_t g, double input, attn_real *state) {
    double sum = (double)m->skip->data[g] * input;
    for (int64_t j = 0; j < m->pairs; j++) {
        const struct attn_s4d_state *d = &t->discrete[g * m->pairs + j];
        const struct attn_s4d_number x =
            attn_s4d_times(d->lambda, (struct attn_s4d_number){(double)state[2 * j], (double)state[2 * j + 1]});
        const attn_real *c = m->c->data + (g * m->pairs + j) * 2;
        const double re = x.re + d->b.re * input, im = x.im + d->b.im * input;
        sum += 2 * ((double)c[0] * re - (double)c[1] * im);
        state[2 * j] = (attn_real)re;
        state[2 * j + 1] = (attn_real)im;
    }
    return sum;
}

static void step_sequence(const struct h3 *m, const struct token *t) {
    memset(t->o, 0, (size_t)m->width * sizeof *t->o);
    for (int64_t a = 0; a < m->wide; a++)
        for (int64_t g = 0; g < m->heads; g++) {
            const double k = shift_channel(m, t, a * m->heads + g);
            for (int64_t b = 0; b < m->wide; b++) {
                attn_real *state = t->state + ((a * m->wide + b) * m->heads + g) * m->pairs * 2;
                const double sum = scan_pair(m, t, g, k * (double)t->v[b * m->heads + g], state);
                t->o[b * m->heads + g] += t->q[a * m->heads + g] * (attn_real)sum;
            }
        }
}

static struct attn_s4d_state *discretize(const struct h3 *m) {
    struct attn_s4d_state *d = attn_tape_take(m->b->tape, (size_t)(m->heads * m->pairs) * sizeof *d);
    for (int64_t i = 0; d && i < m->heads * m->pairs; i++) {
        const attn_real *b = m->b->data + 2 * i;
        d[i] = attn_s4d_discretize((double)m->log_step->data[i / m->pairs], (double)m->log_decay->data[i], (double)m->frequency->data[i]);
        d[i].b = attn_s4d_times(d[i].b, (struct attn_s4d_number){(double)b[0], (double)b[1]});
    }
    return d;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct h3 *m = mixer;
    attn_tensor *in[PARTS], *shift_b = by_head(m, m->shift_b, m->states), *shift_c = by_head(m, m->shift_c, m->states);
    attn_tensor *shift_skip = by_head(m, m->shift_skip, 1), *o = attn_tensor_like(call->u);
    struct attn_s4d_state *discrete = discretize(m);
    (void)position;
    for (int i = 0; i < PARTS; i++) in[i] = project(m, i, call->u);
    for (int64_t b = 0; attn_usable(PARTS, in) && shift_b && shift_c && shift_skip && o && discrete && b < o->size[0]; b++) {
        const int64_t at = b * m->width;
        attn_real *own = state + b * state_size(m, tokens);
        step_sequence(m, &(struct token){in[Q]->data + at, in[K]->data + at, in[V]->data + at, shift_b->data, shift_c->data,
                                         shift_skip->data, discrete, own, own + m->states * m->width, o->data + at});
    }
    return attn_project(&m->out, o);
}

const attn_mixer_kind attn_mixer_h3 = {.size = sizeof(attn_mixer_kind),
                                       .name = "h3",
                                       .summary = "H3: a shift and a diagonal state space model with two gates (Fu et al. 2023)",
                                       .options = options,
                                       .option_count = sizeof options / sizeof options[0],
                                       .bytes = sizeof(struct h3),
                                       .make = make,
                                       .mix = mix,
                                       .state_size = state_size,
                                       .step = step,
                                       .paper_size = paper_size};
