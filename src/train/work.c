#include "train/work.h"

#include "base/process.h"
#include "train/model_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JOBS = 256, EXIT_FAILED = 1, EXIT_STOPPED = 2 };

/* ------------------------------------------------------------------------------------------------------------- one */

static attn_status train_in(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe, struct attn_run *run,
                            bool resume, attn_work_begun_fn begun) {
    struct attn_job job;
    struct attn_figures figures;
    enum attn_train_end end;
    attn_status status = attn_job_open(ctx, work->task, recipe, work->kinds, work->kind_count, NULL, &job);
    if (!status && begun) begun(work->options.user, run, &job, resume);
    if (!status) status = attn_train(&job, run, resume, &work->options, &end, &figures);
    attn_job_close(&job);
    return status;
}

attn_status attn_work_one(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe, const char *folder,
                          attn_work_begun_fn begun, struct attn_run_summary *out) {
    bool found = folder != NULL;
    struct attn_run run;
    attn_status status = ATTN_OK;
    if (folder)
        status = attn_store_read(ctx, folder, out);
    else if (!work->again)
        status = attn_store_find(ctx, work->store, recipe, out, &found);
    if (status || (found && out->state == ATTN_RUN_DONE)) return status;
    if (found && out->state == ATTN_RUN_RUNNING && !folder) return ATTN_OK; /* another job has it */
    status = found ? attn_run_open(ctx, work->options.system, out->folder, &run)
                   : attn_run_create(ctx, work->options.system, work->store, recipe, &run);
    if (status) return status;
    char path[ATTN_FILE_PATH];
    snprintf(path, sizeof path, "%s", run.folder);
    status = train_in(ctx, work, recipe, &run, found, begun);
    attn_run_close(&run);
    return status ? status : attn_store_read(ctx, path, out);
}

/* ------------------------------------------------------------------------------------------------------------ many */

/* What a child is to do. */
struct errand {
    attn_ctx_config config;
    const struct attn_work *work;
    const struct attn_recipe *recipe;
};

static int run_errand(void *user) {
    const struct errand *e = user;
    attn_ctx *ctx;
    struct attn_run_summary summary;
    if (attn_ctx_create(&e->config, &ctx, NULL, 0)) return EXIT_FAILED;
    const attn_status status = attn_work_one(ctx, e->work, e->recipe, NULL, NULL, &summary);
    attn_ctx_destroy(ctx);
    if (status) return EXIT_FAILED;
    return summary.state == ATTN_RUN_STOPPED ? EXIT_STOPPED : 0;
}

struct pool {
    attn_ctx *ctx;
    const struct attn_work *work;
    const struct attn_sweep *sweep;
    int64_t child[JOBS], index[JOBS]; /* child 0: a free place */
    int jobs, busy;
    attn_work_ready_fn ready;
    void *user;
    int64_t *failed;
};

/* Tells of a run by what its folder says. */
static attn_status tell(struct pool *p, int64_t index, int exit_status) {
    struct attn_run_summary summary;
    bool found;
    const attn_status status = attn_store_find(p->ctx, p->work->store, p->sweep->recipe[index], &summary, &found);
    if (status) return status;
    if (!found) {
        summary = (struct attn_run_summary){.state = ATTN_RUN_FAILED, .loss = (double)NAN};
        attn_append(summary.message, sizeof summary.message, "it ended with status %d before its run began", exit_status);
    } else if (exit_status != 0 && exit_status != EXIT_STOPPED && summary.state != ATTN_RUN_FAILED) {
        summary.state = ATTN_RUN_FAILED;
        attn_append(summary.message, sizeof summary.message, "it ended with status %d", exit_status);
    }
    *p->failed += summary.state == ATTN_RUN_FAILED;
    if (p->ready) p->ready(p->user, index, &summary);
    return ATTN_OK;
}

static void interrupt_all(const struct pool *p) {
    for (int i = 0; i < p->jobs; i++)
        if (p->child[i] != 0) attn_process_interrupt(p->child[i]);
}

static attn_status wait_for_one(struct pool *p) {
    int64_t child;
    int status;
    const attn_status waited = attn_process_wait(p->ctx, &child, &status);
    if (waited) return waited;
    if (child == 0) { /* a signal */
        if (p->work->options.stop && p->work->options.stop(p->work->options.user)) interrupt_all(p);
        return ATTN_OK;
    }
    for (int i = 0; i < p->jobs; i++)
        if (p->child[i] == child) {
            p->child[i] = 0;
            p->busy--;
            return tell(p, p->index[i], status);
        }
    return ATTN_OK;
}

