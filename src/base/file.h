/* Files: read whole or in part, written so that a name shows either the old bytes or all of the new ones. Every call of the
 * operating system goes through a table, so that tests can make each of them fail.
 *
 * Writing: a temporary file in the same directory (made with O_EXCL), all bytes, fsync, then rename and fsync of the directory. Several
 * files are prepared one by one with attn_file_sync and then committed together: all or none. POSIX renames one file at a time, so none
 * is kept by going back: what a name held before stays linked beside it until all renames are done. What cannot be had: a machine or
 * process that dies between two renames leaves some names new and some old (each whole), and the old ones beside them as NAME.old*;
 * where a file system has no links, an old file that was replaced before the failure is lost, and its name is taken away. */
#ifndef ATTN_BASE_FILE_H
#define ATTN_BASE_FILE_H

#include "base/context.h"

#include <sys/types.h>

/* Each answers as the POSIX call of its name does: a negative number and errno. */
struct attn_file_system {
    void *user;
    int (*open)(void *user, const char *path, int flags, mode_t mode);
    ssize_t (*pread)(void *user, int file, void *to, size_t bytes, off_t at);
    ssize_t (*write)(void *user, int file, const void *from, size_t bytes);
    int (*fsync)(void *user, int file);
    int (*close)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
    int (*link)(void *user, const char *from, const char *to);
    int (*unlink)(void *user, const char *path);
    int (*mkdir)(void *user, const char *path, mode_t mode);
    int (*ftruncate)(void *user, int file, off_t size);
};

/* The operating system's. */
extern const struct attn_file_system attn_file_system_posix;

/* A file open for reading. */
struct attn_file {
    const struct attn_file_system *system;
    int number;
    size_t size;
};

/* system NULL: the operating system's. A name that cannot be opened is ATTN_EINVAL (the user's mistake), other failures
 * ATTN_ESYSTEM. Only regular files: anything else has no size to check against. */
attn_status attn_file_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_file *out);
/* Exactly `bytes` bytes from `at`; a file that shrank meanwhile is ATTN_ESYSTEM. */
attn_status attn_file_pread(attn_ctx *ctx, const struct attn_file *file, const char *path, void *to, size_t bytes, size_t at);
void attn_file_close(struct attn_file *file);

/* The whole file, at most `limit` bytes, with a 0 behind it; *data is freed by attn_free. */
attn_status attn_file_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit, uint8_t **data,
                           size_t *size);

/* Takes a name away; one that is not there is no failure. */
attn_status attn_file_remove(attn_ctx *ctx, const struct attn_file_system *system, const char *path);

enum { ATTN_FILE_PATH = 4096 };

/* Would both be the same entry of the same folder, however they are spelled? Paths of less than ATTN_FILE_PATH bytes; links in the last place
 * are not followed, as a writer replaces them. */
bool attn_file_same(const char *a, const char *b);

/* A file that is being written. Begin, write any number of times, sync, then commit; abort at any time. */
struct attn_file_writer {
    const struct attn_file_system *system;
    int number;    /* -1: closed */
    bool begun;    /* the temporary file exists */
    bool saved;    /* what the path held before is linked at `old` */
    bool replaced; /* the path holds the new file */
    char path[ATTN_FILE_PATH], temporary[ATTN_FILE_PATH], old[ATTN_FILE_PATH];
};
attn_status attn_file_begin(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_file_writer *writer);
attn_status attn_file_write(attn_ctx *ctx, struct attn_file_writer *writer, const void *data, size_t bytes);
attn_status attn_file_sync(attn_ctx *ctx, struct attn_file_writer *writer);   /* all bytes are on the disk; the file is closed */
attn_status attn_file_commit(attn_ctx *ctx, struct attn_file_writer *writer); /* renames; after attn_file_sync */
/* All or none; writers that were not begun are passed over. */
attn_status attn_file_commit_all(attn_ctx *ctx, struct attn_file_writer *writers, int count);
void attn_file_abort(struct attn_file_writer *writer); /* takes the temporary file away; harmless after commit */

/* All of these: a file with these bytes, or what was there. data is not read where there are none. */
attn_status attn_file_save(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const void *data, size_t bytes);

#endif
