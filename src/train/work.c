#include "train/work.h"

#include "base/clock.h"
#include "base/process.h"
#include "nn/mixer.h"
#include "train/context_parallel.h"
#include "train/cost.h"
#include "train/measured.h"
#include "train/model_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JOBS = 256, EXIT_FAILED = 1, EXIT_STOPPED = 2, SENTENCE = 512 };

/* ------------------------------------------------------------------------------------------------------------- one */

static const struct attn_ranks *ranks_of(const struct attn_work *work) {
    const struct attn_ranks *ranks = work->options.ranks;
    return ranks && ranks->count > 1 ? ranks : NULL;
}

/* Bits that the processes share are equal only if these are. */
static attn_status preflight(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                             const struct attn_source_list *sources) {
    char text[512] = "";
    attn_append(text, sizeof text, "%s on %s, recipe %016llx, files %016llx", attn_version_string(), ctx->isa_name,
                (unsigned long long)attn_recipe_hash(recipe), (unsigned long long)attn_source_list_hash(sources));
    return attn_ranks_compare(ranks_of(work), ctx, "preflight", 0, text);
}

enum { TRAIN = 1, RESUME = 2 };

/* What is to be done about a recipe. */
static attn_status look_up(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe, const char *folder,
                           uint32_t *bits, struct attn_run_summary *out) {
    bool found = folder != NULL;
    attn_status status = ATTN_OK;
    if (folder) {
        status = attn_store_read(ctx, folder, out);
        if (!status && out->state != ATTN_RUN_DONE) status = attn_store_check_sources(ctx, folder, recipe, work->sources);
    } else if (!work->again) {
        status = attn_store_find(ctx, work->store, recipe, work->sources, out, &found);
    }
    const bool others = found && !folder && out->state == ATTN_RUN_RUNNING; /* another job has it */
    *bits = found ? RESUME | TRAIN : TRAIN;
    if (found && (out->state == ATTN_RUN_DONE || others)) *bits = 0;
    return status;
}

/* The run, locked. *done: another process has brought it to its end meanwhile. */
static attn_status take_run(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, bool resume, struct attn_run *run, uint32_t *done,
                            struct attn_run_summary *out) {
    char folder[ATTN_FILE_PATH];
    *done = 0;
    if (!resume) return attn_run_create(ctx, work->options.system, work->store, recipe, work->sources ? sources : NULL, run);
    memcpy(folder, out->folder, sizeof out->folder);
    attn_status status = attn_run_open(ctx, work->options.system, folder, run);
    if (status) return status;
    status = attn_store_read(ctx, folder, out);
    *done = !status && out->state == ATTN_RUN_DONE;
    if (status || *done) attn_run_close(run);
    return status;
}

/* Where the lists of one recipe differ; NULL: nowhere. */
static const struct attn_source *first_other(const struct attn_source_list *before, const struct attn_source_list *now) {
    for (int i = 0; i < before->count && i < now->count; i++)
        if (strcmp(before->at[i].hash, now->at[i].hash) != 0) return &now->at[i];
    return NULL;
}

/* The job, with the files that were hashed before. */
static attn_status open_job(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, struct attn_job *job) {
    struct attn_source_list now;
    attn_status status = attn_job_open(ctx, work->task, recipe, work->kinds, work->kind_count, NULL, job);
    if (!status) status = attn_train_check(job, ranks_of(work));
    if (status) return status;
    status = attn_sources_of(ctx, work->sources, recipe, &now);
    const struct attn_source *other = status ? NULL : first_other(sources, &now);
    if (other)
        status = attn_fail(ctx, ATTN_ESYSTEM, "%s: it changed while it was read, expected a file that stays; begin again", other->path);
    attn_source_list_free(ctx, &now);
    return status;
}

/* What a step costs they then count together, once the run is there: one process may have no memory for whole sequences. */
static bool shares_sequences(const struct attn_work *work, const struct attn_recipe *recipe) {
    int group;
    return !attn_context_groups(recipe->ctx, recipe, ranks_of(work) ? ranks_of(work)->count : 1, &group) && group > 1;
}

/* In every process; the run is the first one's. */
static attn_status train_in(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, bool resume, attn_work_begun_fn begun, struct attn_run_summary *out) {
    const struct attn_ranks *ranks = ranks_of(work);
    const bool first = !ranks || ranks->rank == 0;
    struct attn_job job;
    struct attn_run run = {.metrics = {.number = -1}};
    struct attn_figures figures;
    enum attn_train_end end = ATTN_TRAIN_DONE;
    uint32_t done = 0;
    /* A recipe that is refused leaves no run. */
    attn_status status = open_job(ctx, work, recipe, sources, &job);
    if (!status && first && !resume && !shares_sequences(work, recipe)) status = attn_job_cost(&job);
    if (!status && first) status = take_run(ctx, work, recipe, sources, resume, &run, &done, out);
    status = attn_ranks_agree(ranks, ctx, "opening", 0, status);
    if (!status) status = attn_ranks_any(ranks, ctx, "opening", 0, &done);
    if (!status && !done) {
        if (first && begun) begun(work->options.user, &run, &job, resume);
        status = attn_train(&job, first ? &run : NULL, resume, &work->options, &end, &figures);
    }
    attn_job_close(&job);
    attn_run_close(&run);
    if (!first) *out = (struct attn_run_summary){.state = end == ATTN_TRAIN_STOPPED ? ATTN_RUN_STOPPED : ATTN_RUN_DONE};
    if (status || done || !first) return status;
    char folder[ATTN_FILE_PATH];
    memcpy(folder, run.folder, sizeof run.folder);
    return attn_store_read(ctx, folder, out);
}

