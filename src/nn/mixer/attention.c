/* Multi-head attention (Vaswani et al. 2017), causal: one projection to queries, keys and values, softmax over the tokens up to each, one projection of
 * the heads' outputs, which begins the smaller the more layers there are. */
#include "nn/mixer.h"

#include <string.h>

struct attention {
    attn_projection qkv, out;
    attn_attention_config config;
    int64_t heads, width;
};

enum { HEADS, DROPOUT };
static const attn_mixer_option options[] = {
    [HEADS] = {"heads", "heads, which divide the width", 1, 1, 1024, true, NULL},
    [DROPOUT] = {"dropout", "share of the weights that are dropped in training", 0, 0, 0.99, false, NULL},
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct attention *a = mixer;
    a->heads = (int64_t)option[HEADS];
    a->width = place->width;
    if (place->width % a->heads != 0)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer attention: heads=%lld must divide the width, %lld", (long long)a->heads,
                       (long long)place->width);
    attn_attention_config_init(&a->config);
    a->config.mask = attn_model_causal(model, ATTN_UNLIMITED);
    a->config.dropout = option[DROPOUT];
    a->qkv = attn_projection_make(model, "qkv", place->width, 3 * place->width, true, 0.02);
    a->out = attn_projection_make(model, "out_proj", place->width, place->width, true, 0.02 / sqrt(2.0 * (double)place->layers));
}

/* Queries, keys or values [B, T, H, d] in x [B, T, parts H, d]. */
static attn_tensor *part(attn_tensor *x, int which, int64_t heads) {
    return attn_narrow(x, 2, which * heads, heads);
}

static attn_tensor *attend(struct attention *a, attn_tensor *q, attn_tensor *k, attn_tensor *v) {
    attn_tensor *o = attn_attention(q, k, v, &a->config);
    return attn_project(&a->out, attn_reshape(o, 3, (const int64_t[]){attn_size(o, 0), attn_size(o, 1), a->width}));
}

/* [B, T, 3 H, d] */
static attn_tensor *project(struct attention *a, attn_tensor *u) {
    return attn_reshape(attn_project(&a->qkv, u), 4,
                        (const int64_t[]){attn_size(u, 0), attn_size(u, 1), 3 * a->heads, a->width / a->heads});
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    struct attention *a = mixer;
    attn_tensor *x = project(a, call->u);
    return attend(a, part(x, 0, a->heads), part(x, 1, a->heads), part(x, 2, a->heads));
}

/* Keys and values of all tokens: 2 D N. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    return 2 * ((const struct attention *)mixer)->width * tokens;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    struct attention *a = mixer;
    attn_tensor *x = project(a, call->u);
    const int64_t batch = attn_size(x, 0), row = 2 * a->width;
    for (int64_t b = 0; x && b < batch; b++)
        memcpy(state + (b * tokens + position) * row, attn_data(x) + b * 3 * a->width + a->width, (size_t)row * sizeof *state);
    attn_tensor *kv = attn_tensor_input(call->u->tape, 4, (const int64_t[]){batch, tokens, 2 * a->heads, a->width / a->heads}, state);
    kv = attn_narrow(kv, 1, 0, position + 1);
    return attend(a, part(x, 0, a->heads), part(kv, 0, a->heads), part(kv, 1, a->heads));
}

const attn_mixer_kind attn_mixer_attention = {.size = sizeof(attn_mixer_kind),
                                              .name = "attention",
                                              .summary = "multi-head softmax attention (Vaswani et al. 2017)",
                                              .options = options,
                                              .option_count = sizeof options / sizeof options[0],
                                              .bytes = sizeof(struct attention),
                                              .make = make,
                                              .mix = mix,
                                              .state_size = state_size,
                                              .step = step};
