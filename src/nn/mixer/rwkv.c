/* RWKV-4 (Peng et al. 2023): time mixing, an average with decaying weights that a receptance gates, and channel mixing, an MLP of squared ReLU that one
 * gates. Both see each token mixed with the one before: x_k = mu_k u[i] + (1 - mu_k) u[i - 1], likewise for v and r; nothing stands before the first. */
#include "nn/mixer.h"

#include <string.h>

enum { K, R, V, PARTS }; /* channel mixing has no V */

struct rwkv {
    attn_tensor *mix[PARTS];
    attn_projection in[PARTS], out;
    attn_tensor *decay, *first; /* theta and u */
    int64_t width;
};

static const char *const part_name[PARTS] = {"k", "r", "v"};

/* Where a layer stands among the model's, of 12 at least: initial numbers in the official implementations of recall tests are those of 12
 * layers however many there are. */
struct depth {
    double share, left; /* i / (n - 1), 1 - i / n */
};

static struct depth depth_of(const attn_mixer_place *place) {
    const double layers = (double)attn_max64(12, place->layers), layer = (double)place->layer;
    return (struct depth){layer / (layers - 1), 1 - layer / layers};
}

/* mu of channel c: (c / D)^power + more. */
static attn_tensor *make_mix(attn_model *model, const char *part, int64_t width, double power, double more) {
    attn_model_enter(model, "mix");
    attn_tensor *mu = attn_model_parameter(model, part, 1, &width);
    for (int64_t c = 0; mu && c < width; c++) mu->data[c] = (attn_real)(pow((double)c / (double)width, power) + more);
    attn_model_leave(model);
    return mu;
}

/* Tokens mixed with those before: two taps. */
static attn_tensor *shifted(attn_tensor *u, attn_tensor *mu) {
    attn_tensor *own = attn_reshape(mu, 2, (const int64_t[]){1, -1});
    return attn_short_convolution(u, attn_concat(2, (attn_tensor *const[]){own, attn_affine(own, -1, 1)}, 0), NULL);
}

/* The same of one token of each sequence; before [B, D] is 0 at position 0. */
static attn_tensor *shifted_step(attn_tensor *u, attn_tensor *before, attn_tensor *mu) {
    return attn_add(before, attn_mul(attn_sub(u, before), mu));
}

/* The first `width` numbers of each sequence's state [B, 1, D], as they were; u [B, 1, D] takes their place. */
static attn_tensor *swap_token(attn_tensor *u, attn_real *state, int64_t stride) {
    attn_tensor *before = attn_tensor_like(u);
    u = attn_contiguous(u);
    for (int64_t b = 0; before && u && b < u->size[0]; b++) {
        const int64_t width = u->size[2];
        memcpy(before->data + b * width, state + b * stride, (size_t)width * sizeof *state);
        memcpy(state + b * stride, u->data + b * width, (size_t)width * sizeof *state);
    }
    return before;
}

/* --------------------------------------------------------------------------------------------------- time mixing */

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct rwkv *m = mixer;
    const struct depth at = depth_of(place);
    const int64_t width = m->width = place->width;
    (void)option;
    m->mix[K] = make_mix(model, part_name[K], width, at.left, 0);
    m->mix[R] = make_mix(model, part_name[R], width, at.left / 2, 0);
    m->mix[V] = make_mix(model, part_name[V], width, at.left, 0.3 * at.share);
    for (int i = 0; i < PARTS; i++) m->in[i] = attn_projection_make(model, part_name[i], width, width, false, 0.02);
    m->decay = attn_model_parameter(model, "decay", 1, &width);
    m->first = attn_model_parameter(model, "first", 1, &width);
    for (int64_t c = 0; m->first && c < width; c++) {
        const double share = (double)c / (double)attn_max64(1, width - 1);
        m->decay->data[c] = (attn_real)(-5 + 8 * pow(share, 0.7 + 1.3 * at.share));
        m->first->data[c] = (attn_real)(log(0.3) + 0.5 * ((double)((c + 1) % 3) - 1));
    }
    m->out = attn_projection_make(model, "out", width, width, false, 0.02);
}

/* w = -e^theta */
static attn_tensor *log_decay(const struct rwkv *m) {
    return attn_affine(attn_exp(m->decay), -1, 0);
}

static attn_tensor *finish(const struct rwkv *m, attn_tensor *r, attn_tensor *average) {
    return attn_project(&m->out, attn_mul(attn_sigmoid(r), average));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct rwkv *m = mixer;
    attn_tensor *x[PARTS];
    for (int i = 0; i < PARTS; i++) x[i] = attn_project(&m->in[i], shifted(call->u, m->mix[i]));
    return finish(m, x[R], attn_rwkv(x[K], x[V], log_decay(m), m->first));
}