static attn_status start_one(struct pool *p, int threads, int64_t index) {
    struct errand errand = {.work = p->work, .recipe = p->sweep->recipe[index]};
    int place = 0;
    while (p->child[place] != 0) place++;
    attn_ctx_config_init(&errand.config);
    errand.config.threads = threads;
    const attn_status status = attn_process_start(p->ctx, run_errand, &errand, &p->child[place]);
    if (status) return status;
    p->index[place] = index;
    p->busy++;
    return ATTN_OK;
}

attn_status attn_work_sweep(attn_ctx *ctx, const struct attn_work *work, const struct attn_sweep *sweep, int64_t first, int64_t step,
                            int jobs, int threads, attn_work_ready_fn ready, void *user, int64_t *failed) {
    struct pool p = {
        .ctx = ctx, .work = work, .sweep = sweep, .jobs = jobs < JOBS ? jobs : JOBS, .ready = ready, .user = user, .failed = failed};
    attn_status status = ATTN_OK;
    *failed = 0;
    for (int64_t i = first; i < sweep->count && !status; i += step) {
        if (work->options.stop && work->options.stop(work->options.user)) break;
        while (p.busy == p.jobs && !status) status = wait_for_one(&p);
        if (!status) status = start_one(&p, threads, i);
    }
    if (status || (work->options.stop && work->options.stop(work->options.user))) interrupt_all(&p);
    while (p.busy > 0) {
        const attn_status waited = wait_for_one(&p);
        if (waited && !status) status = waited;
        if (waited) break;
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------------- saved models */

static attn_status make_recipe(attn_ctx *ctx, attn_task_find_fn find, const char *path, const char *text, struct attn_recipe **out,
                               const struct attn_task **task) {
    char name[64];
    attn_status status = attn_recipe_task(ctx, path, text, strlen(text), name);
    if (status) return status;
    *task = find(ctx, name);
    if (!*task) return ATTN_EINVAL;
    status = attn_task_recipe(ctx, *task, out);
    return status ? status : attn_recipe_parse(*out, path, text, strlen(text));
}

static attn_status open_from(attn_ctx *ctx, attn_task_find_fn find, const struct attn_safetensors_reader *reader,
                             const attn_mixer_kind *const *kinds, int kind_count, struct attn_saved_model *out) {
    const struct attn_model_file_state none = {.state = NULL};
    const struct attn_task *task;
    char *text;
    attn_status status = attn_safetensors_metadata(ctx, &reader->list, "attn_recipe", &text);
    if (!status && !text)
        status = attn_fail(ctx, ATTN_EINVAL, "%s: found no recipe (\"attn_recipe\" in the metadata), expected a model that attn has saved",
                           reader->path);
    if (!status) status = attn_safetensors_metadata(ctx, &reader->list, "attn_extra", &out->extra);
    if (!status) status = make_recipe(ctx, find, reader->path, text, &out->recipe, &task);
    attn_free(ctx, text);
    if (!status) status = attn_job_open(ctx, task, out->recipe, kinds, kind_count, out->extra, &out->job);
    return status ? status : attn_model_file_read(&out->job, reader, &none);
}

attn_status attn_work_open_model(attn_ctx *ctx, attn_task_find_fn find, const char *path, const attn_mixer_kind *const *kinds,
                                 int kind_count, struct attn_saved_model *out) {
    struct attn_safetensors_reader reader;
    *out = (struct attn_saved_model){.job = {.ctx = ctx}};
    attn_status status = attn_safetensors_open(ctx, NULL, path, &reader);
    if (status) return status;
    status = open_from(ctx, find, &reader, kinds, kind_count, out);
    attn_safetensors_close(ctx, &reader);
    if (status)
        attn_work_close_model(out);
    else
        attn_tape_record(attn_model_tape(out->job.model), false);
    return status;
}

void attn_work_close_model(struct attn_saved_model *model) {
    attn_ctx *ctx = model->job.ctx;
    attn_job_close(&model->job);
    attn_free(ctx, model->recipe);
    attn_free(ctx, model->extra);
}
