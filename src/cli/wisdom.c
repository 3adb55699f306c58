/* The program's wisdom: where it lies, when it is read and written. */
#include "cli/wisdom.h"

#include "base/context.h"
#include "base/file.h"
#include "plan/wisdom.h"

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

/* Measuring writes the file anew: a line that is no wisdom would be lost, and with it perhaps a file that was named by mistake. */
static int check_lines(const char *command, const char *path, const char *text, size_t bytes) {
    const char *at = text, *end = text + bytes;
    for (int number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        struct attn_wisdom_line line;
        attn_wisdom_parse(at, (size_t)(stop - at), &line);
        if (line.kind == ATTN_WISDOM_MALFORMED)
            return attn_complain("%s: --wisdom %s: line %d: %s; --effort measure would write the file anew without that line", command,
                                 path, number, line.complaint);
        at = newline ? newline + 1 : end;
    }
    return -1;
}

/* The file can be replaced, and nothing in it is lost by that; found before time is spent on measuring. */
static int check_replaceable(attn_ctx *ctx, const char *command, const char *path) {
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (access(path, F_OK) == 0) {
        const attn_status read = attn_file_read(ctx, NULL, path, ATTN_WISDOM_BYTES, &data, &bytes);
        if (read != ATTN_OK) return attn_complain_status(ctx, read);
    }
    const int status = check_lines(command, path, (const char *)data, bytes);
    attn_free(ctx, data);
    return status;
}

int attn_cli_wisdom_open(attn_ctx *ctx, const char *command, struct attn_cli_wisdom *w) {
    if (w->path == NULL) w->path = getenv("ATTN_WISDOM");
    w->named = w->path != NULL && w->path[0] != '\0';
    const int status = choose_effort(command, w);
    if (status >= 0 || !w->named) return status;
    if (w->effort == ATTN_MEASURE) {
        const int replaceable = check_replaceable(ctx, command, w->path);
        if (replaceable >= 0) return replaceable;
    }
    attn_status done = load(ctx, w->path);
    if (done == ATTN_OK && w->effort == ATTN_MEASURE) done = attn_wisdom_save(ctx, w->path); /* an unwritable place is found now */
    return done == ATTN_OK ? -1 : attn_complain_status(ctx, done);
}

/* Keeps what another process has saved meanwhile. Ours is imported again behind it: of two entries for a problem the later one holds, and the
 * file's may be the stale one that was measured anew. */
static attn_status save(attn_ctx *ctx, const char *path) {
    const size_t bytes = attn_wisdom_export(ctx, NULL, 0);
    char *own = attn_alloc(ctx, bytes + 1);
    if (own == NULL) return attn_no_memory(ctx, "wisdom", bytes + 1);
    attn_wisdom_export(ctx, own, bytes + 1);
    attn_status status = load(ctx, path);
    if (status == ATTN_OK) status = attn_wisdom_import(ctx, own, bytes);
    if (status == ATTN_OK) status = attn_wisdom_save(ctx, path);
    attn_free(ctx, own);
    return status;
}

int attn_cli_wisdom_close(attn_ctx *ctx, const struct attn_cli_wisdom *w, int status) {
    const bool measured = status == ATTN_EXIT_DONE || status == ATTN_EXIT_SURPRISE || status == ATTN_EXIT_STOPPED;
    if (!measured || !w->named || w->effort != ATTN_MEASURE) return status;
    const attn_status saved = save(ctx, w->path);
    return saved == ATTN_OK ? status : attn_complain_status(ctx, saved);
}
