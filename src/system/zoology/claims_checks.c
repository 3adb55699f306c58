/* Claims that are checked without an experiment. */
#include "system/zoology/experiments.h"
#include "system/zoology/hand_built.h"
#include "system/zoology/zoology.h"

#include <math.h>

attn_status attn_zoology_check_set_weights(attn_ctx *ctx, double *value) {
    static const struct attn_mqar tasks[] = {
        {8192, 1, 64, 4, 0.01, false}, {8192, 1, 128, 8, 0.01, false}, {8192, 1, 256, 16, 0.01, false}, {8192, 1, 512, 64, 0.01, false}};
    int64_t right = 0, questions = 0;
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        int64_t some, asked;
        const attn_status status = attn_hand_built_recall(ctx, &tasks[i], 1, 0, 8, &some, &asked);
        if (status) return status;
        right += some;
        questions += asked;
    }
    *value = (double)right / (double)questions;
    return ATTN_OK;
}

/* Two steps and an evaluation. */
static attn_status try_mixer(attn_ctx *ctx, const char *mixer) {
    static const char *const small[] = {"vocabulary=64", "length=16", "pairs=4",          "width=16",
                                        "batch=8",       "steps=2",   "train_examples=0", "test_examples=8"};
    enum { SMALL = sizeof small / sizeof small[0] };
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_figures figures = {.count = 0};
    char text[128] = "";
    attn_status status = attn_task_recipe(ctx, &attn_zoology_mqar, &recipe);
    if (status) return status;
    attn_append(text, sizeof text, "mixer=%s", mixer);
    status = attn_recipe_set(recipe, text);
    for (int i = 0; i < SMALL && !status; i++) status = attn_recipe_set(recipe, small[i]);
    if (!status) {
        status = attn_job_open(ctx, &attn_zoology_mqar, recipe, NULL, 0, NULL, &job);
        for (int64_t step = 0; step < 2 && !status; step++) {
            attn_tape_reset(attn_model_tape(job.model));
            attn_tensor *loss = attn_zoology_mqar.loss(&job, step, 0, 1);
            status = loss ? attn_tape_backward(loss) : attn_tape_status(attn_model_tape(job.model));
        }
        if (!status) status = attn_zoology_mqar.evaluate(&job, NULL, &figures);
        attn_job_close(&job);
    }
    attn_free(ctx, recipe);
    if (!status && !isfinite(attn_figures_get(&figures, "loss")))
        status = attn_fail(ctx, ATTN_EINVAL, "mixer %s: the loss is no number", mixer);
    return status;
}

attn_status attn_zoology_check_mixers(attn_ctx *ctx, double *value) {
    int good = 0;
    for (int i = 0; i < attn_mixer_count(); i++) {
        const attn_status status = try_mixer(ctx, attn_mixer_at(i)->name);
        if (status == ATTN_ENOMEM || status == ATTN_ESYSTEM) return status;
        good += status == ATTN_OK;
    }
    *value = (double)good / attn_mixer_count();
    return ATTN_OK;
}
