#include "train/reproduce.h"

#include "base/clock.h"
#include "train/paper_table.h"

#include <math.h>
#include <string.h>

static bool has(const struct attn_reproduction *r, const struct attn_experiment *e) {
    for (int i = 0; i < r->count; i++)
        if (r->experiment[i] == e) return true;
    return false;
}

/* NULL, one that is there and one whose data are not here are passed over. */
static attn_status add_experiment(attn_ctx *ctx, const struct attn_experiment *e, struct attn_reproduction *r) {
    if (!e || has(r, e) || !attn_experiment_has_data(e, r->missing, sizeof r->missing)) return ATTN_OK;
    const size_t bytes = (size_t)e->arm_count * sizeof *r->result[0];
    if (r->count == ATTN_EXPERIMENTS)
        return attn_fail(ctx, ATTN_EINVAL, "system %s: found more than %d experiments at scale %s, expected at most so many",
                         r->system->name, ATTN_EXPERIMENTS, attn_scale_names[r->scale]);
    r->result[r->count] = attn_alloc(ctx, bytes);
    if (!r->result[r->count]) return attn_no_memory(ctx, "the results of an experiment", bytes);
    r->experiment[r->count++] = e;
    return ATTN_OK;
}

attn_status attn_reproduction_open(attn_ctx *ctx, const struct attn_system *system, enum attn_scale scale, int seeds,
                                   struct attn_reproduction *out) {
    *out = (struct attn_reproduction){.system = system, .scale = scale, .seeds = seeds};
    attn_status status = ATTN_OK;
    attn_sources_open(ctx, &out->sources);
    for (int i = 0; i < system->claim_count && !status; i++) status = add_experiment(ctx, system->claims[i].at[scale].experiment, out);
    for (int t = 0; t < system->table_count; t++)
        for (int i = 0; i < system->tables[t].row_count && !status; i++)
            status = add_experiment(ctx, system->tables[t].rows[i].at[scale], out);
    if (status) attn_reproduction_close(ctx, out);
    return status;
}

void attn_reproduction_close(attn_ctx *ctx, struct attn_reproduction *r) {
    for (int i = 0; i < r->count; i++) attn_free(ctx, r->result[i]);
    r->count = 0;
    attn_sources_close(&r->sources);
}

/* ---------------------------------------------------------------------------------------------------------------- cost */

static bool stopped(const struct attn_work *work) {
    return work->options.stop && work->options.stop(work->options.user);
}

/* Seconds of one run: a micro-batch as it is after the first two. */
static attn_status time_run(attn_ctx *ctx, const struct attn_work *work, const struct attn_task *task, const struct attn_recipe *recipe,
                            double *seconds) {
    enum { BEFORE = 2, TIMED = 2 };
    struct attn_job job;
    int64_t steps = 0;
    double begun = 0;
    attn_status status = attn_job_open(ctx, task, recipe, NULL, 0, NULL, &job);
    if (!status) status = attn_train_steps(&job, &steps);
    const int64_t micros = attn_recipe_whole(recipe, "micro_batches");
    for (int64_t i = 0; i < BEFORE + TIMED && !status && !stopped(work); i++) {
        if (i == BEFORE) begun = attn_clock();
        attn_tape_reset(attn_model_tape(job.model));
        attn_tensor *loss = task->loss(&job, i / micros, i % micros, micros);
        status = loss ? attn_tape_backward(loss) : attn_tape_status(attn_model_tape(job.model));
    }
    *seconds = (attn_clock() - begun) / TIMED * (double)(micros * steps);
    attn_job_close(&job);
    return status;
}

static attn_status add_cost(attn_ctx *ctx, const struct attn_experiment *e, const struct attn_sweep *sweep, const struct attn_work *work,
                            struct attn_sources *sources, struct attn_reproduction_cost *out) {
    const int64_t each = sweep->count / e->arm_count;
    attn_status status = ATTN_OK;
    for (int arm = 0; arm < e->arm_count && !status && !stopped(work); arm++) {
        int64_t missing = 0;
        double seconds = 0;
        for (int64_t i = 0; i < each && !status; i++) {
            struct attn_run_summary run;
            bool found;
            status = attn_store_find(ctx, work->store, attn_sweep_recipe(sweep, arm * each + i), sources, &run, &found);
            missing += !found || run.state != ATTN_RUN_DONE;
        }
        const struct attn_recipe *first = attn_sweep_recipe(sweep, arm * each);
        if (!status && missing > 0 && !e->task->measure) status = time_run(ctx, work, e->task, first, &seconds);
        out->runs += each;
        out->missing += missing;
        out->seconds += (double)missing * seconds;
        if (e->task->measure) out->alone += (double)missing * e->task->seconds(first);
    }
    return status;
}

