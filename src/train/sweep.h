/* Sweeps: assignments with several values, "lr=1e-4,4.6e-4,2e-3 seed=1..3", are all recipes with one value of each. */
#ifndef ATTN_TRAIN_SWEEP_H
#define ATTN_TRAIN_SWEEP_H

#include "train/job.h"

struct attn_sweep {
    struct attn_recipe **recipe; /* owned */
    int64_t count;
};

enum { ATTN_SWEEP_MOST = 10000 };

/* All recipes of a task with these assignments over `base`'s values (NULL: the task's defaults), the last assignment's values fastest. Values are cut at commas;
 * A..B are the whole numbers from A to B. Freed by attn_sweep_free. */
attn_status attn_sweep_expand(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, const char *const *assignments,
                              int count, struct attn_sweep *out);
void attn_sweep_free(attn_ctx *ctx, struct attn_sweep *sweep);

/* The assignments in which a recipe differs from the first, "lr=0.001 seed=2", in `size` bytes. */
void attn_sweep_label(const struct attn_sweep *sweep, int64_t index, char *text, size_t size);

#endif