static attn_status measure_in(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                              const struct attn_source_list *sources, bool resume, struct attn_run_summary *out) {
    struct attn_run run = {.metrics = {.number = -1}};
    struct attn_halt halt = {.asked = work->options.stop, .user = work->options.user};
    char folder[ATTN_FILE_PATH];
    uint32_t done = 0;
    if (ranks_of(work))
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s is measured by one process: found %d; expected no mpirun", work->task->name,
                         ranks_of(work)->count);
    attn_status status = take_run(ctx, work, recipe, sources, resume, &run, &done, out);
    if (status || done) return status;
    status = attn_measure_run(ctx, work->task, recipe, &run, resume, &halt);
    memcpy(folder, run.folder, sizeof run.folder);
    attn_run_close(&run);
    return status ? status : attn_store_read(ctx, folder, out);
}

static attn_status work_one(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, const char *folder, attn_work_begun_fn begun,
                            struct attn_run_summary *out) {
    const struct attn_ranks *ranks = ranks_of(work);
    uint32_t bits = 0;
    attn_status status = preflight(ctx, work, recipe, sources);
    if (status) return status;
    if (!ranks || ranks->rank == 0) status = look_up(ctx, work, recipe, folder, &bits, out);
    status = attn_ranks_agree(ranks, ctx, "looking up", 0, status);
    if (!status) status = attn_ranks_any(ranks, ctx, "looking up", 0, &bits);
    if (status || !(bits & TRAIN)) return status;
    const bool go_on = (bits & RESUME) != 0;
    return work->task->measure ? measure_in(ctx, work, recipe, sources, go_on, out)
                               : train_in(ctx, work, recipe, sources, go_on, begun, out);
}

