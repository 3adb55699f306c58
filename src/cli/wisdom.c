/* The program's wisdom: where it lies, when it is read and written. */
#include "cli/wisdom.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int choose_effort(const char *command, struct attn_cli_wisdom *w) {
    static const char *const names[] = {"estimate", "measure", "wisdom"};
    w->effort = w->named ? ATTN_WISDOM : ATTN_ESTIMATE;
    if (w->effort_name == NULL) return -1;
    for (int i = ATTN_ESTIMATE; i <= ATTN_WISDOM; i++)
        if (strcmp(w->effort_name, names[i]) == 0) {
            w->effort = (attn_effort)i;
            return -1;
        }
    return attn_complain("%s: --effort %s: expected estimate, measure or wisdom", command, w->effort_name);
}

static attn_status load(attn_ctx *ctx, const char *path) {
    return access(path, F_OK) == 0 ? attn_wisdom_load(ctx, path) : ATTN_OK;
}

int attn_cli_wisdom_open(attn_ctx *ctx, const char *command, struct attn_cli_wisdom *w) {
    if (w->path == NULL) w->path = getenv("ATTN_WISDOM");
    w->named = w->path != NULL && w->path[0] != '\0';
    const int status = choose_effort(command, w);
    if (status >= 0 || !w->named) return status;
    const attn_status loaded = load(ctx, w->path);
    return loaded == ATTN_OK ? -1 : attn_complain_status(ctx, loaded);
}

int attn_cli_wisdom_close(attn_ctx *ctx, const struct attn_cli_wisdom *w, int status) {
    const bool measured = status == ATTN_EXIT_DONE || status == ATTN_EXIT_SURPRISE || status == ATTN_EXIT_STOPPED;
    if (!measured || !w->named || w->effort != ATTN_MEASURE) return status;
    attn_status saved = load(ctx, w->path);
    if (saved == ATTN_OK) saved = attn_wisdom_save(ctx, w->path);
    return saved == ATTN_OK ? status : attn_complain_status(ctx, saved);
}
