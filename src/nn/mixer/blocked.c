/* Softmax attention within blocks (Qiu et al. 2020): a token sees itself and what is before it in its own block of `block` tokens, counted from the
 * first. Blocks are sequences of their own, with the causal mask. */
#include "nn/mixer/heads.h"

struct blocked {
    struct attn_heads heads;
    attn_attention_config config;
    int64_t block;
};

enum { BLOCK, HEADS, DROPOUT };
static const attn_mixer_option options[] = {
    [BLOCK] = {"block", "tokens of a block", 16, 1, 1000000, true, NULL},
    [HEADS] = ATTN_HEADS_OPTION,
    [DROPOUT] = ATTN_WEIGHTS_DROPOUT_OPTION,
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct blocked *b = mixer;
    b->block = (int64_t)option[BLOCK];
    attn_heads_make(&b->heads, model, "blocked", place, (int64_t)option[HEADS]);
    attn_attention_config_init(&b->config);
    b->config.mask = attn_model_causal(model, ATTN_UNLIMITED);
    b->config.dropout = option[DROPOUT];
}

/* The outputs [B, n, D] of tokens [begin, begin + n) of x, which are blocks of `block` tokens. */
static attn_tensor *blocks_of(const struct blocked *b, attn_tensor *x, int64_t begin, int64_t n, int64_t block) {
    const struct attn_heads *h = &b->heads;
    x = attn_contiguous(attn_narrow(x, 1, begin, n));
    x = attn_reshape(x, 4, (const int64_t[]){-1, block, 3 * h->count, h->width / h->count});
    x = attn_heads_attend(h, x, &b->config);
    return attn_reshape(x, 3, (const int64_t[]){-1, n, h->width});
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct blocked *b = mixer;
    const int64_t tokens = attn_size(call->u, 1), rest = tokens % b->block, whole = tokens - rest;
    attn_tensor *x = attn_heads_project(&b->heads, call->u);
    if (rest == 0) return blocks_of(b, x, 0, whole, b->block);
    attn_tensor *last = blocks_of(b, x, whole, rest, rest);
    return whole == 0 ? last : attn_concat(2, (attn_tensor *const[]){blocks_of(b, x, 0, whole, b->block), last}, 1);
}

/* Keys and values of a block: 2 D block. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct blocked *b = mixer;
    return 2 * b->heads.width * attn_min64(b->block, tokens);
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct blocked *b = mixer;
    const struct attn_heads *h = &b->heads;
    const int64_t slot = position % b->block, stride = state_size(mixer, tokens);
    attn_tensor *x = attn_heads_project(h, call->u);
    attn_heads_store(h, x, state, stride, slot);
    return attn_heads_look(h, x, attn_heads_stored(h, x, state, stride, slot + 1));
}

const attn_mixer_kind attn_mixer_blocked = {.size = sizeof(attn_mixer_kind),
                                            .name = "blocked",
                                            .summary = "softmax attention within blocks of tokens (Qiu et al. 2020)",
                                            .options = options,
                                            .option_count = sizeof options / sizeof options[0],
                                            .bytes = sizeof(struct blocked),
                                            .make = make,
                                            .mix = mix,
                                            .state_size = state_size,
                                            .step = step};
