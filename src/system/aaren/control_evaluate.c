/* Figures: how far the model's actions are from those that were taken in episodes that it has not learned from; what it attains in its world. */
#include "system/aaren/control_rollout.h"

#include <math.h>

static const uint64_t trial_seeds = (uint64_t)1 << 31; /* from here on; below, as far as a recipe's seed goes: of training */

/* ------------------------------------------------------------------------------------------------------ recorded actions */

/* Squares of what is wrong, in the file's units, and what the best constant would have: sums over all numbers of all actions. */
struct errors {
    double squares;
    double sum[ATTN_CONTROL_NUMBERS], sum_squares[ATTN_CONTROL_NUMBERS]; /* of the actions, number by number */
    int64_t actions;
};

static void count_batch(const struct attn_aaren_control *s, attn_tensor *y, struct errors *e) {
    const struct attn_aaren_control_batch *b = &s->batch;
    double said[ATTN_CONTROL_NUMBERS], done[ATTN_CONTROL_NUMBERS];
    for (int64_t i = 0; i < b->count; i++)
        for (int64_t k = 0; k < b->length[i]; k++, e->actions++) {
            const int64_t at = (i * b->steps + k) * s->scale.actions;
            attn_aaren_control_unscale(&s->scale, attn_data(y) + at, said);
            attn_aaren_control_unscale(&s->scale, b->action + at, done);
            for (int64_t j = 0; j < s->scale.actions; j++) {
                e->squares += (said[j] - done[j]) * (said[j] - done[j]);
                e->sum[j] += done[j];
                e->sum_squares[j] += done[j] * done[j];
            }
        }
}

static attn_status run_batch(struct attn_job *job, struct errors *e) {
    struct attn_aaren_control *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    attn_tape_reset(tape);
    attn_tensor *y = attn_aaren_decision_forward(&s->model, &s->batch, false);
    if (!y) return attn_tape_status(tape);
    count_batch(s, y, e);
    s->batch.count = 0;
    return ATTN_OK;
}

/* Episodes that training has (NULL: none of them) are passed over; the others are cut into pieces of K steps. */
static attn_status count_errors(struct attn_job *job, const struct attn_aaren_episodes *episodes, const bool *train, struct errors *e) {
    struct attn_aaren_control *s = job->self;
    attn_status status = ATTN_OK;
    s->batch.count = 0;
    s->batch.steps = s->context;
    for (int64_t i = 0; i < episodes->count && !status; i++) {
        const int64_t steps = train && train[i] ? 0 : episodes->first[i + 1] - episodes->first[i];
        for (int64_t t = 0; t < steps && !status; t += s->context) {
            attn_aaren_control_fill(episodes, &s->scale, (struct attn_aaren_control_place){i, t}, s->batch.count++, &s->batch);
            if (s->batch.count == ATTN_CONTROL_ROWS) status = run_batch(job, e);
        }
    }
    return status || s->batch.count == 0 ? status : run_batch(job, e);
}

static attn_status add_errors(struct attn_job *job, const struct attn_aaren_episodes *episodes, const bool *train,
                              struct attn_figures *out) {
    const struct attn_aaren_control *s = job->self;
    struct errors e = {.squares = 0};
    const attn_status status = count_errors(job, episodes, train, &e);
    if (status) return status;
    const double count = (double)e.actions;
    double constant = 0;
    for (int64_t j = 0; j < s->scale.actions; j++) constant += fmax(0, e.sum_squares[j] / count - (e.sum[j] / count) * (e.sum[j] / count));
    attn_figures_add(out, "validation_mse", e.squares / (count * (double)s->scale.actions));
    attn_figures_add(out, "validation_mse_mean_action", constant / (double)s->scale.actions);
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------------------------- trials */

static double mean_of(const double *x, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    return sum / (double)count;
}

/* Of drawn actions, or of the best policy's. */
static double scripted(const struct attn_aaren_control *s, uint64_t seed, int64_t count, bool best) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += attn_aaren_world_return(s->world, seed, i, best, NULL, NULL);
    return sum / (double)count;
}

static attn_status add_trial(struct attn_job *job, const char *way, bool stream, double random, double reference,
                             struct attn_figures *out) {
    const struct attn_aaren_control *s = job->self;
    const int64_t count = attn_recipe_whole(job->recipe, "rollouts");
    const struct attn_aaren_trial trial = {.target = s->scale.target, .seed = trial_seeds + s->seed, .count = count, .stream = stream};
    double *returns = attn_alloc(job->ctx, (size_t)count * sizeof *returns);
    if (!returns) return attn_no_memory(job->ctx, "returns", (size_t)count * sizeof *returns);
    const attn_status status = attn_aaren_control_try(job, &trial, returns, NULL, NULL);
    if (!status) {
        char name[48];
        const double mean = mean_of(returns, count);
        snprintf(name, sizeof name, "return_%s", way);
        attn_figures_add(out, name, mean);
        snprintf(name, sizeof name, "score_%s", way);
        attn_figures_add(out, name, 100 * (mean - random) / (reference - random));
    }
    attn_free(job->ctx, returns);
    return status;
}

/* Scores: 0 is drawn actions, 100 the best policy, or where none is written down the mean of the episodes. */
static attn_status add_trials(struct attn_job *job, double data, struct attn_figures *out) {
    const struct attn_aaren_control *s = job->self;
    const int64_t count = attn_recipe_whole(job->recipe, "rollouts");
    const uint64_t seed = trial_seeds + s->seed;
    const double random = scripted(s, seed, count, false), reference = s->world->best ? scripted(s, seed, count, true) : data;
    attn_status status = add_trial(job, "window", false, random, reference, out);
    if (!status && attn_aaren_decision_state(&s->model, s->world->steps) >= 0)
        status = add_trial(job, "stream", true, random, reference, out);
    if (status) return status;
    attn_figures_add(out, "score_data", 100 * (data - random) / (reference - random));
    attn_figures_add(out, "return_random", random);
    attn_figures_add(out, "return_reference", reference);
    return ATTN_OK;
}

static attn_status check_sizes(const struct attn_job *job, const char *data, const struct attn_aaren_episodes *e) {
    const struct attn_aaren_control *s = job->self;
    if (e->observations == s->scale.observations && e->actions == s->scale.actions) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "%s: found %lld observations and %lld actions, expected %lld and %lld, as the model has",
                     data ? data : "the recipe's data", (long long)e->observations, (long long)e->actions, (long long)s->scale.observations,
                     (long long)s->scale.actions);
}

static attn_status measure(struct attn_job *job, const char *data, const struct attn_aaren_episodes *episodes, const bool *train,
                           struct attn_figures *out) {
    const struct attn_aaren_control *s = job->self;
    attn_status status = check_sizes(job, data, episodes);
    if (!status) status = add_errors(job, episodes, train, out);
    if (status) return status;
    const double mean = attn_aaren_episodes_return(episodes);
    attn_figures_add(out, "return_data", mean);
    attn_figures_add(out, "return_target", s->scale.target);
    return s->world ? add_trials(job, mean, out) : ATTN_OK;
}

attn_status attn_aaren_control_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct attn_aaren_control *s = job->self;
    struct attn_aaren_episodes own;
    attn_status status = data ? attn_aaren_episodes_read(job->ctx, data, &own) : attn_aaren_control_episodes(job);
    if (status) return status;
    if (!data) return measure(job, data, &s->source.episodes, s->source.train, out);
    status = measure(job, data, &own, NULL, out);
    attn_aaren_episodes_free(job->ctx, &own);
    return status;
}
