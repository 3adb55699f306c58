/* Claims that are checked without an experiment. */
#include "system/zoology/experiments.h"
#include "system/zoology/hand_built.h"
#include "system/zoology/zoology.h"
#include "train/try.h"

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
    char text[128] = "";
    const char *const small[] = {"vocabulary=64", "length=16",        "pairs=4",         "width=16", "batch=8",
                                 "steps=2",       "train_examples=0", "test_examples=8", text,       NULL};
    struct attn_figures figures;
    attn_append(text, sizeof text, "mixer=%s", mixer);
    return attn_job_try(ctx, &attn_zoology_mqar, small, 2, &figures);
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
