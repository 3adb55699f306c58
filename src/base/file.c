/* The file layer. Every loop handles short transfers and EINTR; every failure is one sentence with the system's words. A failed
 * fsync is final: the data may be gone, so the temporary file is given up, never synced again. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 100 }; /* at a name of its own beside a path */

static int posix_open(void *user, const char *path, int flags, mode_t mode) {
    (void)user;
    return open(path, flags, mode);
}
static ssize_t posix_pread(void *user, int file, void *to, size_t bytes, off_t at) {
    (void)user;
    return pread(file, to, bytes, at);
}
static ssize_t posix_write(void *user, int file, const void *from, size_t bytes) {
    (void)user;
    return write(file, from, bytes);
}
static int posix_fsync(void *user, int file) {
    (void)user;
    return fsync(file);
}
static int posix_close(void *user, int file) {
    (void)user;
    return close(file);
}
static int posix_rename(void *user, const char *from, const char *to) {
    (void)user;
    return rename(from, to);
}
static int posix_link(void *user, const char *from, const char *to) {
    (void)user;
    return link(from, to);
}
static int posix_unlink(void *user, const char *path) {
    (void)user;
    return unlink(path);
}
static int posix_mkdir(void *user, const char *path, mode_t mode) {
    (void)user;
    return mkdir(path, mode);
}
static int posix_ftruncate(void *user, int file, off_t size) {
    (void)user;
    return ftruncate(file, size);
}
const struct attn_file_system attn_file_system_posix = {NULL,         posix_open, posix_pread,  posix_write, posix_fsync,    posix_close,
                                                        posix_rename, posix_link, posix_unlink, posix_mkdir, posix_ftruncate};

static attn_status fail_path(attn_ctx *ctx, attn_status status, const char *what, const char *path, int error) {
    return attn_fail(ctx, status, "%s: %s: %s", path, what, strerror(error));
}

attn_status attn_file_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_file *out) {
    const struct attn_file_system *fs = system == NULL ? &attn_file_system_posix : system;
    struct stat about;
    const int number = fs->open(fs->user, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (number < 0) {
        const int error = errno;
        const bool mistake =
            error == ENOENT || error == EACCES || error == ENOTDIR || error == EISDIR || error == ENAMETOOLONG || error == ELOOP;
        return fail_path(ctx, mistake ? ATTN_EINVAL : ATTN_ESYSTEM, "cannot be read", path, error);
    }
    if (fstat(number, &about) != 0 || !S_ISREG(about.st_mode)) {
        fs->close(fs->user, number);
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %s, expected a regular file", path,
                         S_ISDIR(about.st_mode) ? "a directory" : "a device or pipe");
    }
    *out = (struct attn_file){fs, number, (size_t)about.st_size};
    return ATTN_OK;
}

attn_status attn_file_pread(attn_ctx *ctx, const struct attn_file *file, const char *path, void *to, size_t bytes, size_t at) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t got = file->system->pread(file->system->user, file->number, (char *)to + done, bytes - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_path(ctx, ATTN_ESYSTEM, "reading failed", path, errno);
        if (got == 0)
            return attn_fail(ctx, ATTN_ESYSTEM, "%s: byte %zu: found the end, expected %zu bytes more; the file shrank while it was read",
                             path, at + done, bytes - done);
        done += (size_t)got;
    }
    return ATTN_OK;
}

void attn_file_close(struct attn_file *file) {
    file->system->close(file->system->user, file->number);
    file->number = -1;
}

attn_status attn_file_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit, uint8_t **data,
                           size_t *size) {
    struct attn_file file;
    attn_status status = attn_file_open(ctx, system, path, &file);
    if (status != ATTN_OK) return status;
    uint8_t *bytes = NULL;
    if (file.size > limit)
        status = attn_fail(ctx, ATTN_EINVAL, "%s: found %zu bytes, expected at most %zu", path, file.size, limit);
    else if ((bytes = attn_alloc(ctx, file.size + 1)) == NULL)
        status = attn_no_memory(ctx, path, file.size + 1);
    else
        status = attn_file_pread(ctx, &file, path, bytes, file.size, 0);
    attn_file_close(&file);
    if (status != ATTN_OK) {
        attn_free(ctx, bytes);
        return status;
    }
    bytes[file.size] = 0;
    *data = bytes;
    *size = file.size;
    return ATTN_OK;
}

