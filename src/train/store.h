/* The runs in a store, read from their folders. */
#ifndef ATTN_TRAIN_STORE_H
#define ATTN_TRAIN_STORE_H

#include "train/job.h"
#include "train/run.h"
#include "train/sources.h"

enum attn_run_state {
    ATTN_RUN_DONE,
    ATTN_RUN_STOPPED, /* with a checkpoint, or before the first one: it can go on */
    ATTN_RUN_FAILED,  /* by its recipe: it would again */
    ATTN_RUN_RUNNING, /* a process writes into it */
    ATTN_RUN_KILLED   /* none does, and it is not done */
};
const char *attn_run_state_name(enum attn_run_state state);

struct attn_run_summary {
    char folder[ATTN_FILE_PATH / 2], id[128], task[64];
    enum attn_run_state state;
    int64_t step, steps, parameters;
    struct attn_cost cost;
    double seconds, loss;        /* the last line's */
    struct attn_figures figures; /* of the last evaluation */
    char message[512];           /* why it failed, or the machine stopped it */
    char version[24];            /* of the program that began it, "0.1.0"; "": not known */
};

/* One folder. ATTN_EINVAL: it is no run. */
attn_status attn_store_read(attn_ctx *ctx, const char *folder, struct attn_run_summary *out);

struct attn_run_list {
    struct attn_run_summary *at;
    char **recipe; /* recipe.json of each */
    int64_t count;
};
/* The runs of a store in the order of their names; freed by attn_run_list_free. Folders that are no runs are passed over. A store that does not exist has
 * none. Of a store with many runs, folders that are as an index (train/index.h) knows them are not read again. */
attn_status attn_store_list(attn_ctx *ctx, const char *store, struct attn_run_list *out);
void attn_run_list_free(attn_ctx *ctx, struct attn_run_list *list);
/* Adds one folder to a list that was empty or is such a list. */
attn_status attn_run_list_add(attn_ctx *ctx, const char *folder, struct attn_run_list *list);

/* The newest run with this recipe: one that is done before one that is not. *found false: there is none. A run that was made of other files or plugins than
 * the recipe's are now is none; where there is no other, the context's log (ATTN_LOG_WARN) is told which file it is, once for many runs. sources NULL: the
 * recipe alone decides. */
attn_status attn_store_find(attn_ctx *ctx, const char *store, const struct attn_recipe *recipe, struct attn_sources *sources,
                            struct attn_run_summary *out, bool *found);
/* A sentence about the first file or plugin of the run in this folder that is another now, else ""; files false: plugins alone. */
attn_status attn_store_compare_sources(attn_ctx *ctx, const char *folder, const struct attn_recipe *recipe, bool files,
                                       struct attn_sources *sources, char other[ATTN_SOURCES_SENTENCE]);
/* ATTN_EINVAL with file, hashes and cure where the run in this folder was made of something else. */
attn_status attn_store_check_sources(attn_ctx *ctx, const char *folder, const struct attn_recipe *recipe, struct attn_sources *sources);

/* How many of some runs are of other versions of the program than this. */
struct attn_version_count {
    struct {
        char version[24];
        int64_t runs;
    } other[8]; /* the first few that were met */
    int others;
    int64_t runs; /* all */
};
void attn_version_count_add(struct attn_version_count *count, const struct attn_run_summary *run);
void attn_version_count_merge(struct attn_version_count *count, const struct attn_version_count *more);

/* The folder that a path or the id of a run in the store names. ATTN_EINVAL: none. */
attn_status attn_store_folder(attn_ctx *ctx, const char *store, const char *name, char folder[ATTN_FILE_PATH / 2]);

/* A run's recipe.json; freed by attn_free. */
attn_status attn_store_recipe(attn_ctx *ctx, const char *folder, char **text, size_t *bytes);

#endif
