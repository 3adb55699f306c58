/* Softmax attention within a sliding window (Child et al. 2019, Beltagy et al. 2020): a token sees itself and the `window` tokens before it, window +
 * 1 keys. */
#include "nn/mixer/heads.h"

struct sliding {
    struct attn_softmax softmax;
    int64_t window;
};

enum { WINDOW, HEADS, DROPOUT };
static const attn_mixer_option options[] = {
    [WINDOW] = {"window", "tokens that are seen before the token itself", 16, 1, 1000000, true, NULL},
    [HEADS] = ATTN_HEADS_OPTION,
    [DROPOUT] = ATTN_WEIGHTS_DROPOUT_OPTION,
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct sliding *s = mixer;
    s->window = (int64_t)option[WINDOW];
    attn_heads_make(&s->softmax.heads, model, "sliding", place, (int64_t)option[HEADS]);
    attn_attention_config_init(&s->softmax.config);
    s->softmax.config.mask = attn_model_causal(model, s->window);
    s->softmax.config.dropout = option[DROPOUT];
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    struct sliding *s = mixer;
    return attn_heads_attend(&s->softmax.heads, attn_heads_project(&s->softmax.heads, call->u), &s->softmax.config);
}

static int64_t slots_of(const struct sliding *s, int64_t tokens) {
    return attn_min64(s->window, tokens);
}

/* Keys and values of the tokens before: 2 D window. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct sliding *s = mixer;
    return 2 * s->softmax.heads.width * slots_of(s, tokens);
}

/* The slots are a ring: softmax does not ask for an order. */
static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct sliding *s = mixer;
    const struct attn_heads *h = &s->softmax.heads;
    const int64_t slots = slots_of(s, tokens), stride = state_size(mixer, tokens);
    attn_tensor *x = attn_heads_project(h, call->u), *kv = attn_narrow(x, 2, h->count, 2 * h->count);
    if (position > 0) {
        attn_tensor *before = attn_heads_stored(h, x, state, stride, attn_min64(position, slots));
        kv = attn_concat(2, (attn_tensor *const[]){before, kv}, 1);
    }
    attn_tensor *y = attn_heads_look(h, x, kv);
    attn_heads_store(h, x, state, stride, position % slots);
    return y;
}

const attn_mixer_kind attn_mixer_sliding = {.size = sizeof(attn_mixer_kind),
                                            .name = "sliding",
                                            .summary = "softmax attention within a sliding window (Beltagy et al. 2020)",
                                            .options = options,
                                            .option_count = sizeof options / sizeof options[0],
                                            .bytes = sizeof(struct sliding),
                                            .make = make,
                                            .mix = mix,
                                            .state_size = state_size,
                                            .step = step};
