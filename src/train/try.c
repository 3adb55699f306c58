#include "train/try.h"

#include <math.h>
#include <string.h>

/* The loss, or where there is none the first. */
static const struct attn_figure *deciding(const struct attn_figures *figures) {
    for (int i = 0; i < figures->count; i++)
        if (strcmp(figures->at[i].name, "loss") == 0) return &figures->at[i];
    return figures->count > 0 ? &figures->at[0] : NULL;
}

static attn_status try_steps(struct attn_job *job, int64_t steps, struct attn_figures *out) {
    attn_tape *tape = attn_model_tape(job->model);
    attn_status status = ATTN_OK;
    for (int64_t step = 0; step < steps && !status; step++) {
        attn_tape_reset(tape);
        attn_tensor *loss = job->task->loss(job, step, 0, 1);
        status = loss ? attn_tape_backward(loss) : attn_tape_status(tape);
    }
    if (!status) status = job->task->evaluate(job, NULL, out);
    const struct attn_figure *figure = deciding(out);
    if (!status && !(figure && isfinite(figure->value)))
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: %s is no number", job->task->name, figure ? figure->name : "a figure");
    return status;
}

attn_status attn_job_try(attn_ctx *ctx, const struct attn_task *task, const char *const *assignments, int64_t steps,
                         struct attn_figures *out) {
    struct attn_recipe *recipe;
    struct attn_job job;
    out->count = 0;
    attn_status status = attn_task_recipe(ctx, task, &recipe);
    if (status) return status;
    for (int i = 0; assignments[i] && !status; i++) status = attn_recipe_set(recipe, assignments[i]);
    if (!status && task->measure) {
        struct attn_halt halt = {.asked = NULL};
        status = task->measure(ctx, recipe, &halt, out);
    } else if (!status) {
        status = attn_job_open(ctx, task, recipe, NULL, 0, NULL, &job);
        if (!status) status = try_steps(&job, steps, out);
        attn_job_close(&job);
    }
    attn_free(ctx, recipe);
    return status;
}