/* The token before, and for each channel p, q and o: sums p e^o of e^k v and q e^o of e^k, both decayed. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    (void)tokens;
    return 4 * ((const struct rwkv *)mixer)->width;
}

/* The average at one token of one sequence; state is p, q, o of all channels. */
static void average(const struct rwkv *m, const attn_real *w, const attn_real *k, const attn_real *v, attn_real *state, attn_real *y) {
    attn_real *p = state, *q = p + m->width, *o = q + m->width;
    for (int64_t c = 0; c < m->width; c++) {
        const attn_real own_exponent = m->first->data[c] + k[c];
        attn_real top = o[c] > own_exponent ? o[c] : own_exponent;
        attn_real past = real_exp(o[c] - top), own = real_exp(own_exponent - top);
        y[c] = (past * p[c] + own * v[c]) / (past * q[c] + own);
        top = w[c] + o[c] > k[c] ? w[c] + o[c] : k[c];
        past = real_exp(w[c] + o[c] - top);
        own = real_exp(k[c] - top);
        p[c] = past * p[c] + own * v[c];
        q[c] = past * q[c] + own;
        o[c] = top;
    }
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct rwkv *m = mixer;
    const int64_t stride = state_size(m, tokens), width = m->width;
    attn_tensor *x[PARTS], *before = swap_token(call->u, state, stride), *w = log_decay(m), *y = attn_tensor_like(call->u);
    for (int i = 0; i < PARTS; i++) x[i] = attn_project(&m->in[i], shifted_step(call->u, before, m->mix[i]));
    for (int64_t b = 0; attn_usable(PARTS, x) && w && y && b < y->size[0]; b++) {
        attn_real *own = state + b * stride + width;
        for (int64_t c = 0; position == 0 && c < width; c++) own[2 * width + c] = (attn_real)-1e38; /* o of nothing yet */
        average(m, w->data, x[K]->data + b * width, x[V]->data + b * width, own, y->data + b * width);
    }
    return finish(m, x[R], y);
}

const attn_mixer_kind attn_mixer_rwkv = {.size = sizeof(attn_mixer_kind),
                                         .name = "rwkv",
                                         .summary = "RWKV-4 time mixing: an average with decaying weights (Peng et al. 2023)",
                                         .bytes = sizeof(struct rwkv),
                                         .make = make,
                                         .mix = mix,
                                         .state_size = state_size,
                                         .step = step};

/* ------------------------------------------------------------------------------------------------ channel mixing */

static void make_channel(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct rwkv *m = mixer;
    const struct depth at = depth_of(place);
    (void)option;
    m->width = place->width;
    for (int i = K; i <= R; i++) m->mix[i] = make_mix(model, part_name[i], m->width, at.left, 0);
    m->in[K] = attn_projection_make(model, part_name[K], m->width, 4 * m->width, false, 0.02);
    m->in[R] = attn_projection_make(model, part_name[R], m->width, m->width, false, 0.02);
    m->out = attn_projection_make(model, "v", 4 * m->width, m->width, false, 0.02);
}

static attn_tensor *mlp(const struct rwkv *m, attn_tensor *x_k, attn_tensor *x_r) {
    attn_tensor *hidden = attn_square(attn_relu(attn_project(&m->in[K], x_k)));
    return attn_mul(attn_sigmoid(attn_project(&m->in[R], x_r)), attn_project(&m->out, hidden));
}

static attn_tensor *mix_channel(void *mixer, attn_mixer_call *call) {
    const struct rwkv *m = mixer;
    return mlp(m, shifted(call->u, m->mix[K]), shifted(call->u, m->mix[R]));
}

static int64_t channel_state_size(const void *mixer, int64_t tokens) {
    (void)tokens;
    return ((const struct rwkv *)mixer)->width;
}

static attn_tensor *channel_step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct rwkv *m = mixer;
    attn_tensor *before = swap_token(call->u, state, channel_state_size(m, tokens));
    (void)position;
    return mlp(m, shifted_step(call->u, before, m->mix[K]), shifted_step(call->u, before, m->mix[R]));
}

const attn_mixer_kind attn_mixer_rwkv_channel = {.size = sizeof(attn_mixer_kind),
                                                 .name = "rwkv-channel",
                                                 .summary = "RWKV-4 channel mixing: a gated MLP of squared ReLU (Peng et al. 2023)",
                                                 .bytes = sizeof(struct rwkv),
                                                 .make = make_channel,
                                                 .mix = mix_channel,
                                                 .state_size = channel_state_size,
                                                 .step = channel_step};
