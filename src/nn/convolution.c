/* Causal convolutions as layers. */
#include "nn/convolution.h"

#include <string.h>

struct attn_convolution attn_convolution_short(attn_model *model, const char *name, int64_t taps, int64_t width) {
    struct attn_convolution c = {.width = width};
    const double bound = 1 / sqrt((double)taps);
    attn_model_enter(model, "%s", name);
    c.weight = attn_model_parameter(model, "weight", 2, (const int64_t[]){taps, width});
    attn_fill_uniform(c.weight, -bound, bound, attn_model_seed(model));
    c.bias = attn_model_parameter(model, "bias", 1, &width);
    attn_fill_uniform(c.bias, -bound, bound, attn_model_seed(model));
    attn_model_leave(model);
    return c;
}

struct attn_convolution attn_convolution_long(attn_model *model, enum attn_filter_kind kind, int64_t length, int64_t width) {
    return (struct attn_convolution){.width = width, .filter = attn_filter_make(model, kind, length, width)};
}

attn_tensor *attn_convolve(const struct attn_convolution *c, attn_tensor *x) {
    if (!x) return NULL;
    if (c->weight) return attn_short_convolution(x, c->weight, c->bias);
    return attn_long_convolution(x, attn_filter_taps(&c->filter, attn_size(x, 1)));
}

int64_t attn_convolution_state(const struct attn_convolution *c, int64_t tokens) {
    return c->width * (c->weight ? c->weight->size[0] : tokens);
}

struct step {
    const attn_real *x, *taps, *bias; /* bias NULL: 0 */
    attn_real *y, *state;
    int64_t stride, width, reach, rows, position; /* reach: taps that meet a token; state is a ring of `rows` inputs */
};

static void step_sequences(void *arg, int64_t begin, int64_t end) {
    const struct step *s = arg;
    for (int64_t b = begin; b < end; b++) {
        attn_real *ring = s->state + b * s->stride, *y = s->y + b * s->width;
        memcpy(ring + s->position % s->rows * s->width, s->x + b * s->width, (size_t)s->width * sizeof *ring);
        for (int64_t c = 0; c < s->width; c++) y[c] = s->bias ? s->bias[c] : 0;
        for (int64_t t = 0; t < s->reach; t++) {
            const attn_real *w = s->taps + t * s->width, *from = ring + (s->position - t) % s->rows * s->width;
            for (int64_t c = 0; c < s->width; c++) y[c] += w[c] * from[c];
        }
    }
}

attn_tensor *attn_convolution_step(const struct attn_convolution *c, attn_tensor *x, attn_real *state, int64_t stride, int64_t tokens,
                                   int64_t position) {
    x = attn_contiguous(x);
    attn_tensor *taps = c->weight ? c->weight : attn_filter_taps(&c->filter, position + 1);
    if (!x || !taps) return NULL;
    attn_tensor *y = attn_tensor_like(x);
    if (!y) return NULL;
    struct step s = {.x = x->data, .taps = taps->data, .bias = c->bias ? c->bias->data : NULL, .y = y->data, .state = state};
    s.stride = stride;
    s.width = c->width;
    s.rows = c->weight ? taps->size[0] : tokens;
    s.reach = attn_min64(taps->size[0], position + 1);
    s.position = position;
    attn_range(x->tape, x->size[0], 1, step_sequences, &s);
    return y;
}
