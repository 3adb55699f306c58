#include "system/aaren/control_source.h"

#include "base/hash.h"

#include <math.h>

/* Episode i is held out where i of n share a step of `held` with no smaller i. */
static bool is_held(int64_t i, int64_t n, int64_t held) {
    return (i + 1) * held / n > i * held / n;
}

static attn_status split(attn_ctx *ctx, const char *name, double share, struct attn_aaren_control_source *s) {
    const int64_t n = s->episodes.count, held = attn_min64(n - 1, attn_max64(1, (int64_t)floor(share * (double)n)));
    if (n < 2) return attn_fail(ctx, ATTN_EINVAL, "%s: found one episode, expected another to hold out", name);
    s->train = attn_alloc(ctx, (size_t)n * sizeof *s->train);
    s->index = attn_alloc(ctx, (size_t)n * sizeof *s->index);
    s->first = attn_alloc(ctx, ((size_t)n + 1) * sizeof *s->first);
    if (!s->train || !s->index || !s->first) return attn_no_memory(ctx, "the list of episodes", (size_t)n * 2 * sizeof *s->first);
    s->first[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        s->train[i] = !is_held(i, n, held);
        if (!s->train[i]) continue;
        s->index[s->trained] = i;
        s->first[s->trained + 1] = s->first[s->trained] + s->episodes.first[i + 1] - s->episodes.first[i];
        s->trained++;
    }
    return ATTN_OK;
}

attn_status attn_aaren_control_source_open(attn_ctx *ctx, const char *path, enum attn_aaren_behaviour behaviour, uint64_t seed,
                                           int64_t count, double held, struct attn_aaren_control_source *out) {
    struct attn_aaren_control_source s = {.trained = 0};
    attn_status status =
        path[0] ? attn_aaren_episodes_read(ctx, path, &s.episodes) : attn_aaren_point_episodes(ctx, behaviour, seed, count, &s.episodes);
    if (!status) status = split(ctx, path[0] ? path : "recipe: episodes", held, &s);
    if (status)
        attn_aaren_control_source_close(ctx, &s);
    else
        *out = s;
    return status;
}

void attn_aaren_control_source_close(attn_ctx *ctx, struct attn_aaren_control_source *source) {
    attn_aaren_episodes_free(ctx, &source->episodes);
    attn_free(ctx, source->train);
    attn_free(ctx, source->index);
    attn_free(ctx, source->first);
    *source = (struct attn_aaren_control_source){.trained = 0};
}

struct attn_aaren_control_place attn_aaren_control_draw(const struct attn_aaren_control_source *source, uint64_t seed, int64_t step,
                                                        int64_t example) {
    struct attn_random random;
    uint64_t hash = attn_hash(ATTN_HASH_START, &seed, sizeof seed);
    hash = attn_hash(attn_hash(hash, &step, sizeof step), &example, sizeof example);
    attn_random_init(&random, hash);
    const int64_t at = (int64_t)attn_random_below(&random, (uint64_t)source->first[source->trained]);
    int64_t low = 0, high = source->trained;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (source->first[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return (struct attn_aaren_control_place){source->index[low], at - source->first[low]};
}

void attn_aaren_control_fill(const struct attn_aaren_episodes *e, const struct attn_aaren_control_scale *scale,
                             struct attn_aaren_control_place place, int64_t sequence, struct attn_aaren_control_batch *batch) {
    double observation[ATTN_CONTROL_NUMBERS], action[ATTN_CONTROL_NUMBERS];
    const int64_t begin = e->first[place.episode] + place.step, left = e->first[place.episode + 1] - begin;
    const int64_t count = attn_min64(left, batch->steps);
    for (int64_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < e->observations; i++) observation[i] = (double)e->observation[(begin + k) * e->observations + i];
        for (int64_t i = 0; i < e->actions; i++) action[i] = (double)e->action[(begin + k) * e->actions + i];
        attn_aaren_control_put(batch, scale, sequence, k, place.step + k, e->to_go[begin + k], observation, action);
    }
    for (int64_t k = count; k < batch->steps; k++) attn_aaren_control_clear(batch, scale, sequence, k);
    batch->length[sequence] = (int32_t)count;
}
