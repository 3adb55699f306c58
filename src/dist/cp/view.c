/* Pairs of each step of a ring: all positions and steps up to ATTN_CP_EXACT ranks, beyond them some, evenly spread, with the first and the last. */
#include "dist/cp/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLED_STEPS = 96 };

void attn_stage_view_close(struct attn_stage_view *view) {
    attn_free(view->ctx, view->memory);
    view->memory = NULL;
}

static int sample_size(int of, int most) {
    return of < most ? of : most;
}

/* 0, 1, of - 1 and what lies evenly between. */
static int sampled(int n, int count, int of) {
    if (count == of || n < 2) return n;
    return 1 + (int)((int64_t)(of - 2) * (n - 1) / (count - 2));
}

static attn_status allocate(struct attn_stage_view *v) {
    const size_t p = (size_t)v->positions, s = (size_t)v->steps;
    const size_t numbers = s + p * s + p + 3 * p;
    const size_t bytes = numbers * sizeof(double) + 2 * p * sizeof(struct attn_hop) + (p + s) * sizeof(int);
    v->memory = attn_alloc(v->ctx, bytes);
    if (!v->memory) return attn_no_memory(v->ctx, "a prediction", bytes);
    memset(v->memory, 0, bytes);
    v->weight = v->memory;
    v->pairs = v->weight + s;
    v->area = v->pairs + p * s;
    v->clock = v->area + p;
    v->hop = (struct attn_hop *)(v->clock + 3 * p);
    v->position = (int *)(v->hop + 2 * p);
    v->step = v->position + p;
    for (int i = 0; i < v->positions; i++) v->position[i] = sampled(i, v->positions, v->grid.ring);
    for (int i = 0; i < v->steps; i++) v->step[i] = sampled(i, v->steps, v->grid.ring);
    for (int i = 0; i < v->steps; i++) {
        const int low = i == 0 ? 0 : (v->step[i - 1] + v->step[i] + 1) / 2;
        const int high = i + 1 == v->steps ? v->grid.ring : (v->step[i] + v->step[i + 1] + 1) / 2;
        v->weight[i] = high - low;
    }
    return ATTN_OK;
}

struct look {
    struct attn_stage_view *view;
    const struct attn_shards *shards;
    const attn_mask *mask;
    struct attn_run *q, *k;
};

static struct attn_places places_of(const struct look *l, int position, struct attn_run *run) {
    return (struct attn_places){run, attn_shards_position(l->shards, position, run), l->shards->places * l->shards->pieces};
}

/* All keys, for a position's whole area: one run. Stripes have no such run, as all runs of a call have one stride. */
static double whole_area(const struct look *l, const struct attn_places *q) {
    const attn_problem *p = l->view->problem;
    const struct attn_run all = {0, 1, p->kv_len, 0};
    const struct attn_places k = {&all, 1, p->kv_len};
    return attn_cut_area(l->mask, p->kv_len, p->heads, q, &k);
}

static void look_at(const struct look *l, int p) {
    struct attn_stage_view *v = l->view;
    const struct attn_places q = places_of(l, v->position[p], l->q);
    double *pairs = v->pairs + (int64_t)p * v->steps, sum = 0;
    for (int i = 0; i < v->steps; i++) {
        const struct attn_places k = places_of(l, attn_grid_source(&v->grid, v->position[p], v->step[i]), l->k);
        pairs[i] = attn_cut_area(l->mask, v->problem->kv_len, v->problem->heads, &q, &k);
        sum += v->weight[i] * pairs[i];
    }
    v->area[p] = v->steps < v->grid.ring && l->shards->stride == 1 ? whole_area(l, &q) : sum;
    if (v->sampled && sum > 0)
        for (int i = 0; i < v->steps; i++) pairs[i] *= v->area[p] / sum;
}

static attn_status look_at_all(struct look *l) {
    struct attn_stage_view *v = l->view;
    int64_t most = 1;
    for (int y = 0; y < v->grid.ring; y++) most = attn_max64(most, attn_shards_position_runs(l->shards, y));
    const size_t bytes = 2 * (size_t)most * sizeof *l->q;
    l->q = attn_alloc(v->ctx, bytes);
    if (!l->q) return attn_no_memory(v->ctx, "a prediction", bytes);
    l->k = l->q + most;
    for (int p = 0; p < v->positions; p++) look_at(l, p);
    attn_free(v->ctx, l->q);
    return ATTN_OK;
}

static struct attn_shard_config shard_config(const struct attn_stage_view *v, const attn_mask *mask, const struct attn_document *document,
                                             int64_t documents) {
    return (struct attn_shard_config){.sharding = v->grid.mechanism == ATTN_CP_HYBRID ? ATTN_SHARD_ZIGZAG : v->config->sharding,
                                      .ring = v->grid.ring,
                                      .pieces = v->grid.ulysses,
                                      .document = document,
                                      .documents = documents,
                                      .mask = mask,
                                      .mask_len = v->problem->kv_len,
                                      .chunks = v->config->chunks};
}

attn_status attn_stage_view_open(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                                 const struct attn_grid *grid, const struct attn_document *document, int64_t documents,
                                 const struct attn_cp_machine *machine, struct attn_stage_view *out) {
    struct attn_shards shards;
    const bool exact = (int64_t)grid->ulysses * grid->ring <= attn_cp_exact(machine);
    *out = (struct attn_stage_view){.ctx = ctx,
                                    .problem = problem,
                                    .config = config,
                                    .machine = machine,
                                    .grid = *grid,
                                    .positions = exact ? grid->ring : sample_size(grid->ring, ATTN_CP_SAMPLE),
                                    .steps = exact ? grid->ring : sample_size(grid->ring, SAMPLED_STEPS)};
    out->sampled = !exact && out->positions < grid->ring;
    /* Gathered keys are two steps, own ones and all others. */
    if (grid->mechanism == ATTN_CP_ALLGATHER && config->sharding != ATTN_SHARD_STRIPE && !out->sampled) out->steps = 1;
    const struct attn_shard_config how = shard_config(out, mask, document, documents);
    attn_status status = attn_shards_open(ctx, &how, &shards);
    if (status) return status;
    out->places = shards.places;
    out->padded = shards.padded;
    out->tokens = shards.tokens;
    const double width = problem->dim + problem->v_dim, heads = attn_grid_kv_heads(grid, problem->kv_heads);
    out->kv = (double)(problem->batch * out->places) * heads * width * (double)attn_dtype_bytes(problem->dtype);
    out->dkv = (double)(problem->batch * out->places) * heads * width * sizeof(float);
    attn_cp_volume(problem, grid, config->keep, out->places, &out->volume);
    status = allocate(out);
    struct look look = {.view = out, .shards = &shards, .mask = mask};
    if (!status) status = look_at_all(&look);
    if (!status) status = attn_stage_use(out, &shards, mask);
    attn_shards_close(&shards);
    if (status) attn_stage_view_close(out);
    return status;
}
