/* BaseConv, the gated convolution (Arora et al. 2023, eq. 1, as its official implementation has it): y = (u W + b) * conv(u) + u, elementwise. Of
 * few taps, conv has a bias; of as many as tokens it adds u, but where the filter is made from the example. */
#include "nn/convolution.h"
#include "nn/example_filter.h"
#include "nn/mixer.h"

struct baseconv {
    attn_projection projection;
    struct attn_convolution convolution;
    struct attn_example_filter example;
    bool by_example, act; /* by_example: example instead of convolution */
    int64_t width;
};

enum { KERNEL, FILTER, SCOPE, TAPS, READ, FILLER, ACT };
enum { PROGRAMMATIC = ATTN_FILTER_EXPLICIT + 1, AUTOCORRELATION };
static const char *const filters[] = {[ATTN_FILTER_IMPLICIT] = "implicit",
                                      [ATTN_FILTER_EXPLICIT] = "explicit",
                                      [PROGRAMMATIC] = "programmatic",
                                      [AUTOCORRELATION] = "autocorrelation",
                                      NULL};
static const char *const scopes[] = {"causal", "example", NULL}, *const reads[] = {"next", "equal", NULL};
static const char *const acts[] = {"none", "silu", NULL};
static const attn_mixer_option options[] = {
    [KERNEL] = {"kernel", "taps of the convolution; -1: as many as there are tokens", 3, -1, 1024, true, NULL},
    [FILTER] =
        {"filter",
         "of kernel=-1: implicit: taps from a small network of the distance; explicit: every tap is a parameter; programmatic: "
         "input-dependent, "
         "1 at the distances between equal tokens; autocorrelation: input-dependent, at the distances of the greatest autocorrelation",
         ATTN_FILTER_IMPLICIT, 0, 0, false, filters},
    [SCOPE] = {"scope",
               "of input-dependent filters: causal: each token's, of distances seen up to it; example: one for the whole example, as in "
               "the paper, "
               "which lets later tokens decide what earlier ones read",
               0, 0, 0, false, scopes},
    [TAPS] = {"taps", "of filter=autocorrelation: distances that are kept", 16, 1, 256, true, NULL},
    [READ] = {"read",
              "of input-dependent filters: next: the token behind the equal one, its value in associative recall; equal: that one itself",
              0, 0, 0, false, reads},
    [FILLER] = {"filler", "of filter=programmatic: a token whose repeats do not count; -1: none", 0, -1, INT32_MAX, true, NULL},
    [ACT] = {"act", "activation of both factors", 0, 0, 0, false, acts},
};

static struct attn_example_filter example_filter(const double *option) {
    return (struct attn_example_filter){.programmatic = option[FILTER] == PROGRAMMATIC,
                                        .whole = option[SCOPE] != 0,
                                        .taps = (int64_t)option[TAPS],
                                        .ahead = option[READ] == 0,
                                        .filler = (int32_t)option[FILLER]};
}

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct baseconv *m = mixer;
    const int64_t kernel = (int64_t)option[KERNEL];
    const int filter = (int)option[FILTER];
    if (kernel == 0)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer baseconv: kernel=0: expected taps from 1 on, or -1");
    else if (kernel > 0 && filter != ATTN_FILTER_IMPLICIT)
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer baseconv: filter=%s needs kernel=-1", filters[filter]);
    m->width = place->width;
    m->act = option[ACT] != 0;
    m->projection = attn_projection_make(model, "projection", place->width, place->width, true, 0.02);
    m->by_example = filter >= PROGRAMMATIC;
    if (m->by_example)
        m->example = example_filter(option);
    else if (kernel > 0)
        m->convolution = attn_convolution_short(model, "conv", kernel, place->width);
    else
        m->convolution = attn_convolution_long(model, filter == ATTN_FILTER_EXPLICIT ? ATTN_FILTER_EXPLICIT : ATTN_FILTER_IMPLICIT,
                                               place->length, place->width);
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
    return gate(m, call->u,
                m->by_example ? attn_example_convolve(&m->example, call->u, call->tokens) : attn_convolve(&m->convolution, call->u));
}

static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct baseconv *m = mixer;
    return m->by_example ? attn_example_state(&m->example, m->width, tokens) : attn_convolution_state(&m->convolution, tokens);
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct baseconv *m = mixer;
    attn_tensor *convolved = m->by_example
                                 ? attn_example_step(&m->example, call->u, call->tokens, state, tokens, position)
                                 : attn_convolution_step(&m->convolution, call->u, state, state_size(m, tokens), tokens, position);
    return gate(m, call->u, convolved);
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
