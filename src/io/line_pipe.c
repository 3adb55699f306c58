#include "io/line_pipe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 200, LINE_END = 2 };

attn_status attn_line_pipe_open(attn_ctx *ctx, int file, size_t limit, bool (*stopped)(void), struct attn_line_pipe *out) {
    *out = (struct attn_line_pipe){.ctx = ctx, .file = file, .limit = limit, .stopped = stopped};
    out->buffer = attn_alloc(ctx, limit + LINE_END + 1);
    return out->buffer ? ATTN_OK : attn_no_memory(ctx, "a line", limit + LINE_END + 1);
}

void attn_line_pipe_close(struct attn_line_pipe *pipe) {
    attn_free(pipe->ctx, pipe->buffer);
    pipe->buffer = NULL;
}

static bool stopped(const struct attn_line_pipe *p) {
    return p->stopped && p->stopped();
}

/* The line from `begin` to `end`, and the next one's beginning. */
static enum attn_line_pipe_end give(struct attn_line_pipe *p, size_t end, size_t next, char **line, size_t *length) {
    *line = p->buffer + p->begin;
    *length = end - p->begin;
    if (next > end && *length > 0 && (*line)[*length - 1] == '\r') --*length;
    (*line)[*length] = '\0';
    p->begin = p->seen = next;
    p->number++;
    const bool whole = !p->skipping && *length <= p->limit;
    p->skipping = false;
    return whole ? ATTN_PIPE_LINE : ATTN_PIPE_LONG;
}

/* Room for more behind the line's beginning, which moves to the front; of a line that is too long nothing is kept. */
static void make_room(struct attn_line_pipe *p) {
    if (p->end - p->begin >= p->limit + LINE_END) p->skipping = true;
    if (p->skipping) p->begin = p->end;
    memmove(p->buffer, p->buffer + p->begin, p->end - p->begin);
    p->end -= p->begin;
    p->begin = 0;
    p->seen = p->end;
}

/* Reads what there is, or waits. ATTN_PIPE_LINE: goes on. */
static enum attn_line_pipe_end take(struct attn_line_pipe *p) {
    struct pollfd ready = {.fd = p->file, .events = POLLIN};
    for (int found = 0; found <= 0;) {
        if (stopped(p)) return ATTN_PIPE_STOPPED;
        found = poll(&ready, 1, WAIT_MS);
        if (found < 0 && errno != EINTR) {
            attn_fail(p->ctx, ATTN_ESYSTEM, "standard input: waiting failed: %s", strerror(errno));
            return ATTN_PIPE_FAILED;
        }
    }
    const ssize_t count = read(p->file, p->buffer + p->end, p->limit + LINE_END - p->end);
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
        attn_fail(p->ctx, ATTN_ESYSTEM, "standard input: reading failed: %s", strerror(errno));
        return ATTN_PIPE_FAILED;
    }
    p->ended = count == 0;
    if (count > 0) p->end += (size_t)count;
    return ATTN_PIPE_LINE;
}

enum attn_line_pipe_end attn_line_pipe_next(struct attn_line_pipe *p, char **line, size_t *length) {
    for (;;) {
        const char *newline = memchr(p->buffer + p->seen, '\n', p->end - p->seen);
        if (newline) {
            const size_t at = (size_t)(newline - p->buffer);
            return give(p, at, at + 1, line, length);
        }
        if (p->ended) return p->begin == p->end && !p->skipping ? ATTN_PIPE_OVER : give(p, p->end, p->end, line, length);
        make_room(p);
        const enum attn_line_pipe_end end = take(p);
        if (end != ATTN_PIPE_LINE) return end;
    }
}
