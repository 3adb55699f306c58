#include "train/measured.h"

#include "base/clock.h"

static struct attn_record event_of(const char *event, int64_t step, double seconds) {
    struct attn_record r = {.count = 0};
    attn_record_text(&r, "event", event);
    attn_record_integer(&r, "step", step);
    attn_record_real(&r, "seconds", seconds);
    return r;
}

static attn_status log_begin(struct attn_run *run, bool resume) {
    struct attn_record r = event_of(resume ? "resume" : "start", 0, 0);
    attn_record_integer(&r, "steps", 1);
    attn_record_integer(&r, "parameters", 0);
    return attn_run_log(run, &r);
}

static attn_status log_end(struct attn_run *run, const char *event, double seconds, const char *message,
                           const struct attn_figures *figures) {
    struct attn_record r = event_of(event, figures != NULL, seconds);
    if (message) attn_record_text(&r, "message", message);
    for (int i = 0; figures && i < figures->count; i++) attn_record_real(&r, figures->at[i].name, figures->at[i].value);
    return attn_run_log(run, &r);
}

attn_status attn_measure_run(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe, struct attn_run *run,
                             bool resume, struct attn_halt *halt) {
    struct attn_figures figures = {.count = 0};
    char text[1024];
    attn_status status = log_begin(run, resume);
    if (status) return status;
    const double begun = attn_clock();
    status = task->measure(ctx, recipe, halt, &figures);
    const double seconds = attn_clock() - begun;
    if (!status && halt->heard) return log_end(run, "stopped", seconds, NULL, NULL);
    if (!status) return log_end(run, "done", seconds, NULL, &figures);
    attn_ctx_error(ctx, text, sizeof text);
    const bool machine = status == ATTN_ENOMEM || status == ATTN_ESYSTEM; /* what it refused says nothing of the recipe */
    if (log_end(run, machine ? "stopped" : "failed", seconds, text, NULL)) attn_fail(ctx, status, "%s", text);
    return status;
}
