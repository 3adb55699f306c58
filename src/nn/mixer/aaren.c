/* Aaren (Feng et al. 2024, "Attention as an RNN", sec. 3.3): softmax attention whose query is one learned token of the layer, the same at
 * every position, so that a sequence needs a state of constant size: of each head the greatest score m, the sum c of e^(s - m), and the output o.
 * Forgoing the dropout of weights, which such a state cannot follow, values are dropped. */
#include "nn/mixer/aaren.h"

#include "nn/mixer/heads.h"

enum { HEADS, DROPOUT };
static const attn_mixer_option options[] = {
    [HEADS] = ATTN_HEADS_OPTION, [DROPOUT] = {"dropout", "share of the values that are dropped in training", 0, 0, 0.99, false, NULL}};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct attn_aaren *a = mixer;
    const int64_t width = a->width = place->width;
    a->heads = (int64_t)option[HEADS];
    a->dropout = option[DROPOUT];
    if (!attn_heads_divide(model, "aaren", a->heads, width)) return;
    a->query = attn_model_parameter(model, "query", 1, &width);
    attn_fill_normal(a->query, 0, 0.02, attn_model_seed(model));
    a->q = attn_projection_make(model, "q", width, width, true, 0.02);
    a->kv = attn_projection_make(model, "kv", width, 2 * width, true, 0.02);
    a->out = attn_projection_make(model, "out_proj", width, width, true, 0.02 / sqrt(2.0 * (double)place->layers));
}

attn_tensor *attn_aaren_query(const struct attn_aaren *a) {
    attn_tensor *q = attn_project(&a->q, attn_reshape(a->query, 2, (const int64_t[]){1, a->width}));
    return attn_reshape(q, 2, (const int64_t[]){a->heads, a->width / a->heads});
}

/* [B, T, 2 H, d]: keys and values. */
static attn_tensor *keys_and_values(const struct attn_aaren *a, attn_tensor *u) {
    return attn_reshape(attn_project(&a->kv, u), 4, (const int64_t[]){attn_size(u, 0), attn_size(u, 1), 2 * a->heads, a->width / a->heads});
}

static attn_tensor *join(const struct attn_aaren *a, attn_tensor *o) {
    return attn_project(&a->out, attn_reshape(o, 3, (const int64_t[]){attn_size(o, 0), attn_size(o, 1), a->width}));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct attn_aaren *a = mixer;
    attn_tensor *kv = keys_and_values(a, call->u), *v = attn_dropout(attn_narrow(kv, 2, a->heads, a->heads), a->dropout);
    return join(a, attn_prefix_attention(attn_aaren_query(a), attn_narrow(kv, 2, 0, a->heads), v));
}

/* ---------------------------------------------------------------------------------------------- token by token */

/* A number of the state is the sum of two, so that in float, too, a token's share is not lost among millions. c and o are such numbers; c = 0: there
 * was no token. */
enum { PAIR = 2 };

static double pair_get(const attn_real *pair) {
    return (double)pair[0] + (double)pair[1];
}

static void pair_set(attn_real *pair, double x) {
    pair[0] = (attn_real)x;
    pair[1] = (attn_real)(x - (double)pair[0]);
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct attn_aaren *a = mixer;
    (void)tokens;
    return PAIR * a->width + (1 + PAIR) * a->heads;
}

/* a, c and m of each head. */
static int64_t paper_size(const void *mixer, int64_t tokens) {
    const struct attn_aaren *a = mixer;
    (void)tokens;
    return a->width + 2 * a->heads;
}

/* One head, whose state is m, c, o[d]: c' = e^(m - m') c + e^(s - m'), o' = o + e^(s - m') / c' (v - o), which is a' / c' of the paper's a. A score
 * is rounded before it is compared: a kept m below it would let the past fade at equal scores. */
static void push(int64_t d, const attn_real *q, const attn_real *k, const attn_real *v, attn_real *state, attn_real *y) {
    attn_real *c = state + 1, *o = c + PAIR, sum = 0;
    for (int64_t i = 0; i < d; i++) sum += q[i] * k[i];
    const double s = (double)(sum / real_sqrt((attn_real)d)), past = pair_get(c),
                 m = past != 0 && (double)state[0] > s ? (double)state[0] : s;
    const double own = exp(s - m), all = (past != 0 ? exp((double)state[0] - m) * past : 0) + own;
    state[0] = (attn_real)m;
    pair_set(c, all);
    for (int64_t i = 0; i < d; i++) {
        const double before = pair_get(o + PAIR * i), after = before + own / all * ((double)v[i] - before);
        pair_set(o + PAIR * i, after);
        y[i] = (attn_real)after;
    }
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct attn_aaren *a = mixer;
    const int64_t stride = state_size(a, tokens), d = a->width / a->heads, one = stride / a->heads;
    attn_tensor *q = attn_aaren_query(a), *kv = keys_and_values(a, call->u), *y = attn_tensor_like(call->u);
    (void)position;
    if (!q || !kv || !y) return NULL;
    for (int64_t b = 0; b < y->size[0]; b++)
        for (int64_t h = 0; h < a->heads; h++) {
            const attn_real *k = attn_data(kv) + b * 2 * a->width + h * d;
            push(d, attn_data(q) + h * d, k, k + a->width, state + b * stride + h * one, attn_data(y) + b * a->width + h * d);
        }
    return join(a, y);
}

const attn_mixer_kind attn_mixer_aaren = {.size = sizeof(attn_mixer_kind),
                                          .name = "aaren",
                                          .summary = "softmax attention of a learned query, in constant memory (Feng et al. 2024)",
                                          .options = options,
                                          .option_count = sizeof options / sizeof options[0],
                                          .bytes = sizeof(struct attn_aaren),
                                          .make = make,
                                          .mix = mix,
                                          .state_size = state_size,
                                          .step = step,
                                          .paper_size = paper_size};
