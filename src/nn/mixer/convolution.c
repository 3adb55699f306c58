/* Convolutions alone, without gates: of few taps, and of as many as tokens. */
#include "nn/convolution.h"
#include "nn/mixer.h"

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    return attn_convolve(mixer, call->u);
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    return attn_convolution_state(mixer, tokens);
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    return attn_convolution_step(mixer, call->u, state, attn_convolution_state(mixer, tokens), tokens, position);
}

static const attn_mixer_option short_options[] = {
    {"kernel", "taps: tokens that each one sees, itself among them", 3, 1, 1024, true, NULL},
};

static void make_short(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    *(struct attn_convolution *)mixer = attn_convolution_short(model, "conv", (int64_t)option[0], place->width);
}

const attn_mixer_kind attn_mixer_shortconv = {.size = sizeof(attn_mixer_kind),
                                              .name = "shortconv",
                                              .summary = "short causal convolution, depthwise, with a bias",
                                              .options = short_options,
                                              .option_count = sizeof short_options / sizeof short_options[0],
                                              .bytes = sizeof(struct attn_convolution),
                                              .make = make_short,
                                              .mix = mix,
                                              .state_size = state_size,
                                              .step = step};

static const char *const filters[] = {[ATTN_FILTER_IMPLICIT] = "implicit", [ATTN_FILTER_EXPLICIT] = "explicit", NULL};
static const attn_mixer_option long_options[] = {
    {"filter", "explicit: every tap is a parameter; implicit: taps from a small network of the distance", ATTN_FILTER_EXPLICIT, 0, 0, false,
     filters},
};

static void make_long(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    const enum attn_filter_kind kind = option[0] == ATTN_FILTER_IMPLICIT ? ATTN_FILTER_IMPLICIT : ATTN_FILTER_EXPLICIT;
    *(struct attn_convolution *)mixer = attn_convolution_long(model, kind, place->length, place->width);
}

const attn_mixer_kind attn_mixer_longconv = {.size = sizeof(attn_mixer_kind),
                                             .name = "longconv",
                                             .summary =
                                                 "long causal convolution, depthwise, without a gate; adds its input (Arora et al. 2023)",
                                             .options = long_options,
                                             .option_count = sizeof long_options / sizeof long_options[0],
                                             .bytes = sizeof(struct attn_convolution),
                                             .make = make_long,
                                             .mix = mix,
                                             .state_size = state_size,
                                             .step = step};
