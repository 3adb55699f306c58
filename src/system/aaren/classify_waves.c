#include "system/aaren/classify_waves.h"

#include "base/context.h"
#include "base/hash.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

enum { CHIRP, STEP, BURST, CLASSES };
static const char *const names[CLASSES] = {"chirp", "step", "burst"};
static const double turn = 6.283185307179586;

static double between(struct attn_random *r, double low, double high) {
    return low + (high - low) * attn_random_uniform(r);
}

/* What one case has in all channels; frequencies are turns of the whole series, times shares of it. */
struct event {
    int kind;
    double at, slow, fast, phase, width;
};

static struct event draw(struct attn_random *r, int kind) {
    struct event e = {.kind = kind};
    e.at = between(r, 0.2, 0.8);
    e.slow = between(r, 1, 4);
    e.fast = between(r, 10, 18);
    e.phase = between(r, 0, turn);
    e.width = between(r, 0.03, 0.08);
    return e;
}

static double value_of(const struct event *e, double t) {
    const double past = (t - e->at) / e->width;
    switch (e->kind) {
    case CHIRP:
        return sin(turn * (e->slow + (e->fast - e->slow) * t / 2) * t + e->phase);
    case STEP:
        return t < e->at ? -1 : 1;
    default:
        return 2 * exp(-past * past / 2) * sin(turn * e->fast * t + e->phase);
    }
}

static void make_case(const struct attn_aaren_classify_waves *w, uint64_t seed, int64_t index, double *value) {
    struct attn_random random;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &index, sizeof index));
    const struct event event = draw(&random, (int)(index % CLASSES));
    for (int64_t c = 0; c < w->channels; c++) {
        const double strength = between(&random, 0.5, 1.5) * (attn_random_below(&random, 2) ? 1 : -1);
        for (int64_t t = 0; t < w->length; t++)
            value[c * w->length + t] = strength * value_of(&event, (double)t / (double)w->length) + w->noise * attn_random_normal(&random);
    }
}

attn_status attn_aaren_classify_waves_make(attn_ctx *ctx, const struct attn_aaren_classify_waves *w, uint64_t seed, int64_t count,
                                           struct attn_ts *out) {
    const int64_t numbers = w->length * w->channels;
    size_t bytes = 0;
    *out = (struct attn_ts){.problem = "waves", .cases = count, .dimensions = w->channels, .classes = CLASSES};
    const bool fits = attn_mul_size((size_t)count, (size_t)numbers * sizeof *out->value, &bytes);
    out->value = fits ? attn_alloc(ctx, bytes) : NULL;
    out->class_name = attn_alloc(ctx, CLASSES * sizeof *out->class_name);
    out->label = attn_alloc(ctx, (size_t)count * sizeof *out->label);
    out->line = attn_alloc(ctx, (size_t)count * sizeof *out->line);
    out->first = attn_alloc(ctx, ((size_t)(count * w->channels) + 1) * sizeof *out->first);
    if (!out->value || !out->class_name || !out->label || !out->line || !out->first) {
        attn_ts_free(ctx, out);
        return attn_no_memory(ctx, "generated series", fits ? bytes : SIZE_MAX);
    }
    for (int k = 0; k < CLASSES; k++) strcpy(out->class_name[k], names[k]);
    for (int64_t i = 0; i < count; i++) {
        make_case(w, seed, i, out->value + i * numbers);
        out->label[i] = (int32_t)(i % CLASSES);
        out->line[i] = i + 1;
    }
    for (int64_t k = 0; k <= count * w->channels; k++) out->first[k] = k * w->length;
    out->shortest = out->longest = w->length;
    return ATTN_OK;
}
