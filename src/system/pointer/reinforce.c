#include "system/pointer/reinforce.h"

#include "system/pointer/task.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

/* The quantile of 5% of Student's distribution for many pairs, which is the normal one's. */
static const double quantile = 1.6448536269514722;
/* Of the exponential mean: what it keeps. */
static const double keep = 0.8;

/* ---------------------------------------------------------------------------------------------------------- set-up */

/* Parameters of both have the same sizes in the same order; the frozen ones are the newer ones. */
static void copy_parameters(attn_model *model, int64_t from, int64_t to, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        attn_tensor *a = attn_model_tensor(model, from + i), *b = attn_model_tensor(model, to + i);
        if (a && b) memcpy(attn_data(b), attn_data(a), (size_t)attn_count(a) * sizeof(attn_real));
    }
}

static size_t scratch_bytes(const struct attn_reinforce *r) {
    const size_t source = attn_pointer_source_scratch(&r->source), rollout = attn_rollout_scratch(&r->model->config, r->source.high);
    return (source > rollout ? source : rollout) * (size_t)r->ctx->config.threads;
}

/* Of each example. */
static int64_t tours_of(const struct attn_reinforce *r, int64_t points) {
    return r->config.baseline == ATTN_BASELINE_STARTS ? points : 1;
}

static attn_status open_memory(struct attn_reinforce *r) {
    const size_t tours = (size_t)(r->source.batch * tours_of(r, r->source.high)), words = tours * (size_t)r->source.high * sizeof *r->tours,
                 scratch = scratch_bytes(r);
    r->tours = attn_alloc(r->ctx, words);
    r->length = attn_alloc(r->ctx, tours * sizeof *r->length);
    r->base = attn_alloc(r->ctx, (size_t)r->source.batch * sizeof *r->base);
    r->advantage = attn_alloc(r->ctx, tours * sizeof *r->advantage);
    r->scratch = attn_alloc(r->ctx, scratch);
    if (r->tours && r->length && r->base && r->advantage && r->scratch) return ATTN_OK;
    return attn_no_memory(r->ctx, "tours of a batch", words + scratch);
}

attn_status attn_reinforce_open(attn_ctx *ctx, attn_model *model, const struct attn_transformer *trained,
                                const struct attn_reinforce_config *config, const struct attn_pointer_source *source,
                                struct attn_reinforce *out) {
    const int64_t count = attn_model_count(model);
    *out = (struct attn_reinforce){.config = *config, .ctx = ctx, .model = trained, .ready = -1};
    if (config->baseline == ATTN_BASELINE_ROLLOUT) {
        attn_model_enter(model, "baseline");
        attn_transformer_make(model, &trained->config, true, &out->frozen);
        copy_parameters(model, 0, count, count);
        out->mean = attn_model_parameter(model, "mean", 1, (const int64_t[]){1});
        attn_model_scale(model, 0, 0);
        attn_model_leave(model);
    }
    out->parameters = count;
    out->holder = model;
    if (!source) return ATTN_OK;
    out->source = *source;
    out->source.unlabelled = true;
    return open_memory(out);
}

void attn_reinforce_close(struct attn_reinforce *r) {
    void *const arrays[] = {r->tours, r->length, r->base, r->advantage, r->scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && r->ctx; i++) attn_free(r->ctx, arrays[i]);
}

/* ------------------------------------------------------------------------------------------------------------ tours */

/* Of the batch by one of the models, one for each example; nothing is recorded. False: the tape says why. */
static bool take_tours(struct attn_reinforce *r, const struct attn_transformer *m, const struct attn_pointer_batch *batch,
                       const struct attn_rollout *how, double *length) {
    const bool records = m->tape->record;
    struct attn_transformer_encoding e;
    attn_tape_record(m->tape, false);
    const bool encoded = attn_transformer_encode(m, batch->count, batch->points, batch->x, &e);
    attn_tape_record(m->tape, records);
    if (encoded) attn_rollout_tours(r->ctx, &e, batch, how, r->scratch, r->tours, length);
    return encoded;
}

static void fill(struct attn_reinforce *r, const struct attn_pointer_source *source, int64_t step, int64_t first, int64_t count,
                 struct attn_pointer_batch *batch) {
    attn_tape_reset(r->model->tape);
    attn_pointer_source_fill(r->ctx, source, step, first, count, r->scratch, batch);
}

static struct attn_rollout drawing(const struct attn_reinforce *r, int64_t points, int64_t step, int64_t first) {
    const bool starts = r->config.baseline == ATTN_BASELINE_STARTS;
    return (struct attn_rollout){
        .tours = tours_of(r, points), .every_start = starts, .drawn = true, .seed = r->source.seed, .step = step, .first = first};
}

/* -------------------------------------------------------------------------------------------------------- baselines */

static bool in_first_epoch(const struct attn_reinforce *r, int64_t step) {
    return r->config.baseline == ATTN_BASELINE_ROLLOUT && step < r->config.epoch;
}

