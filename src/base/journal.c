/* The lock is flock's: advisory, on network file systems too, and gone with the process. Whoever asks whether it is held takes it for a moment;
 * a writer that meets such a moment tries again. */
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_ATTEMPTS = 50, LOCK_PAUSE = 4000000 /* nanoseconds */ };

static attn_status fail(attn_ctx *ctx, const struct attn_journal *j, const char *what) {
    return attn_fail(ctx, ATTN_ESYSTEM, "%s: %s: %s", j->path, what, strerror(errno));
}

/* Bytes up to the end of the last whole line. */
static attn_status whole_lines(attn_ctx *ctx, const struct attn_journal *j, off_t size, off_t *whole) {
    char piece[4096];
    for (*whole = size; *whole > 0;) {
        const off_t begin = *whole > (off_t)sizeof piece ? *whole - (off_t)sizeof piece : 0;
        const struct attn_file file = {j->system, j->number, (size_t)size};
        const attn_status status = attn_file_pread(ctx, &file, j->path, piece, (size_t)(*whole - begin), (size_t)begin);
        if (status != ATTN_OK) return status;
        for (; *whole > begin; --*whole)
            if (piece[*whole - begin - 1] == '\n') return ATTN_OK;
    }
    return ATTN_OK;
}

static attn_status lock(attn_ctx *ctx, const struct attn_journal *j) {
    const struct timespec pause = {0, LOCK_PAUSE};
    for (int i = 0; flock(j->number, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR) return fail(ctx, j, "cannot be locked");
        if (i == LOCK_ATTEMPTS) return attn_fail(ctx, ATTN_EINVAL, "%s: another process is writing it", j->path);
        nanosleep(&pause, NULL);
    }
    return ATTN_OK;
}

static attn_status cut(attn_ctx *ctx, struct attn_journal *j) {
    if (j->system->ftruncate(j->system->user, j->number, j->whole) != 0) return fail(ctx, j, "the unfinished line cannot be cut off");
    j->torn = false;
    return ATTN_OK;
}

static attn_status prepare(attn_ctx *ctx, struct attn_journal *j) {
    attn_status status = lock(ctx, j);
    if (status != ATTN_OK) return status;
    const off_t size = lseek(j->number, 0, SEEK_END);
    if (size < 0) return fail(ctx, j, "has no size");
    status = whole_lines(ctx, j, size, &j->whole);
    return status != ATTN_OK || j->whole == size ? status : cut(ctx, j);
}

attn_status attn_journal_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_journal *out) {
    *out = (struct attn_journal){.system = system == NULL ? &attn_file_system_posix : system, .number = -1};
    if (strlen(path) >= sizeof out->path)
        return attn_fail(ctx, ATTN_EINVAL, "a path of %zu bytes: expected at most %d", strlen(path), ATTN_FILE_PATH - 1);
    memcpy(out->path, path, strlen(path) + 1);
    out->number = out->system->open(out->system->user, path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out->number < 0) return fail(ctx, out, "cannot be opened");
    const attn_status status = prepare(ctx, out);
    if (status != ATTN_OK) attn_journal_close(out);
    return status;
}

attn_status attn_journal_write(attn_ctx *ctx, struct attn_journal *j, const char *line, size_t bytes) {
    if (j->torn) {
        const attn_status status = cut(ctx, j);
        if (status != ATTN_OK) return status;
    }
    const off_t after = j->whole + (off_t)bytes;
    while (bytes > 0) {
        const ssize_t done = j->system->write(j->system->user, j->number, line, bytes);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            if (done == 0) errno = ENOSPC;
            j->torn = true;
            return fail(ctx, j, "writing failed");
        }
        line += done;
        bytes -= (size_t)done;
    }
    j->whole = after;
    return ATTN_OK;
}

attn_status attn_journal_sync(attn_ctx *ctx, struct attn_journal *j) {
    return j->system->fsync(j->system->user, j->number) == 0 ? ATTN_OK : fail(ctx, j, "cannot be written to the disk");
}

void attn_journal_close(struct attn_journal *j) {
    if (j->number >= 0) j->system->close(j->system->user, j->number);
    j->number = -1;
}

bool attn_journal_busy(const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool busy = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    return busy;
}
