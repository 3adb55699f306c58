/* Hyena of order 2 (Poli et al. 2023): (x1, x2, v) = shortconv(u W), y = (x2 * (h conv (v * x1))) W', where h comes from a network with sines. */
#include "nn/convolution.h"
#include "nn/mixer.h"

struct hyena {
    attn_projection in, out;
    struct attn_convolution shift, convolution;
    int64_t width;
};

enum { SHIFT_TAPS = 3 };

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct hyena *m = mixer;
    (void)option;
    m->width = place->width;
    m->in = attn_projection_make(model, "in_proj", place->width, 3 * place->width, true, 0.02);
    m->shift = attn_convolution_short(model, "short", SHIFT_TAPS, 3 * place->width);
    m->convolution = attn_convolution_long(model, ATTN_FILTER_SINE, place->length, place->width);
    m->out = attn_projection_make(model, "out_proj", place->width, place->width, true, 0.02 / sqrt(2.0 * (double)place->layers));
}

/* x1, x2 or v of [B, T, 3 D]. */
static attn_tensor *part(const struct hyena *m, attn_tensor *x, int which) {
    return attn_narrow(x, 2, which * m->width, m->width);
}

static attn_tensor *finish(const struct hyena *m, attn_tensor *x, attn_tensor *convolved) {
    return attn_project(&m->out, attn_mul(convolved, part(m, x, 1)));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct hyena *m = mixer;
    attn_tensor *x = attn_convolve(&m->shift, attn_project(&m->in, call->u));
    return finish(m, x, attn_convolve(&m->convolution, attn_mul(part(m, x, 2), part(m, x, 0))));
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct hyena *m = mixer;
    return attn_convolution_state(&m->shift, tokens) + attn_convolution_state(&m->convolution, tokens);
}

/* Without the short convolution. */
static int64_t paper_size(const void *mixer, int64_t tokens) {
    return ((const struct hyena *)mixer)->width * tokens;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct hyena *m = mixer;
    const int64_t stride = state_size(m, tokens), first = attn_convolution_state(&m->shift, tokens);
    attn_tensor *x = attn_convolution_step(&m->shift, attn_project(&m->in, call->u), state, stride, tokens, position);
    attn_tensor *gated = attn_mul(part(m, x, 2), part(m, x, 0));
    return finish(m, x, attn_convolution_step(&m->convolution, gated, state + first, stride, tokens, position));
}

const attn_mixer_kind attn_mixer_hyena = {.size = sizeof(attn_mixer_kind),
                                          .name = "hyena",
                                          .summary = "Hyena of order 2: gated long convolution with an implicit filter (Poli et al. 2023)",
                                          .bytes = sizeof(struct hyena),
                                          .make = make,
                                          .mix = mix,
                                          .state_size = state_size,
                                          .step = step,
                                          .paper_size = paper_size};