/* Of all examples of the step, whichever of its micro-batches are this process's own, with the tours that it will draw again. */
static bool bring_mean_up_to(struct attn_reinforce *r, int64_t step, int64_t micros, struct attn_pointer_batch *batch) {
    const int64_t count = r->source.batch / micros;
    double sum = 0;
    for (int64_t micro = 0; micro < micros; micro++) {
        fill(r, &r->source, step, micro * count, count, batch);
        const struct attn_rollout how = drawing(r, batch->points, step, micro * count);
        if (!take_tours(r, r->model, batch, &how, r->length)) return false;
        for (int64_t i = 0; i < count; i++) sum += r->length[i];
    }
    const double mean = sum / (double)r->source.batch;
    attn_real *kept = attn_data(r->mean);
    *kept = (attn_real)(step == 0 ? mean : keep * (double)*kept + (1 - keep) * mean);
    return true;
}

/* Whether numbers of this mean and sum of squares, each how much longer one of `count` tours is, say that tours are shorter. */
bool attn_reinforce_shorter(double sum, double squares, int64_t count) {
    const double n = (double)count, mean = sum / n, variance = fmax(0, squares - n * mean * mean) / (n - 1);
    return mean + quantile * sqrt(variance / n) < 0;
}

/* The model takes the frozen copy's place where it is better. Asked again behind that it is not, so that no process needs to know whether this step has asked before. */
static bool compare(struct attn_reinforce *r, int64_t step, struct attn_pointer_batch *batch) {
    struct attn_pointer_source fresh = r->source;
    const int64_t most = r->source.batch, pieces = (r->config.examples + most - 1) / most;
    const struct attn_rollout greedy = {.tours = 1};
    double sum = 0, squares = 0;
    fresh.seed += 2 * ATTN_POINTER_TEST_SEEDS;
    fresh.examples = 0;
    for (int64_t piece = 0; piece < pieces; piece++) {
        const int64_t count = attn_min64(most, r->config.examples - piece * most);
        fill(r, &fresh, step / r->config.epoch * pieces + piece, 0, count, batch);
        if (!take_tours(r, r->model, batch, &greedy, r->length) || !take_tours(r, &r->frozen, batch, &greedy, r->base)) return false;
        for (int64_t i = 0; i < count; i++) {
            const double longer = r->length[i] - r->base[i];
            sum += longer;
            squares += longer * longer;
        }
    }
    if (attn_reinforce_shorter(sum, squares, r->config.examples)) copy_parameters(r->holder, 0, r->parameters, r->parameters);
    return true;
}

/* What is done once in a step, and for step 0, whose mean has none before it, as often as anyone asks. */
static bool bring_up_to(struct attn_reinforce *r, int64_t step, int64_t micros, struct attn_pointer_batch *batch) {
    if (r->config.baseline != ATTN_BASELINE_ROLLOUT || (r->ready == step && step > 0)) return true;
    r->ready = step;
    if (in_first_epoch(r, step)) return bring_mean_up_to(r, step, micros, batch);
    return step % r->config.epoch != 0 || compare(r, step, batch);
}

/* base[i] of each example, for tours whose lengths are known. */
static bool take_baseline(struct attn_reinforce *r, int64_t step, const struct attn_pointer_batch *batch, int64_t tours) {
    const struct attn_rollout greedy = {.tours = 1};
    if (r->config.baseline == ATTN_BASELINE_ROLLOUT && !in_first_epoch(r, step)) return take_tours(r, &r->frozen, batch, &greedy, r->base);
    for (int64_t i = 0; i < batch->count; i++) {
        double sum = 0;
        for (int64_t k = 0; k < tours; k++) sum += r->length[i * tours + k];
        r->base[i] = r->mean ? (double)attn_data(r->mean)[0] : sum / (double)tours;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- loss */

attn_tensor *attn_reinforce_loss(struct attn_reinforce *r, int64_t step, int64_t micro, int64_t micros, struct attn_pointer_batch *batch) {
    const int64_t count = r->source.batch / micros;
    struct attn_transformer_encoding e;
    if (!bring_up_to(r, step, micros, batch)) return NULL;
    fill(r, &r->source, step, micro * count, count, batch);
    const int64_t tours = tours_of(r, batch->points), all = count * tours;
    const struct attn_rollout how = drawing(r, batch->points, step, micro * count);
    if (!attn_transformer_encode(r->model, count, batch->points, batch->x, &e)) return NULL;
    attn_rollout_tours(r->ctx, &e, batch, &how, r->scratch, r->tours, r->length);
    attn_tensor *p = attn_transformer_tours(&e, tours, r->tours); /* a copy of them is the tape's */
    if (!p || !take_baseline(r, step, batch, tours)) return NULL;
    double sum = 0;
    for (int64_t i = 0; i < all; i++) {
        r->advantage[i] = (attn_real)(r->length[i] - r->base[i / tours]);
        sum += r->length[i];
    }
    const double share = 1 / (double)(r->source.batch * tours);
    attn_tensor *weighted = attn_sum_all(attn_mul(p, attn_tensor_input(r->model->tape, 1, &all, r->advantage)));
    if (!weighted) return NULL;
    const double value = (double)attn_data(weighted)[0];
    return attn_affine(weighted, (attn_real)share, (attn_real)(share * (sum - value)));
}
