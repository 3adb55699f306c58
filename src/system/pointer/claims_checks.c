/* Claims that are checked without an experiment. */
#include "system/pointer/experiments.h"
#include "system/pointer/pointer.h"
#include "train/try.h"

/* Every model of every task: two steps, and answers. */
attn_status attn_pointer_check_models(attn_ctx *ctx, double *value) {
    static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp, &attn_pointer_sort};
    static const char *const models[] = {"model=ptrnet", "model=lstm", "model=attention",
                                         "model=transformer"}; /* the last of tours alone */
    enum { TASKS = sizeof tasks / sizeof tasks[0], MODELS = sizeof models / sizeof models[0] };
    int good = 0, all = 0;
    for (int t = 0; t < TASKS; t++)
        for (int m = 0; m < MODELS - (tasks[t] != &attn_pointer_tsp); m++) {
            const char *const small[] = {models[m], "points=6", "test_points=6", "hidden=8", "batch=4", "test_examples=8", "beam=2", NULL};
            struct attn_figures figures;
            const attn_status status = attn_job_try(ctx, tasks[t], small, 2, &figures);
            if (status == ATTN_ENOMEM || status == ATTN_ESYSTEM) return status;
            good += status == ATTN_OK;
            all++;
        }
    *value = (double)good / all;
    return ATTN_OK;
}

/* The share of valid tours that an untrained model answers with under the constraint. */
attn_status attn_pointer_check_untrained(attn_ctx *ctx, double *value) {
    static const char *const small[] = {"points=10", "test_points=10", "hidden=16", "batch=4", "test_examples=200", NULL};
    struct attn_figures figures;
    const attn_status status = attn_job_try(ctx, &attn_pointer_tsp, small, 0, &figures);
    *value = attn_figures_get(&figures, "valid_10");
    return status;
}
