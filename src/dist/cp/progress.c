/* Progress between the tasks of a kernel. */
#include "dist/cp/progress.h"

#include "base/clock.h"

static const double pause = 20e-6; /* seconds: asking costs a microsecond with most MPI libraries, a task takes some hundred */

static void let_go_on(void *user) {
    struct attn_transport *t = user;
    const double now = attn_clock();
    if (now - t->progressed < pause) return;
    t->progress(t);
    t->progressed = now;
}

/* Errors are logged as the parent's, once. */
static void pass_on(void *user, attn_log_level level, const char *text) {
    const attn_ctx *parent = user;
    if (level != ATTN_LOG_ERROR) parent->config.log(parent->config.log_user, level, text);
}

attn_status attn_progress_context(attn_ctx *parent, struct attn_transport *transport, attn_ctx **child) {
    char error[1024] = "";
    attn_ctx_config config = parent->config;
    if (config.log) {
        config.log = pass_on;
        config.log_user = parent;
    }
    const attn_status status = attn_ctx_create(&config, child, error, sizeof error);
    if (status) return attn_fail(parent, status, "%s", error);
    (*child)->isa = parent->isa;
    (*child)->isa_name = parent->isa_name;
    (*child)->process = parent->process;
    (*child)->between = let_go_on;
    (*child)->between_user = transport;
    return ATTN_OK;
}

attn_status attn_progress_failed(attn_ctx *parent, attn_ctx *child, attn_status status) {
    char text[sizeof child->error];
    if (!status) return ATTN_OK;
    return attn_fail(parent, status, "%s", attn_ctx_error(child, text, sizeof text));
}
