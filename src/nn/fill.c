/* Initial numbers: element i is drawn from the seed's sequence at its own place, so it depends on no number of threads. */
#include "base/random.h"
#include "tape/tape.h"

/* NULL is left alone, as operators leave it; of a view that is not contiguous other elements would be written. */
static bool fillable(attn_tensor *x) {
    if (!x) return false;
    if (attn_is_contiguous(x)) return true;
    attn_tape_fail(x->tape, ATTN_EINVAL, "fill: the tensor is narrowed or permuted");
    return false;
}

void attn_fill(attn_tensor *x, attn_real value) {
    if (!fillable(x)) return;
    for (int64_t i = 0; i < x->count; i++) x->data[i] = value;
}

void attn_fill_uniform(attn_tensor *x, double low, double high, uint64_t seed) {
    struct attn_random random;
    if (!fillable(x)) return;
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < x->count; i++) x->data[i] = (attn_real)(low + (high - low) * attn_random_uniform(&random));
}

void attn_fill_normal(attn_tensor *x, double mean, double deviation, uint64_t seed) {
    struct attn_random random;
    if (!fillable(x)) return;
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < x->count; i++) x->data[i] = (attn_real)(mean + deviation * attn_random_normal(&random));
}

/* Inputs of one output of w [out, in, ...]; of one axis alone, its size. */
static double fan_in(const attn_tensor *w) {
    return (double)attn_max64(1, w->dims > 1 && w->size[0] > 0 ? w->count / w->size[0] : w->count);
}

static double fan_out(const attn_tensor *w) {
    return (double)attn_max64(1, w->dims > 1 && w->size[1] > 0 ? w->count / w->size[1] : w->count);
}

void attn_fill_glorot(attn_tensor *w, double gain, uint64_t seed) {
    if (!w) return;
    const double bound = gain * sqrt(6 / (fan_in(w) + fan_out(w)));
    attn_fill_uniform(w, -bound, bound, seed);
}

void attn_fill_he(attn_tensor *w, double gain, uint64_t seed) {
    if (!w) return;
    const double bound = gain * sqrt(3 / fan_in(w));
    attn_fill_uniform(w, -bound, bound, seed);
}
