/* Mamba (Gu and Dao 2023): (x, z) = u W_in; x = SiLU(shortconv(x)); step widths Delta = softplus(x W_d W_Delta + b_Delta), B and C of each token from x; a
 * selective scan of x with A < 0; the result times SiLU(z), through W_out. */
#include "nn/convolution.h"
#include "nn/mixer.h"

struct mamba {
    attn_projection in, parts, delta, out;
    struct attn_convolution convolution;
    attn_tensor *log_a, *skip;   /* [E, N], [E] */
    int64_t inner, rank, states; /* E, of Delta, N */
};

enum { EXPAND, STATES, KERNEL };
static const attn_mixer_option options[] = {
    [EXPAND] = {"expand", "inner channels for each of the width's", 2, 1, 16, true, NULL},
    [STATES] = {"d_state", "states of a channel", 16, 1, 1024, true, NULL},
    [KERNEL] = {"kernel", "taps of the convolution before the scan", 4, 1, 64, true, NULL},
};

/* b_Delta such that softplus(b_Delta) is uniform in its logarithm from 1e-3 to 1e-1. */
static void fill_delta(struct mamba *m, attn_model *model) {
    const double bound = 1 / sqrt((double)m->rank);
    attn_fill_uniform(m->delta.bias, log(1e-3), log(1e-1), attn_model_seed(model));
    for (int64_t c = 0; m->delta.bias && c < m->inner; c++) {
        const double width = exp((double)m->delta.bias->data[c]);
        m->delta.bias->data[c] = (attn_real)(width + log(-expm1(-width)));
    }
    attn_fill_uniform(m->delta.weight, -bound, bound, attn_model_seed(model) + 1);
}

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct mamba *m = mixer;
    m->inner = (int64_t)option[EXPAND] * place->width;
    m->rank = attn_div_up(place->width, 16);
    m->states = (int64_t)option[STATES];
    m->in = attn_projection_make(model, "in_proj", place->width, 2 * m->inner, false, 0.02);
    m->convolution = attn_convolution_short(model, "conv", (int64_t)option[KERNEL], m->inner);
    m->parts = attn_projection_make(model, "x_proj", m->inner, m->rank + 2 * m->states, false, 0.02);
    m->delta = attn_projection_make(model, "dt_proj", m->rank, m->inner, true, 0);
    fill_delta(m, model);
    m->log_a = attn_model_parameter(model, "log_a", 2, (const int64_t[]){m->inner, m->states});
    for (int64_t i = 0; m->log_a && i < m->log_a->count; i++) m->log_a->data[i] = (attn_real)log((double)(i % m->states + 1));
    m->skip = attn_model_parameter(model, "skip", 1, &m->inner);
    attn_fill(m->skip, 1);
    m->out = attn_projection_make(model, "out_proj", m->inner, place->width, false, 0);
    const double bound = 1 / sqrt((double)m->inner * (double)place->layers);
    attn_fill_uniform(m->out.weight, -bound, bound, attn_model_seed(model));
}

/* What the scan takes of each token. */
struct scan {
    attn_tensor *x, *delta, *a, *b, *c;
};

/* x [B, T, E] as the convolution left it. */
static struct scan open_scan(const struct mamba *m, attn_tensor *x) {
    struct scan s = {.x = attn_silu(x)};
    attn_tensor *parts = attn_project(&m->parts, s.x);
    s.delta = attn_softplus(attn_project(&m->delta, attn_narrow(parts, -1, 0, m->rank)));
    s.b = attn_narrow(parts, -1, m->rank, m->states);
    s.c = attn_narrow(parts, -1, m->rank + m->states, m->states);
    s.a = attn_affine(attn_exp(m->log_a), -1, 0);
    return s;
}

static attn_tensor *finish(const struct mamba *m, attn_tensor *xz, attn_tensor *y) {
    return attn_project(&m->out, attn_mul(y, attn_silu(attn_narrow(xz, 2, m->inner, m->inner))));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct mamba *m = mixer;
    attn_tensor *xz = attn_project(&m->in, call->u);
    const struct scan s = open_scan(m, attn_convolve(&m->convolution, attn_narrow(xz, 2, 0, m->inner)));
    return finish(m, xz, attn_selective_scan(s.x, s.delta, s.a, s.b, s.c, m->skip));
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct mamba *m = mixer;
    return attn_convolution_state(&m->convolution, tokens) + m->inner * m->states;
}

/* Without the short convolution. */
static int64_t paper_size(const void *mixer, int64_t tokens) {
    const struct mamba *m = mixer;
    (void)tokens;
    return m->inner * m->states;
}

/* Channel c of one token; h are its states, b and c the token's. */
static attn_real step_channel(const struct mamba *m, int64_t channel, attn_real x, attn_real delta, const attn_real *a, const attn_real *b,
                              const attn_real *c, attn_real *h) {
    attn_real y = m->skip->data[channel] * x;
    for (int64_t i = 0; i < m->states; i++) {
        h[i] = real_exp(delta * a[i]) * h[i] + delta * x * b[i];
        y += c[i] * h[i];
    }
    return y;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct mamba *m = mixer;
    const int64_t stride = state_size(m, tokens), first = attn_convolution_state(&m->convolution, tokens);
    attn_tensor *xz = attn_project(&m->in, call->u);
    attn_tensor *x = attn_convolution_step(&m->convolution, attn_narrow(xz, 2, 0, m->inner), state, stride, tokens, position);
    struct scan s = open_scan(m, x);
    attn_tensor *y = s.x ? attn_tensor_like(s.x) : NULL;
    s.b = attn_contiguous(s.b);
    s.c = attn_contiguous(s.c);
    for (int64_t i = 0; y && attn_usable(4, (attn_tensor *const[]){s.delta, s.a, s.b, s.c}) && i < y->count; i++) {
        const int64_t b = i / m->inner, channel = i % m->inner;
        y->data[i] = step_channel(m, channel, s.x->data[i], s.delta->data[i], s.a->data + channel * m->states, s.b->data + b * m->states,
                                  s.c->data + b * m->states, state + b * stride + first + channel * m->states);
    }
    return finish(m, xz, y);
}

const attn_mixer_kind attn_mixer_mamba = {.size = sizeof(attn_mixer_kind),
                                          .name = "mamba",
                                          .summary =
                                              "Mamba: selective state space model behind a short convolution, gated (Gu and Dao 2023)",
                                          .options = options,
                                          .option_count = sizeof options / sizeof options[0],
                                          .bytes = sizeof(struct mamba),
                                          .make = make,
                                          .mix = mix,
                                          .state_size = state_size,
                                          .step = step,
                                          .paper_size = paper_size};
