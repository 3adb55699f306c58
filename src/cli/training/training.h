/* What the commands of the training engine share. */
#ifndef ATTN_CLI_TRAINING_TRAINING_H
#define ATTN_CLI_TRAINING_TRAINING_H

#include "cli/options.h"
#include "cli/print.h"
#include "train/work.h"

/* The store: --store, else the environment's ATTN_RUNS, else "runs". */
const char *attn_cli_store(const char *option);

/* ATTN_EINVAL in the words of `command`: there is no such folder. */
attn_status attn_cli_store_missing(attn_ctx *ctx, const char *command, const char *store);

/* The mixers of all plugins that --plugin names; freed by attn_free. sources (NULL: not wanted) takes note of them. */
attn_status attn_cli_plugins(attn_ctx *ctx, const struct attn_words *paths, struct attn_sources *sources, const attn_mixer_kind ***kinds,
                             int *count);

/* "12 of 57 runs are of version 0.0.9": a line for each other version than this program's. */
void attn_cli_print_versions(const struct attn_version_count *count);

/* "90", "90s", "15m", "2h", "1d" in seconds. False: none of these, or negative. */
bool attn_cli_seconds(const char *text, double *out);

/* "1.5 s", "12 min", "3.2 h". */
const char *attn_cli_duration(double seconds, char text[32]);

/* "1 step", "20 steps": `thing` and its number. */
const char *attn_cli_count(int64_t number, const char *thing, char text[64]);

/* "12.5 MFLOP", "3.2 GFLOP". */
const char *attn_cli_flops(double flops, char text[32]);

/* Adds a run's state, steps, seconds and figures; texts stay with the summary. */
void attn_cli_run_record(struct attn_record *record, const struct attn_run_summary *summary);

/* The recipe of a JSON text, which `name` stands for in messages, with its task. *recipe is NULL before, and freed by attn_free, also after a failure. */
attn_status attn_cli_recipe(attn_ctx *ctx, const char *name, const char *text, size_t bytes, const struct attn_task **task,
                            struct attn_recipe **recipe);

/* Warns where the run in whose folder this model lies was made of other files or plugins than there are now; files false: of plugins alone. What cannot be
 * read is passed over: the model is used all the same. */
void attn_cli_compare_sources(attn_ctx *ctx, const char *model, bool files, struct attn_sources *sources);

/* The model that a path, a folder or the id of a run names. */
attn_status attn_cli_model_path(attn_ctx *ctx, const char *store, const char *name, char path[ATTN_FILE_PATH]);

#endif
