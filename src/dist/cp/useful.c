/* How much of what goes along a ring anybody looks at: keys of some sources, followed from receiver to receiver. */
#include "dist/cp/schedule.h"

#include <math.h>

enum { QUESTIONS = 1 << 14, SOURCES = 16 };

/* The position that has the keys of `source` at a step. */
static int receiver(const struct attn_grid *g, int source, int step) {
    const int size = g->ring / g->windows;
    return (source / size + step / size) % g->windows * size + (source % size + step % size) % size;
}

struct journey {
    struct attn_stage_view *view;
    const struct attn_shards *shards;
    const attn_mask *mask;
    struct attn_run *q, *k;
};

/* Some keys of one run, from the last receiver back: who is behind needs them too. */
static void follow(const struct journey *j, int source, const struct attn_run *run, double tokens) {
    struct attn_stage_view *v = j->view;
    const int64_t length = j->shards->places * j->shards->pieces;
    const struct attn_places k = {run, 1, length};
    bool needed = false;
    for (int i = v->steps - 1; i >= 0 && v->step[i] > 0; i--) {
        const int y = receiver(&v->grid, source, v->step[i]);
        const struct attn_places q = {j->q, attn_shards_position(j->shards, y, j->q), length};
        const bool seen = !attn_cut_empty(j->mask, v->problem->kv_len, &q, &k);
        needed = needed || seen;
        v->useful += seen ? v->weight[i] * tokens : 0;
        v->needed += needed ? v->weight[i] * tokens : 0;
    }
}

/* All runs, or those of so many places, evenly spread; padding goes along, and nobody needs it. */
static void follow_source(const struct journey *j, int source, int64_t most) {
    struct attn_stage_view *v = j->view;
    const int64_t runs = attn_shards_position(j->shards, source, j->k), length = j->shards->places * j->shards->pieces;
    const bool all = runs <= most;
    v->sent += (double)length * (v->grid.ring - 1);
    for (int64_t i = 0, n = 0; i < runs && (all || n < most); i++) {
        const struct attn_run *run = &j->k[i];
        double tokens = all ? (double)run->count : 0;
        for (; !all && n < most && (2 * n + 1) * length / (2 * most) < run->place + run->count; n++)
            if ((2 * n + 1) * length / (2 * most) >= run->place) tokens += (double)length / (double)most;
        if (tokens > 0) follow(j, source, run, tokens);
    }
}

attn_status attn_stage_use(struct attn_stage_view *v, const struct attn_shards *shards, const attn_mask *mask) {
    struct journey j = {.view = v, .shards = shards, .mask = mask};
    int64_t most = 1;
    v->useful = v->needed = v->sent = 0;
    if (v->grid.ring == 1 || v->grid.mechanism == ATTN_CP_ALLGATHER) return ATTN_OK;
    for (int y = 0; y < v->grid.ring; y++) most = attn_max64(most, attn_shards_position_runs(shards, y));
    const size_t bytes = 2 * (size_t)most * sizeof *j.q;
    j.q = attn_alloc(v->ctx, bytes);
    if (!j.q) return attn_no_memory(v->ctx, "a prediction", bytes);
    j.k = j.q + most;
    const bool all = (int64_t)v->grid.ring * v->steps * most <= QUESTIONS;
    const int64_t sources = all ? v->grid.ring : attn_min64(v->grid.ring, SOURCES);
    const int64_t runs = all ? most : attn_max64(2, QUESTIONS / (sources * v->steps));
    for (int64_t n = 0; n < sources; n++) follow_source(&j, (int)((2 * n + 1) * v->grid.ring / (2 * sources)), runs);
    attn_free(v->ctx, j.q);
    return ATTN_OK;
}
