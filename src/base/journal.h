/* A file that grows by whole lines and has one writer. A line that was not finished, as its writer was killed, is cut off when the file is
 * opened again; a reader takes whole lines only. */
#ifndef ATTN_BASE_JOURNAL_H
#define ATTN_BASE_JOURNAL_H

#include "base/file.h"

struct attn_journal {
    const struct attn_file_system *system;
    int number;  /* -1: not open */
    off_t whole; /* bytes of whole lines */
    bool torn;   /* a piece of a line is behind them */
    char path[ATTN_FILE_PATH];
};

/* Opens it for more lines, and makes it where it is not. ATTN_EINVAL: another process has it open. */
attn_status attn_journal_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_journal *out);
/* A line with its end. Where that fails, the next one takes the place of what was written of it. */
attn_status attn_journal_write(attn_ctx *ctx, struct attn_journal *journal, const char *line, size_t bytes);
attn_status attn_journal_sync(attn_ctx *ctx, struct attn_journal *journal);
void attn_journal_close(struct attn_journal *journal);

/* Whether another process has it open for writing. False also where there is no such file. */
bool attn_journal_busy(const char *path);

#endif