attn_status attn_file_remove(attn_ctx *ctx, const struct attn_file_system *system, const char *path) {
    const struct attn_file_system *fs = system == NULL ? &attn_file_system_posix : system;
    if (fs->unlink(fs->user, path) == 0 || errno == ENOENT) return ATTN_OK;
    return fail_path(ctx, ATTN_ESYSTEM, "cannot be taken away", path, errno);
}

/* The folder of a path, "." if it names none, in ATTN_FILE_PATH bytes. */
static void directory_of(const char *path, char *directory) {
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    snprintf(directory, ATTN_FILE_PATH, "%.*s", (int)length, slash == NULL ? "." : path);
}

bool attn_file_same(const char *a, const char *b) {
    const char *a_slash = strrchr(a, '/'), *b_slash = strrchr(b, '/');
    char directory[ATTN_FILE_PATH];
    struct stat a_about, b_about;
    if (strcmp(a_slash == NULL ? a : a_slash + 1, b_slash == NULL ? b : b_slash + 1) != 0) return false;
    if (strcmp(a, b) == 0) return true;
    directory_of(a, directory);
    if (stat(directory, &a_about) != 0) return false;
    directory_of(b, directory);
    return stat(directory, &b_about) == 0 && a_about.st_dev == b_about.st_dev && a_about.st_ino == b_about.st_ino;
}

