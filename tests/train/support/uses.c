#include "support/uses.h"

#include "train/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

attn_status test_use_step(struct attn_job *job) {
    attn_tape *tape = attn_model_tape(job->model);
    attn_tape_reset(tape);
    attn_tensor *loss = job->task->loss(job, 0, 1, 2);
    return loss ? attn_tape_backward(loss) : attn_tape_status(tape);
}

attn_status test_use_evaluate(struct attn_job *job, const char *file) {
    struct attn_figures figures = {.count = 0};
    attn_tape_record(attn_model_tape(job->model), false);
    return job->task->evaluate(job, file, &figures);
}

attn_status test_use_predict(struct attn_job *job, const char *text, bool check) {
    static char answers[1 << 16];
    struct attn_picture picture = {.points = 0};
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *out = fmemopen(answers, sizeof answers, "w");
    assert_true(in && out);
    attn_tape_record(attn_model_tape(job->model), false);
    const struct attn_predict_options options = {.input = "input", .check = check, .picture = &picture};
    const attn_status status = job->task->predict(job, &options, in, out);
    attn_picture_free(job->ctx, &picture);
    fclose(in);
    fclose(out);
    return status;
}

attn_status test_use_pictures(struct attn_job *job, int most) {
    attn_status status = ATTN_OK;
    bool drawn = true;
    attn_tape_record(attn_model_tape(job->model), false);
    for (int i = 0; i < most && drawn && !status; i++) {
        struct attn_picture picture = {.points = 0};
        status = job->task->picture(job, i, &picture);
        drawn = !attn_picture_empty(&picture);
        attn_picture_free(job->ctx, &picture);
    }
    return status;
}

attn_status test_use_stream(struct attn_job *job, int64_t tokens, const double *in) {
    struct attn_stream_face face;
    attn_status status = job->task->stream(job, tokens, &face);
    if (status) return status;
    attn_real *state = calloc((size_t)face.state, sizeof *state);
    double *out = calloc((size_t)face.outputs, sizeof *out);
    assert_true(state && out);
    for (int64_t i = 0; i < 2 && !status; i++) status = job->task->push(job, state, tokens, i, in, out);
    free(state);
    free(out);
    return status;
}

attn_status test_use_extra(struct attn_job *job) {
    char *text = NULL;
    const attn_status status = job->task->extra(job, &text);
    attn_free(job->ctx, text);
    return status;
}

attn_status test_use(attn_ctx *ctx, const struct attn_task *task, const char *words, const char *saved,
                     attn_status (*use)(struct attn_job *job)) {
    char text[1024], *rest = text;
    struct attn_recipe *recipe = NULL;
    struct attn_job job;
    attn_status status = attn_task_recipe(ctx, task, &recipe);
    if (status) return status;
    assert_true(snprintf(text, sizeof text, "%s", words) < (int)sizeof text);
    for (char *word = strtok_r(text, " ", &rest); word && !status; word = strtok_r(NULL, " ", &rest))
        status = attn_recipe_set(recipe, word);
    if (!status) {
        status = attn_job_open(ctx, task, recipe, NULL, 0, saved, &job);
        if (!status) status = use(&job);
        attn_job_close(&job);
        if (!status && task->references) status = task->references(ctx, recipe, &(struct attn_figures){.count = 0});
    }
    attn_free(ctx, recipe);
    return status;
}
