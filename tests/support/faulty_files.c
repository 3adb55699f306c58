/* Each call counts and perhaps fails with the error that is usual for it. */
#include "support/faulty_files.h"

#include <errno.h>

static bool fault(void *user, int error) {
    struct test_faults *f = user;
    const int call = f->calls++;
    errno = error;
    return f->sticky ? call >= f->fail_at : call == f->fail_at;
}
static int bad_open(void *user, const char *path, int flags, mode_t mode) {
    return fault(user, EIO) ? -1 : attn_file_system_posix.open(NULL, path, flags, mode);
}
static ssize_t bad_pread(void *user, int file, void *to, size_t bytes, off_t at) {
    return fault(user, EIO) ? -1 : attn_file_system_posix.pread(NULL, file, to, bytes > 7 ? 7 : bytes, at);
}
static ssize_t bad_write(void *user, int file, const void *from, size_t bytes) {
    return fault(user, ENOSPC) ? -1 : attn_file_system_posix.write(NULL, file, from, bytes > 9 ? 9 : bytes);
}
static int bad_fsync(void *user, int file) {
    return fault(user, EIO) ? -1 : attn_file_system_posix.fsync(NULL, file);
}
static int bad_close(void *user, int file) {
    const int closed = attn_file_system_posix.close(NULL, file);
    return fault(user, EIO) ? -1 : closed;
}
static int bad_rename(void *user, const char *from, const char *to) {
    return fault(user, EIO) ? -1 : attn_file_system_posix.rename(NULL, from, to);
}
static int bad_link(void *user, const char *from, const char *to) {
    return fault(user, EPERM) ? -1 : attn_file_system_posix.link(NULL, from, to);
}
static int bad_unlink(void *user, const char *path) {
    (void)user;
    return attn_file_system_posix.unlink(NULL, path);
}
static int bad_mkdir(void *user, const char *path, mode_t mode) {
    return fault(user, ENOSPC) ? -1 : attn_file_system_posix.mkdir(NULL, path, mode);
}
static int bad_ftruncate(void *user, int file, off_t size) {
    return fault(user, EIO) ? -1 : attn_file_system_posix.ftruncate(NULL, file, size);
}

struct attn_file_system test_faulty_files(struct test_faults *faults) {
    return (struct attn_file_system){faults,     bad_open, bad_pread,  bad_write, bad_fsync,    bad_close,
                                     bad_rename, bad_link, bad_unlink, bad_mkdir, bad_ftruncate};
}
