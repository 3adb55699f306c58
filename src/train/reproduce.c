#include "train/reproduce.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

static bool has(const struct attn_reproduction *r, const struct attn_experiment *e) {
    for (int i = 0; i < r->count; i++)
        if (r->experiment[i] == e) return true;
    return false;
}

attn_status attn_reproduction_open(attn_ctx *ctx, const struct attn_system *system, enum attn_scale scale, int seeds,
                                   struct attn_reproduction *out) {
    *out = (struct attn_reproduction){.system = system, .scale = scale, .seeds = seeds};
    attn_sources_open(ctx, &out->sources);
    for (int i = 0; i < system->claim_count; i++) {
        const struct attn_experiment *e = system->claims[i].at[scale].experiment;
        if (!e || has(out, e)) continue;
        if (out->count == ATTN_EXPERIMENTS)
            return attn_fail(ctx, ATTN_EINVAL, "%s has more than %d experiments", system->name, ATTN_EXPERIMENTS);
        const size_t bytes = (size_t)e->arm_count * sizeof *out->result[0];
        out->result[out->count] = attn_alloc(ctx, bytes);
        if (!out->result[out->count]) {
            attn_reproduction_close(ctx, out);
            return attn_no_memory(ctx, "the results of an experiment", bytes);
        }
        out->experiment[out->count++] = e;
    }
    return ATTN_OK;
}

void attn_reproduction_close(attn_ctx *ctx, struct attn_reproduction *r) {
    for (int i = 0; i < r->count; i++) attn_free(ctx, r->result[i]);
    r->count = 0;
    attn_sources_close(&r->sources);
}

/* ---------------------------------------------------------------------------------------------------------------- cost */

/* Seconds of one run: a step as it is after the first two. */
static attn_status time_run(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe, double *seconds) {
    enum { BEFORE = 2, TIMED = 2, STEPS = BEFORE + TIMED };
    struct attn_job job;
    int64_t steps = 0;
    double begun = 0;
    attn_status status = attn_job_open(ctx, task, recipe, NULL, 0, NULL, &job);
    if (!status) status = attn_train_steps(&job, &steps);
    const int64_t micros = status ? 0 : attn_recipe_whole(recipe, "micro_batches");
    for (int64_t step = 0; step < STEPS && !status; step++) {
        if (step == BEFORE) begun = attn_clock();
        for (int64_t m = 0; m < micros && !status; m++) {
            attn_tape_reset(attn_model_tape(job.model));
            attn_tensor *loss = task->loss(&job, step, m, micros);
            status = loss ? attn_tape_backward(loss) : attn_tape_status(attn_model_tape(job.model));
        }
    }
    *seconds = (attn_clock() - begun) / TIMED * (double)steps;
    attn_job_close(&job);
    return status;
}

static attn_status add_cost(attn_ctx *ctx, const struct attn_experiment *e, const struct attn_sweep *sweep, const char *store,
                            struct attn_sources *sources, struct attn_reproduction_cost *out) {
    const int64_t each = sweep->count / e->arm_count;
    attn_status status = ATTN_OK;
    for (int arm = 0; arm < e->arm_count && !status; arm++) {
        int64_t missing = 0;
        double seconds = 0;
        for (int64_t i = 0; i < each && !status; i++) {
            struct attn_run_summary run;
            bool found;
            status = attn_store_find(ctx, store, attn_sweep_recipe(sweep, arm * each + i), sources, &run, &found);
            missing += !found || run.state != ATTN_RUN_DONE;
        }
        if (!status && missing > 0) status = time_run(ctx, e->task, attn_sweep_recipe(sweep, arm * each), &seconds);
        out->runs += each;
        out->missing += missing;
        out->seconds += (double)missing * seconds;
    }
    return status;
}

attn_status attn_reproduction_cost(attn_ctx *ctx, struct attn_reproduction *r, const char *store, struct attn_reproduction_cost *out) {
    attn_status status = ATTN_OK;
    *out = (struct attn_reproduction_cost){0, 0, 0};
    for (int i = 0; i < r->count && !status; i++) {
        struct attn_sweep sweep;
        status = attn_experiment_recipes(ctx, r->experiment[i], r->seeds, &sweep);
        if (status) break;
        status = add_cost(ctx, r->experiment[i], &sweep, store, &r->sources, out);
        attn_sweep_free(ctx, &sweep);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ running */

attn_status attn_reproduction_train(attn_ctx *ctx, struct attn_reproduction *r, struct attn_work *work, int jobs, int threads,
                                    attn_work_ready_fn ready, void *user, struct attn_work_count *count) {
    attn_status status = ATTN_OK;
    *count = (struct attn_work_count){0};
    for (int i = 0; i < r->count && !status; i++) {
        struct attn_sweep sweep;
        struct attn_work_count some;
        if (work->options.stop && work->options.stop(work->options.user)) break;
        status = attn_experiment_recipes(ctx, r->experiment[i], r->seeds, &sweep);
        if (status) break;
        work->task = r->experiment[i]->task;
        work->sources = &r->sources;
        status = attn_work_sweep(ctx, work, &sweep, 0, 1, jobs, threads, ready, user, &some);
        count->failed += some.failed;
        count->left += some.left;
        attn_sweep_free(ctx, &sweep);
    }
    return status;
}

attn_status attn_reproduction_read(attn_ctx *ctx, struct attn_reproduction *r, const char *store) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < r->count && !status; i++)
        for (int arm = 0; arm < r->experiment[i]->arm_count && !status; arm++)
            status = attn_experiment_read(ctx, r->experiment[i], r->seeds, store, &r->sources, arm, &r->result[i][arm]);
    return status;
}

attn_status attn_reproduction_judge(attn_ctx *ctx, const struct attn_reproduction *r, int index, struct attn_claim_result *out) {
    const struct attn_claim *claim = &r->system->claims[index];
    *out = (struct attn_claim_result){.verdict = ATTN_NOT_TESTED, .interval = attn_interval_of(NULL, 0)};
    if (claim->kind == ATTN_CLAIM_CHECK && claim->at[r->scale].tested) {
        double value = (double)NAN;
        const attn_status status = claim->check(ctx, &value);
        if (status) return status;
        attn_claim_judge_value(claim, r->scale, value, out);
    }
    for (int i = 0; i < r->count; i++)
        if (claim->kind != ATTN_CLAIM_CHECK && claim->at[r->scale].experiment == r->experiment[i])
            attn_claim_judge(claim, r->scale, r->result[i], r->seeds, out);
    return ATTN_OK;
}
