#include "train/measured.h"

#include "base/clock.h"

static attn_status log_event(struct attn_run *run, const char *event, bool done, double seconds, const char *message,
                             const struct attn_figures *figures) {
    struct attn_record r = {.count = 0};
    attn_record_text(&r, "event", event);
    attn_record_integer(&r, "step", done);
    attn_record_real(&r, "seconds", seconds);
    if (message) attn_record_text(&r, "message", message);
    if (seconds == 0) {
        attn_record_integer(&r, "steps", 1);
        attn_record_integer(&r, "parameters", 0);
    }
    for (int i = 0; figures && i < figures->count; i++) attn_record_real(&r, figures->at[i].name, figures->at[i].value);
    return attn_run_log(run, &r);
}

attn_status attn_measure_run(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe, struct attn_run *run,
                             bool resume, struct attn_halt *halt) {
    struct attn_figures figures = {.count = 0};
    char text[1024];
    attn_status status = log_event(run, resume ? "resume" : "start", false, 0, NULL, NULL);
    if (status) return status;
    const double begun = attn_clock();
    status = task->measure(ctx, recipe, halt, &figures);
    const double seconds = attn_clock() - begun;
    if (!status && halt->heard) return log_event(run, "stopped", false, seconds, NULL, NULL);
    if (!status) return log_event(run, "done", true, seconds, NULL, &figures);
    attn_ctx_error(ctx, text, sizeof text);
    const bool machine = status == ATTN_ENOMEM || status == ATTN_ESYSTEM; /* what it refused says nothing of the recipe */
    if (log_event(run, machine ? "stopped" : "failed", false, seconds, text, NULL)) attn_fail(ctx, status, "%s", text);
    return status;
}