attn_status attn_file_begin(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_file_writer *writer) {
    const struct attn_file_system *fs = system == NULL ? &attn_file_system_posix : system;
    struct stat about;
    *writer = (struct attn_file_writer){.system = fs, .number = -1};
    if (strlen(path) + 32 > ATTN_FILE_PATH)
        return attn_fail(ctx, ATTN_EINVAL, "output path of %zu bytes: expected at most %d", strlen(path), ATTN_FILE_PATH - 32);
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return attn_fail(ctx, ATTN_EINVAL, "%s: cannot be written: it is there and no regular file", path);
    snprintf(writer->path, sizeof writer->path, "%s", path);
    for (int i = 0; i < ATTEMPTS; i++) {
        snprintf(writer->temporary, sizeof writer->temporary, "%.*s.tmp%ld-%d", ATTN_FILE_PATH - 32, path, (long)getpid(), i);
        writer->number = fs->open(fs->user, writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (writer->number >= 0 || errno != EEXIST) break;
    }
    if (writer->number < 0) {
        const int error = errno;
        const bool mistake = error == ENOENT || error == EACCES || error == ENOTDIR || error == ENAMETOOLONG;
        return fail_path(ctx, mistake ? ATTN_EINVAL : ATTN_ESYSTEM, "cannot be written", path, error);
    }
    writer->begun = true;
    return ATTN_OK;
}

attn_status attn_file_write(attn_ctx *ctx, struct attn_file_writer *writer, const void *data, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t got = writer->system->write(writer->system->user, writer->number, (const char *)data + done, bytes - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail_path(ctx, ATTN_ESYSTEM, "writing failed", writer->path, got < 0 ? errno : ENOSPC);
        done += (size_t)got;
    }
    return ATTN_OK;
}

attn_status attn_file_sync(attn_ctx *ctx, struct attn_file_writer *writer) {
    const struct attn_file_system *fs = writer->system;
    if (fs->fsync(fs->user, writer->number) != 0) return fail_path(ctx, ATTN_ESYSTEM, "writing to the disk failed", writer->path, errno);
    const int closed = fs->close(fs->user, writer->number);
    writer->number = -1;
    return closed == 0 ? ATTN_OK : fail_path(ctx, ATTN_ESYSTEM, "closing failed", writer->path, errno);
}

static attn_status sync_directory(attn_ctx *ctx, const struct attn_file_writer *writer) {
    char directory[ATTN_FILE_PATH];
    directory_of(writer->path, directory);
    const int number = writer->system->open(writer->system->user, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (number < 0) return errno == EACCES ? ATTN_OK : fail_path(ctx, ATTN_ESYSTEM, "cannot be synced", directory, errno);
    /* A file system that cannot sync a directory says EINVAL; there the rename is all there is. */
    const bool failed = writer->system->fsync(writer->system->user, number) != 0 && errno != EINVAL;
    const int error = errno;
    writer->system->close(writer->system->user, number);
    return failed ? fail_path(ctx, ATTN_ESYSTEM, "cannot be synced", directory, error) : ATTN_OK;
}

/* What link says on file systems that have none. */
static bool no_links(int error) {
    return error == EPERM || error == ENOSYS || error == ENOTSUP || error == EOPNOTSUPP || error == EMLINK;
}

/* Keeps what the path holds and gives it the new file. */
static attn_status replace(attn_ctx *ctx, struct attn_file_writer *writer) {
    const struct attn_file_system *fs = writer->system;
    for (int i = 0; i < ATTEMPTS && !writer->saved; i++) { /* a process of this number may have died and left one */
        snprintf(writer->old, sizeof writer->old, "%.*s.old%ld-%d", ATTN_FILE_PATH - 32, writer->path, (long)getpid(), i);
        writer->saved = fs->link(fs->user, writer->path, writer->old) == 0;
        if (!writer->saved && errno != EEXIST) break;
    }
    if (!writer->saved && errno != ENOENT && !no_links(errno))
        return fail_path(ctx, ATTN_ESYSTEM, "what it holds cannot be kept while it is replaced", writer->path, errno);
    if (fs->rename(fs->user, writer->temporary, writer->path) != 0)
        return fail_path(ctx, ATTN_ESYSTEM, "renaming the finished file failed", writer->path, errno);
    writer->begun = false;
    writer->replaced = true;
    return ATTN_OK;
}

static void go_back(struct attn_file_writer *writer) {
    const struct attn_file_system *fs = writer->system;
    if (writer->replaced && writer->saved)
        fs->rename(fs->user, writer->old, writer->path);
    else if (writer->replaced)
        fs->unlink(fs->user, writer->path);
    else if (writer->saved)
        fs->unlink(fs->user, writer->old);
}

attn_status attn_file_commit_all(attn_ctx *ctx, struct attn_file_writer *writers, int count) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < count && status == ATTN_OK; i++)
        if (writers[i].begun) status = replace(ctx, &writers[i]);
    for (int i = 0; i < count && status == ATTN_OK; i++)
        if (writers[i].replaced) status = sync_directory(ctx, &writers[i]);
    for (int i = 0; i < count; i++) {
        if (status != ATTN_OK)
            go_back(&writers[i]);
        else if (writers[i].saved)
            writers[i].system->unlink(writers[i].system->user, writers[i].old);
        writers[i].saved = writers[i].replaced = false;
    }
    return status;
}

attn_status attn_file_commit(attn_ctx *ctx, struct attn_file_writer *writer) {
    return attn_file_commit_all(ctx, writer, 1);
}

void attn_file_abort(struct attn_file_writer *writer) {
    if (writer->system == NULL) return;
    if (writer->number >= 0) writer->system->close(writer->system->user, writer->number);
    if (writer->begun) writer->system->unlink(writer->system->user, writer->temporary);
    writer->number = -1;
    writer->begun = false;
}

attn_status attn_file_save(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const void *data, size_t bytes) {
    struct attn_file_writer *writer = attn_alloc(ctx, sizeof(*writer)); /* three paths: too large for a small stack */
    if (!writer) return attn_no_memory(ctx, path, sizeof(*writer));
    attn_status status = attn_file_begin(ctx, system, path, writer);
    if (!status && bytes > 0) status = attn_file_write(ctx, writer, data, bytes);
    if (!status) status = attn_file_sync(ctx, writer);
    if (!status) status = attn_file_commit(ctx, writer);
    attn_file_abort(writer);
    attn_free(ctx, writer);
    return status;
}
