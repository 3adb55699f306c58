/* BaseConv, the gated convolution (Arora et al. 2023, eq. 1, as its official implementation has it): y = (u W + b) * conv(u) + u, elementwise. Of
 * few taps, conv has a bias; of as many as tokens it adds u. */
#include "nn/convolution.h"
#include "nn/mixer.h"

struct baseconv {
    attn_projection projection;
    struct attn_convolution convolution;
    bool act;
};

enum { KERNEL, FILTER, ACT };
static const char *const filters[] = {[ATTN_FILTER_IMPLICIT] = "implicit", [ATTN_FILTER_EXPLICIT] = "explicit", NULL};
static const char *const acts[] = {"none", "silu", NULL};
static const attn_mixer_option options[] = {
    [KERNEL] = {"kernel", "taps of the convolution; -1: as many as there are tokens", 3, -1, 1024, true, NULL},
    [FILTER] = {"filter", "of kernel=-1: implicit: taps from a small network of the distance; explicit: every tap is a parameter",
                ATTN_FILTER_IMPLICIT, 0, 0, false, filters},
    [ACT] = {"act", "activation of both factors", 0, 0, 0, false, acts},
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct baseconv *m = mixer;
    const int64_t kernel = (int64_t)option[KERNEL];
    const enum attn_filter_kind filter = option[FILTER] == ATTN_FILTER_EXPLICIT ? ATTN_FILTER_EXPLICIT : ATTN_FILTER_IMPLICIT;
    if (kernel == 0)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer baseconv: kernel=0: expected taps from 1 on, or -1");
    else if (kernel > 0 && filter != ATTN_FILTER_IMPLICIT)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer baseconv: filter=%s needs kernel=-1", filters[filter]);
    m->act = option[ACT] != 0;
    m->projection = attn_projection_make(model, "projection", place->width, place->width, true, 0.02);
    m->convolution = kernel > 0 ? attn_convolution_short(model, "conv", kernel, place->width)
                                : attn_convolution_long(model, filter, place->length, place->width);
}

static attn_tensor *gate(const struct baseconv *m, attn_tensor *u, attn_tensor *convolved) {
    attn_tensor *projected = attn_project(&m->projection, u);
    if (m->act) {
        projected = attn_silu(projected);
        convolved = attn_silu(convolved);
    }
    return attn_add(attn_mul(projected, convolved), u);
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct baseconv *m = mixer;
    return gate(m, call->u, attn_convolve(&m->convolution, call->u));
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    return attn_convolution_state(&((const struct baseconv *)mixer)->convolution, tokens);
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct baseconv *m = mixer;
    return gate(m, call->u, attn_convolution_step(&m->convolution, call->u, state, state_size(mixer, tokens), tokens, position));
}

const attn_mixer_kind attn_mixer_baseconv = {.size = sizeof(attn_mixer_kind),
                                             .name = "baseconv",
                                             .summary = "BaseConv: convolution with a linear gate (Arora et al. 2023)",
                                             .options = options,
                                             .option_count = sizeof options / sizeof options[0],
                                             .bytes = sizeof(struct baseconv),
                                             .make = make,
                                             .mix = mix,
                                             .state_size = state_size,
                                             .step = step};
