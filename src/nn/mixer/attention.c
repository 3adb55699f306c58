/* Multi-head attention (Vaswani et al. 2017), causal: softmax over the tokens up to each. */
#include "nn/mixer/heads.h"

enum { HEADS, DROPOUT };
static const attn_mixer_option options[] = {[HEADS] = ATTN_HEADS_OPTION, [DROPOUT] = ATTN_WEIGHTS_DROPOUT_OPTION};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct attn_softmax *a = mixer;
    attn_heads_make(&a->heads, model, "attention", place, (int64_t)option[HEADS]);
    attn_attention_config_init(&a->config);
    a->config.mask = attn_model_causal(model, ATTN_UNLIMITED);
    a->config.dropout = option[DROPOUT];
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    struct attn_softmax *a = mixer;
    return attn_heads_attend(&a->heads, attn_heads_project(&a->heads, call->u), &a->config);
}

/* Keys and values of all tokens: 2 D N. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    return 2 * ((const struct attn_softmax *)mixer)->heads.width * tokens;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct attn_heads *h = &((struct attn_softmax *)mixer)->heads;
    const int64_t stride = state_size(mixer, tokens);
    attn_tensor *x = attn_heads_project(h, call->u);
    attn_heads_store(h, x, state, stride, position);
    return attn_heads_look(h, x, attn_heads_stored(h, x, state, stride, position + 1));
}

const attn_mixer_kind attn_mixer_attention = {.size = sizeof(attn_mixer_kind),
                                              .name = "attention",
                                              .summary = "multi-head softmax attention (Vaswani et al. 2017)",
                                              .options = options,
                                              .option_count = sizeof options / sizeof options[0],
                                              .bytes = sizeof(struct attn_softmax),
                                              .make = make,
                                              .mix = mix,
                                              .state_size = state_size,
                                              .step = step};
