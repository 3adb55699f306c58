/* The folder of a run: what was asked for (recipe.json), where it ran (env.json), what came of it line by line (metrics.jsonl), the model, and, while it
 * is not done, the last checkpoint. Folders are the truth; one process writes into each.
 *
 * Lines of metrics.jsonl have "event": "start" (what the model takes: "parameters", "forward_flops" and the others of train/cost.h), "step" (means since the line before), "evaluation", "resume" (steps beyond its "step" that stand
 * before it are void), "stopped" (with a "message" where memory or a file was refused), "failed" and "done". */
#ifndef ATTN_TRAIN_RUN_H
#define ATTN_TRAIN_RUN_H

#include "base/journal.h"
#include "io/record.h"
#include "train/sources.h"

struct attn_run {
    attn_ctx *ctx;
    const struct attn_file_system *system;
    char folder[ATTN_FILE_PATH / 2], id[128];
    struct attn_journal metrics;
};

/* Makes a new folder in the store: STORE/TASK-DATE-TIME-WORD. sources: what it is made of; NULL: env.json does not say. */
attn_status attn_run_create(attn_ctx *ctx, const struct attn_file_system *system, const char *store, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, struct attn_run *out);
/* The files of a run. */
#define ATTN_MODEL_FILE      "model.safetensors"
#define ATTN_CHECKPOINT_FILE "checkpoint.safetensors"

/* The folder itself, to go on in it; what a killed process has left there of files that it was writing is taken away. ATTN_EINVAL: another process is
 * writing it. */
attn_status attn_run_open(attn_ctx *ctx, const struct attn_file_system *system, const char *folder, struct attn_run *out);
void attn_run_close(struct attn_run *run);

/* FOLDER/NAME in ATTN_FILE_PATH bytes. */
const char *attn_run_path(const struct attn_run *run, const char *name, char path[ATTN_FILE_PATH]);
attn_status attn_run_log(struct attn_run *run, const struct attn_record *record);

/* Writes a whole file so that its name shows the old or the new. */
attn_status attn_run_write_text(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *text);

#endif