attn_status attn_reproduction_cost(attn_ctx *ctx, struct attn_reproduction *r, const struct attn_work *work,
                                   struct attn_reproduction_cost *out) {
    attn_status status = ATTN_OK;
    *out = (struct attn_reproduction_cost){0, 0, 0, 0};
    for (int i = 0; i < r->count && !status && !stopped(work); i++) {
        struct attn_sweep sweep;
        status = attn_experiment_recipes(ctx, r->experiment[i], r->seeds, &sweep);
        if (status) break;
        status = add_cost(ctx, r->experiment[i], &sweep, work, &r->sources, out);
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
        if (stopped(work)) break;
        status = attn_experiment_recipes(ctx, r->experiment[i], r->seeds, &sweep);
        if (status) break;
        work->task = r->experiment[i]->task;
        work->sources = &r->sources;
        status = attn_work_sweep(ctx, work, &sweep, 0, 1, jobs, threads, ready, user, &some);
        count->failed += some.failed;
        count->left += some.left;
        count->waiting += some.waiting;
        attn_sweep_free(ctx, &sweep);
    }
    return status;
}

attn_status attn_reproduction_read(attn_ctx *ctx, struct attn_reproduction *r, const struct attn_run_views *runs) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < r->count && !status; i++)
        for (int arm = 0; arm < r->experiment[i]->arm_count && !status; arm++)
            status = attn_experiment_read(ctx, r->experiment[i], r->seeds, runs, &r->sources, arm, &r->result[i][arm]);
    return status;
}

attn_status attn_reproduction_read_store(attn_ctx *ctx, struct attn_reproduction *r, const char *store) {
    struct attn_run_list list;
    attn_status status = attn_store_list(ctx, store, &list);
    if (status) return status;
    const size_t bytes = (size_t)list.count * sizeof(struct attn_run_view);
    struct attn_run_view *views = attn_alloc(ctx, bytes);
    if (!views) status = attn_no_memory(ctx, "the runs of a store", bytes);
    for (int64_t i = 0; i < list.count && !status; i++) views[i] = (struct attn_run_view){&list.at[i], list.recipe[i]};
    if (!status) status = attn_reproduction_read(ctx, r, &(struct attn_run_views){views, list.count, NULL});
    attn_free(ctx, views);
    attn_run_list_free(ctx, &list);
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

bool attn_reproduction_arm(const struct attn_reproduction *r, const struct attn_claim *claim, int index, int *experiment, int *arm) {
    const struct attn_experiment *e = claim->at[r->scale].experiment;
    const char *name = attn_claim_arm(claim, index);
    *experiment = *arm = 0;
    if (!e || !name) return false;
    while (*experiment < r->count && r->experiment[*experiment] != e) ++*experiment;
    while (*arm < e->arm_count && strcmp(e->arms[*arm].name, name) != 0) ++*arm;
    return *experiment < r->count && *arm < e->arm_count;
}

/* ----------------------------------------------------------------------------------------------------------- records */

void attn_reproduction_claim_record(const struct attn_reproduction *r, int index, const struct attn_claim_result *result,
                                    struct attn_record *out) {
    const struct attn_claim *claim = &r->system->claims[index];
    const struct attn_claim_scale *at = &claim->at[r->scale];
    const char *as_it_is = result->verdict == ATTN_NOT_TESTED ? NULL : "as expected";
    *out = (struct attn_record){.count = 0};
    attn_record_text(out, "record", "claim");
    attn_record_text(out, "system", r->system->name);
    attn_record_text(out, "scale", attn_scale_names[r->scale]);
    attn_record_text(out, "claim", claim->name);
    attn_record_text(out, "sentence", claim->sentence);
    attn_record_text(out, "place", claim->place);
    attn_record_real(out, "threshold", claim->threshold);
    attn_record_real(out, "measured", result->interval.mean);
    attn_record_real(out, "low", result->interval.low);
    attn_record_real(out, "high", result->interval.high);
    attn_record_integer(out, "seeds", result->interval.count);
    attn_record_text(out, "verdict", attn_verdict_names[result->verdict]);
    attn_record_text(out, "expected", result->surprise ? attn_verdict_names[at->expected] : as_it_is);
    attn_record_text(out, "reason", at->reason);
}

/* Of done runs, those that programs of other versions made. */
static int64_t other_versions(const struct attn_version_count *versions) {
    int64_t runs = 0;
    for (int i = 0; i < versions->others; i++) runs += versions->other[i].runs;
    return runs;
}

void attn_reproduction_arm_record(const struct attn_reproduction *r, int experiment, int arm, struct attn_record *out) {
    const struct attn_experiment *e = r->experiment[experiment];
    const struct attn_arm_result *a = &r->result[experiment][arm];
    *out = (struct attn_record){.count = 0};
    attn_record_text(out, "record", "arm");
    attn_record_text(out, "system", r->system->name);
    attn_record_text(out, "experiment", e->name);
    attn_record_text(out, "arm", e->arms[arm].name);
    attn_record_integer(out, "parameters", a->parameters);
    attn_record_real(out, "mean", a->interval.mean);
    attn_record_real(out, "low", a->interval.low);
    attn_record_real(out, "high", a->interval.high);
    attn_record_integer(out, "runs", a->runs);
    attn_record_integer(out, "done", a->done);
    attn_record_integer(out, "failed", a->failed);
    attn_record_integer(out, "other_versions", other_versions(&a->versions));
    attn_record_real(out, "seconds", a->seconds);
    attn_record_text(out, "best", a->best);
}
