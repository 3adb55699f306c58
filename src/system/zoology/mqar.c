/* Slots are drawn one after the other without replacement, each with a probability proportional to its weight among those left. That is the order
 * of independent exponential times with the weights for rates (Efraimidis and Spirakis 2006), which takes one number for each slot. */
#include "system/zoology/mqar.h"

#include "base/context.h"
#include "system/zoology/distinct.h"

#include <math.h>
#include <stdlib.h>

/* A slot and the time at which it is drawn. */
struct slot {
    double time;
    int64_t number;
};

/* Of the questions of MQAR; with one query there may be none, and none is drawn. */
static int64_t slots_of(const struct attn_mqar *t) {
    return (t->length - 2 * t->pairs * t->passes) / 2;
}

static attn_status check_vocabulary(attn_ctx *ctx, const struct attn_mqar *t, const char *name) {
    if (t->vocabulary >= 4 && t->vocabulary % 2 == 0) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "%s: a vocabulary of %d; an even number from 4 on is needed", name, t->vocabulary);
}

attn_status attn_ar_single_check(attn_ctx *ctx, const struct attn_mqar *t) {
    const attn_status status = check_vocabulary(ctx, t, "AR");
    if (status) return status;
    if (t->passes < 1 || t->pairs < 1 || t->pairs > t->vocabulary / 2 - 1 || t->length < 3 || t->pairs > (t->length - 1) / 2 / t->passes)
        return attn_fail(
            ctx, ATTN_EINVAL,
            "AR: %lld pairs shown %d time%s; at least 1 of each, at most %d keys, and 2 x pairs x passes + 1 within the length "
            "of %lld are needed",
            (long long)t->pairs, t->passes, t->passes == 1 ? "" : "s", t->vocabulary / 2 - 1, (long long)t->length);
    return ATTN_OK;
}

attn_status attn_mqar_check(attn_ctx *ctx, const struct attn_mqar *t) {
    const attn_status status = check_vocabulary(ctx, t, "MQAR");
    if (status) return status;
    if (t->length < 4 || t->length % 2 != 0 || t->length >= t->vocabulary)
        return attn_fail(ctx, ATTN_EINVAL, "MQAR: a length of %lld; an even number from 4 on, less than the vocabulary of %d, is needed",
                         (long long)t->length, t->vocabulary);
    if (t->passes < 1 || t->pairs < 1 || t->pairs > t->vocabulary / 2 - 1 || t->pairs > t->length / 2 / ((int64_t)t->passes + 1))
        return attn_fail(
            ctx, ATTN_EINVAL,
            "MQAR: %lld pairs shown %d time%s; at least 1 of each, at most %d keys, and 2 x pairs x (passes + 1) within the length of "
            "%lld are needed",
            (long long)t->pairs, t->passes, t->passes == 1 ? "" : "s", t->vocabulary / 2 - 1, (long long)t->length);
    if (!(t->power > 0) || !isfinite(t->power))
        return attn_fail(ctx, ATTN_EINVAL, "MQAR: a power of %g; a number above 0 is needed", t->power);
    return ATTN_OK;
}

/* Slots, then keys and values, then what draws them from half the vocabulary. */
size_t attn_mqar_scratch(const struct attn_mqar *t) {
    return (size_t)slots_of(t) * sizeof(struct slot) + 2 * (size_t)t->pairs * sizeof(int32_t) + attn_distinct_scratch(t->vocabulary / 2);
}

static int earlier(const void *a, const void *b) {
    const struct slot *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void draw_slots(struct attn_random *random, const struct attn_mqar *t, struct slot *slots) {
    const int64_t count = slots_of(t);
    for (int64_t g = 0; g < count; g++)
        slots[g] = (struct slot){-log1p(-attn_random_uniform(random)) / pow((double)(g + 1), t->power - 1), g};
    qsort(slots, (size_t)count, sizeof *slots, earlier);
}

/* What an example is drawn with. */
struct draws {
    struct attn_random random;
    struct slot *slots;
    int32_t *keys, *values;
};

/* The example's own numbers, and its keys and values from them. */
static struct draws begin(const struct attn_mqar *t, uint64_t seed, uint64_t index, void *scratch) {
    struct draws d = {.slots = scratch};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    uint32_t own[4];
    d.keys = (int32_t *)(void *)(d.slots + slots_of(t));
    d.values = d.keys + t->pairs;
    unsigned char *seen = (unsigned char *)(d.values + t->pairs);
    attn_philox(key, counter, own); /* a seed of its own for each example */
    attn_random_init(&d.random, own[0] | (uint64_t)own[1] << 32);
    attn_draw_distinct(&d.random, 1, t->vocabulary / 2, t->pairs, seen, d.keys);
    attn_draw_distinct(&d.random, t->vocabulary / 2, t->vocabulary, t->pairs, seen, d.values);
    return d;
}

/* The pairs, and filler without labels behind them. */
static void lay_out(const struct attn_mqar *t, struct draws *d, int32_t *tokens, int32_t *labels) {
    for (int64_t i = 0; i < t->length; i++) {
        tokens[i] = t->random_filler ? (int32_t)attn_random_below(&d->random, (uint64_t)t->vocabulary) : 0;
        labels[i] = ATTN_MQAR_NO_LABEL;
    }
    for (int64_t i = 0; i < t->pairs * t->passes; i++) {
        tokens[2 * i] = d->keys[i % t->pairs];
        tokens[2 * i + 1] = d->values[i % t->pairs];
    }
}

void attn_mqar_example(const struct attn_mqar *t, uint64_t seed, uint64_t index, int32_t *tokens, int32_t *labels, void *scratch) {
    struct draws d = begin(t, seed, index, scratch);
    draw_slots(&d.random, t, d.slots);
    lay_out(t, &d, tokens, labels);
    for (int64_t i = 0; i < t->pairs; i++) {
        const int64_t at = 2 * t->pairs * t->passes + 2 * d.slots[i].number;
        tokens[at] = d.keys[i];
        labels[at] = d.values[i];
    }
}

void attn_ar_single_example(const struct attn_mqar *t, uint64_t seed, uint64_t index, int32_t *tokens, int32_t *labels, void *scratch) {
    struct draws d = begin(t, seed, index, scratch);
    const int64_t asked = (int64_t)attn_random_below(&d.random, (uint64_t)t->pairs);
    lay_out(t, &d, tokens, labels);
    tokens[t->length - 1] = d.keys[asked];
    labels[t->length - 1] = d.values[asked];
}
