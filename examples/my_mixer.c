/* A mixer of one's own, from public operators alone: the minimal gated recurrent unit (Feng et al. 2024), h[t] = (1 - z[t]) h[t - 1] + z[t] x[t] with z =
 * sigmoid(G u + g) and x = X u. Gradients come from the tape. docs/add-a-mixer.md explains it.
 *
 *   cc -std=c11 -O2 -fPIC -shared -Iinclude examples/my_mixer.c -o my_mixer.so
 */
#include "attn_train.h"

#include <math.h>
#include <string.h>

struct my_mixer {
    attn_projection gate, value, out;
    attn_tape *tape;
    int64_t width;
};

enum { MEMORY };
static const attn_mixer_option options[] = {
    [MEMORY] = {"memory", "tokens that the state remembers before training", 16, 2, 1e6, false, NULL},
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct my_mixer *m = mixer;
    m->tape = attn_model_tape(model);
    m->width = place->width;
    m->gate = attn_projection_make(model, "gate", m->width, m->width, true, 0.02);
    m->value = attn_projection_make(model, "value", m->width, m->width, true, 0.02);
    m->out = attn_projection_make(model, "out", m->width, m->width, true, 0.02);
    attn_fill(m->gate.bias, (attn_real)-log(option[MEMORY] - 1)); /* z begins near 1 / memory */
}

/* 1 - z and z x of u's tokens. */
static void gates_of(const struct my_mixer *m, attn_tensor *u, attn_tensor **keep, attn_tensor **add) {
    attn_tensor *z = attn_sigmoid(attn_project(&m->gate, u));
    *keep = attn_affine(z, -1, 1);
    *add = attn_mul(z, attn_project(&m->value, u));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct my_mixer *m = mixer;
    attn_tensor *keep, *add;
    gates_of(m, call->u, &keep, &add);
    return attn_project(&m->out, attn_linear_recurrence(keep, add));
}

/* Token by token, the state is h. A mixer may leave this out: both NULL. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    (void)tokens;
    return ((const struct my_mixer *)mixer)->width;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct my_mixer *m = mixer;
    attn_tensor *keep, *add, *h = attn_tensor_input(m->tape, 3, (const int64_t[]){attn_size(call->u, 0), 1, m->width}, state);
    (void)tokens;
    (void)position;
    gates_of(m, call->u, &keep, &add);
    h = attn_add(attn_mul(keep, h), add);
    if (h) memcpy(state, attn_data(h), (size_t)attn_count(h) * sizeof *state);
    return attn_project(&m->out, h);
}

static const attn_mixer_kind my_mixer = {.size = sizeof(attn_mixer_kind),
                                         .name = "my_mixer",
                                         .summary = "minimal gated recurrent unit (Feng et al. 2024)",
                                         .options = options,
                                         .option_count = sizeof options / sizeof options[0],
                                         .bytes = sizeof(struct my_mixer),
                                         .make = make,
                                         .mix = mix,
                                         .state_size = state_size,
                                         .step = step};

static const attn_mixer_kind *const mixers[] = {&my_mixer};
const attn_plugin attn_plugin_main = {.size = sizeof(attn_plugin), .version = ATTN_VERSION, .mixers = mixers, .mixer_count = 1};
