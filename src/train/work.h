/* Recipes to runs: one in this process, or many in processes beside it. What the store holds already is not trained again, and what it holds in part
 * goes on. */
#ifndef ATTN_TRAIN_WORK_H
#define ATTN_TRAIN_WORK_H

#include "train/store.h"
#include "train/sweep.h"
#include "train/trainer.h"

struct attn_work {
    const struct attn_task *task;
    const char *store;
    const attn_mixer_kind *const *kinds; /* of plugins */
    int kind_count;
    bool again;                   /* trains anew what the store has */
    struct attn_sources *sources; /* runs that were made of something else do not count; NULL: recipes alone decide */
    struct attn_train_options options;
};

/* Trains one recipe, or measures it where its task is measured; with options.ranks in all processes, the first of which has the run. folder: a run to go
 * on with, which is refused where it was made of something else; NULL: what the store says. begun is told where the run is before training begins (NULL:
 * not wanted; not called for measurements). */
typedef void (*attn_work_begun_fn)(void *user, const struct attn_run *run, const struct attn_job *job, bool resumed);
attn_status attn_work_one(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe, const char *folder,
                          attn_work_begun_fn begun, struct attn_run_summary *out);

/* Number index of the sweep is ready, or failed: the sentence is in summary->message. */
typedef void (*attn_work_ready_fn)(void *user, int64_t index, const struct attn_run_summary *summary);

/* What can be said against a recipe without its data: its mixers' text, micro-batches, evaluations. */
attn_status attn_work_check(attn_ctx *ctx, const struct attn_work *work, const struct attn_recipe *recipe);

/* Of a sweep: recipes that failed, that were stopped, killed or not begun, and of these the ones that were not begun. */
struct attn_work_count {
    int64_t failed, left, waiting;
};

/* Trains the recipes first, first + step, ... of a sweep in `jobs` processes at once, each with `threads` threads; calls ready for each, also for those
 * that the store had. A recipe that fails does not stop the others. No loop may have run on this process's threads. Measurements are made one at a time.
 * Stops when options.stop says so, or options.time_limit is over: processes are asked to save and stop. */
attn_status attn_work_sweep(attn_ctx *ctx, const struct attn_work *work, const struct attn_sweep *sweep, int64_t first, int64_t step,
                            int jobs, int threads, attn_work_ready_fn ready, void *user, struct attn_work_count *count);

/* A saved model as a job: `path` is a model's file. The recipe is the saved one; freed by attn_work_close_model; a failure leaves nothing. */
struct attn_saved_model {
    struct attn_recipe *recipe;
    struct attn_job job;
    char *extra;
};
typedef const struct attn_task *(*attn_task_find_fn)(attn_ctx *ctx, const char *name);
attn_status attn_work_open_model(attn_ctx *ctx, attn_task_find_fn find, const char *path, const attn_mixer_kind *const *kinds,
                                 int kind_count, struct attn_saved_model *out);
void attn_work_close_model(struct attn_saved_model *model);

#endif
