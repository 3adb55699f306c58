/* Sweeps: assignments with several values, "lr=1e-4,4.6e-4,2e-3 seed=1..3", are all recipes with one value of each. What they have in common is kept once,
 * and a recipe is made when it is asked for. */
#ifndef ATTN_TRAIN_SWEEP_H
#define ATTN_TRAIN_SWEEP_H

#include "train/job.h"

/* Several values of a field, as on a command line. */
struct attn_sweep_axis {
    int field; /* its number among the recipe's */
    int64_t count;
    uint32_t *begin; /* of each in `text` */
    char *text;      /* with a 0 behind each */
};

/* All combinations over one recipe, the last axis's values fastest. */
struct attn_sweep_part {
    struct attn_recipe *base;
    struct attn_sweep_axis axis[ATTN_RECIPE_FIELDS];
    int axes;
    int64_t count;
};

struct attn_sweep {
    int64_t count; /* recipes of all parts */
    struct attn_sweep_part *part;
    int parts;
    struct attn_recipe *made; /* by attn_sweep_recipe */
};

enum { ATTN_SWEEP_MOST = 10000 };

/* One recipe: `base` or, NULL, the task's defaults. Freed by attn_sweep_free; a failure leaves nothing. */
attn_status attn_sweep_open(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, struct attn_sweep *out);

/* "FIELD=VALUES" for a sweep of one part: its recipes with each of the values, in the place of what the field had. Values are cut at commas; of numbers, A..B are
 * the whole ones from A to B. A value in double quotes is taken as it is, commas too, and two quotes in it stand for one. A failure leaves the sweep to be
 * freed. */
attn_status attn_sweep_assign(attn_ctx *ctx, struct attn_sweep *sweep, const char *assignment);

/* The same of all fields of a JSON object, in its order: {"lr": [1e-4, 1e-3], "mixer": ["attention", "based"], "seed": "1..3"}. Each value of a list is one, with
 * its commas; a string is a range where the field takes numbers. `name` stands for the file in messages. */
attn_status attn_sweep_parse(attn_ctx *ctx, struct attn_sweep *sweep, const char *name, const char *text, size_t bytes);

/* attn_sweep_open with all these assignments. */
attn_status attn_sweep_expand(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, const char *const *assignments,
                              int count, struct attn_sweep *out);

/* Moves the recipes of `more` behind those of `sweep`; `more` is empty then. */
attn_status attn_sweep_join(attn_ctx *ctx, struct attn_sweep *sweep, struct attn_sweep *more);

void attn_sweep_free(attn_ctx *ctx, struct attn_sweep *sweep);

/* Recipe number index, until another one is asked for. */
const struct attn_recipe *attn_sweep_recipe(const struct attn_sweep *sweep, int64_t index);

/* The assignments of recipe number index to fields that are not the same in all recipes, "lr=0.001 seed=2", in `size` bytes. */
void attn_sweep_label(const struct attn_sweep *sweep, int64_t index, char *text, size_t size);

#endif