attn_status attn_work_one(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe, const char *folder,
                          attn_work_begun_fn begun, struct attn_run_summary *out) {
    struct attn_source_list sources;
    *out = (struct attn_run_summary){.state = ATTN_RUN_DONE, .loss = (double)NAN};
    attn_status status = attn_ranks_agree(ranks_of(work), ctx, "hashing", 0, attn_sources_of(ctx, work->sources, recipe, &sources));
    if (!status) status = work_one(ctx, work, recipe, &sources, folder, begun, out);
    attn_source_list_free(ctx, &sources);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ many */

attn_status attn_work_check(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe) {
    attn_model *model;
    int mixer;
    if (work->task->measure) return ATTN_OK; /* measuring says what is wrong, before it takes time */
    attn_status status = attn_train_check_recipe(ctx, recipe, ranks_of(work));
    if (status || attn_recipe_field_of(recipe, "recipe", "mixer", &mixer)) return status;
    status = attn_model_create(ctx, 0, &model);
    if (status) return status;
    status = attn_mixer_check(attn_model_tape(model), recipe->value[mixer].text, work->kinds, work->kind_count);
    attn_model_destroy(model);
    return status;
}

/* What a child is to do. */
struct errand {
    attn_ctx_config config;
    const struct attn_work *work;
    const struct attn_recipe *recipe;
    char *sentence; /* shared with the parent */
};

static int run_errand(void *user) {
    const struct errand *e = user;
    attn_ctx *ctx;
    struct attn_run_summary summary;
    if (attn_ctx_create(&e->config, &ctx, e->sentence, SENTENCE)) return EXIT_FAILED;
    const attn_status status = attn_work_one(ctx, e->work, e->recipe, NULL, NULL, &summary);
    if (status) attn_ctx_error(ctx, e->sentence, SENTENCE);
    attn_ctx_destroy(ctx);
    if (status) return EXIT_FAILED;
    return summary.state == ATTN_RUN_STOPPED ? EXIT_STOPPED : 0;
}

struct pool {
    attn_ctx *ctx;
    const struct attn_work *work;
    const struct attn_sweep *sweep;
    int64_t child[JOBS], index[JOBS]; /* child 0: a free place */
    char (*sentence)[SENTENCE];       /* of each place */
    int jobs, busy;
    double begun; /* clock */
    bool interrupted;
    attn_work_ready_fn ready;
    void *user;
    struct attn_work_count *count;
};

/* Tells of a run by what its folder and its process say. */
static attn_status tell(struct pool *p, int place, int exit_status) {
    struct attn_run_summary summary;
    bool found;
    const int64_t index = p->index[place];
    const attn_status status =
        attn_store_find(p->ctx, p->work->store, attn_sweep_recipe(p->sweep, index), p->work->sources, &summary, &found);
    if (status) return status;
    if (!found) summary = (struct attn_run_summary){.loss = (double)NAN};
    if (exit_status != 0 && exit_status != EXIT_STOPPED) {
        summary.state = ATTN_RUN_FAILED;
        summary.message[0] = '\0';
        if (exit_status == EXIT_FAILED && p->sentence[place][0])
            attn_append(summary.message, sizeof summary.message, "%s", p->sentence[place]);
        else
            attn_append(summary.message, sizeof summary.message, "its process ended with status %d", exit_status);
    }
    p->count->failed += summary.state == ATTN_RUN_FAILED;
    p->count->left += summary.state == ATTN_RUN_STOPPED || summary.state == ATTN_RUN_KILLED;
    if (p->ready) p->ready(p->user, index, &summary);
    return ATTN_OK;
}

/* Seconds that are left of the time limit; 0: there is none. */
static double time_left(const struct pool *p) {
    const double limit = p->work->options.time_limit;
    return limit > 0 ? fmax(limit - (attn_clock() - p->begun), 1e-3) : 0;
}

static bool ends(const struct pool *p) {
    const struct attn_train_options *o = &p->work->options;
    return (o->stop && o->stop(o->user)) || (o->time_limit > 0 && attn_clock() - p->begun >= o->time_limit);
}

static void interrupt_all(struct pool *p) {
    for (int i = 0; i < p->jobs && !p->interrupted; i++)
        if (p->child[i] != 0) attn_process_interrupt(p->child[i]);
    p->interrupted = true;
}

/* *gone: there is no child to wait for. */
static attn_status wait_for_one(struct pool *p, bool *gone) {
    int64_t child;
    int status;
    const attn_status waited = attn_process_wait(p->ctx, &child, &status);
    *gone = waited != ATTN_OK;
    if (waited) return waited;
    if (child == 0 && ends(p)) interrupt_all(p);
    for (int i = 0; i < p->jobs && child != 0; i++)
        if (p->child[i] == child) {
            p->child[i] = 0;
            p->busy--;
            return tell(p, i, status);
        }
    return ATTN_OK;
}

static attn_status start_one(struct pool *p, int threads, int64_t index) {
    struct attn_work work = *p->work;
    struct errand errand = {.work = &work, .recipe = attn_sweep_recipe(p->sweep, index)};
    int place = 0;
    while (p->child[place] != 0) place++;
    attn_ctx_config_init(&errand.config);
    errand.config.threads = threads;
    errand.sentence = p->sentence[place];
    errand.sentence[0] = '\0';
    work.options.time_limit = time_left(p);
    const attn_status status = attn_process_start(p->ctx, run_errand, &errand, &p->child[place]);
    if (status) return status;
    p->index[place] = index;
    p->busy++;
    return ATTN_OK;
}

/* A recipe that the store has needs no process. Files are hashed here, so that no child does it again. */
static attn_status begin_one(struct pool *p, int threads, int64_t index) {
    struct attn_run_summary summary = {.state = ATTN_RUN_KILLED};
    bool found = false;
    if (!p->work->again) {
        const attn_status status =
            attn_store_find(p->ctx, p->work->store, attn_sweep_recipe(p->sweep, index), p->work->sources, &summary, &found);
        if (status) return status;
    }
    if (!found || summary.state != ATTN_RUN_DONE) return start_one(p, threads, index);
    if (p->ready) p->ready(p->user, index, &summary);
    return ATTN_OK;
}

static attn_status run_pool(struct pool *p, int64_t first, int64_t step, int threads) {
    attn_status status = ATTN_OK;
    bool gone = false;
    for (int64_t i = first; i < p->sweep->count; i += step) {
        while (p->busy == p->jobs && !status) status = wait_for_one(p, &gone);
        if (!status && !ends(p))
            status = begin_one(p, threads, i);
        else
            p->count->left++, p->count->waiting++;
    }
    if (status) interrupt_all(p);
    while (p->busy > 0 && !gone) {
        const attn_status waited = wait_for_one(p, &gone);
        if (!status) status = waited;
    }
    return status;
}

attn_status attn_work_sweep(attn_ctx *ctx, const struct attn_work *work, const struct attn_sweep *sweep, int64_t first, int64_t step,
                            int jobs, int threads, attn_work_ready_fn ready, void *user, struct attn_work_count *count) {
    const size_t bytes = sizeof(char[JOBS][SENTENCE]);
    struct pool p = {.ctx = ctx,
                     .work = work,
                     .sweep = sweep,
                     .jobs = work->task->measure ? 1
                             : jobs < JOBS       ? jobs
                                                 : JOBS,
                     .begun = attn_clock(),
                     .ready = ready,
                     .user = user,
                     .count = count};
    *count = (struct attn_work_count){0, 0, 0};
    p.sentence = attn_process_share(bytes);
    if (!p.sentence) return attn_no_memory(ctx, "sentences of the sweep's processes", bytes);
    const attn_status status = run_pool(&p, first, step, threads);
    attn_process_unshare(p.sentence, bytes);
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
    if (!status) status = attn_job_open(ctx, task, out->recipe, kinds, kind_count, out->extra ? out->extra : "", &out->job);
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
