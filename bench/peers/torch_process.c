/* The child process of the PyTorch peers: it runs torch_peer.py (built into this program); arrays travel as .npy files in a folder of memory,
 * requests and answers as lines over two pipes. */
#include "bench/peers/torch.h"

#include "base/context.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(ATTN_TORCH_SCRIPT)
#include "torch_peer_script.h"
#else
static const char torch_peer_script[] = "print('unsupported this build was made without CMake, which embeds the script', flush=True)";
#endif

extern char **environ;

const char *attn_torch_python(void) {
    const char *named = getenv("ATTN_PYTHON");
    return named != NULL && named[0] != '\0' ? named : "python3";
}

static attn_status start(struct attn_torch *t) {
    int to[2], from[2];
    char option[] = "-c";
    const char *python = attn_torch_python();
    char *const argv[] = {(char *)(uintptr_t)python, option, (char *)(uintptr_t)torch_peer_script, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (pipe(to) != 0) return attn_fail(t->ctx, ATTN_ESYSTEM, "%s: no pipe: %s", python, strerror(errno));
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return attn_fail(t->ctx, ATTN_ESYSTEM, "%s: no pipe: %s", python, strerror(errno));
    }
    /* Another child that kept the end of this one's input would keep this one waiting for more. */
    fcntl(to[1], F_SETFD, FD_CLOEXEC);
    fcntl(from[0], F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN); /* a child that died is seen by its missing answer */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, to[i]);
        posix_spawn_file_actions_addclose(&actions, from[i]);
    }
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* Ctrl-C is for us; the child ends with its input */
    const int error = posix_spawnp(&t->pid, python, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(to[0]);
    close(from[1]);
    t->to = fdopen(to[1], "w");
    t->from = fdopen(from[0], "r");
    if (error == 0 && t->to != NULL && t->from != NULL) return ATTN_OK;
    return attn_fail(t->ctx, ATTN_EUNSUPPORTED, "%s: %s; name a Python with PyTorch by --python or ATTN_PYTHON (make venv makes one)",
                     python, strerror(error));
}

attn_status attn_torch_open(struct attn_torch *t, attn_ctx *ctx, int threads) {
    *t = (struct attn_torch){.ctx = ctx, .threads = threads, .folder = "/dev/shm/attn-XXXXXX"};
    if (mkdtemp(t->folder) == NULL) {
        snprintf(t->folder, sizeof t->folder, "%s/attn-XXXXXX", P_tmpdir);
        if (mkdtemp(t->folder) == NULL) {
            t->folder[0] = '\0';
            return attn_fail(ctx, ATTN_ESYSTEM, "no temporary folder: %s", strerror(errno));
        }
    }
    return start(t);
}

static void empty_folder(const struct attn_torch *t) {
    DIR *folder = opendir(t->folder);
    char path[400];
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", t->folder, entry->d_name);
        if (entry->d_name[0] != '.') unlink(path);
    }
    if (folder != NULL) closedir(folder);
    rmdir(t->folder);
}

void attn_torch_close(struct attn_torch *t) {
    if (t->to != NULL) fclose(t->to);
    if (t->from != NULL) fclose(t->from);
    if (t->pid > 0) waitpid(t->pid, NULL, 0);
    if (t->folder[0] != '\0') empty_folder(t);
    *t = (struct attn_torch){.ctx = t->ctx};
}

attn_status attn_torch_ask(struct attn_torch *t, char *answer, size_t size, const char *format, ...) {
    char line[768] = "";
    va_list arguments;
    va_start(arguments, format);
    vfprintf(t->to, format, arguments);
    va_end(arguments);
    fputc('\n', t->to);
    fflush(t->to);
    if (fgets(line, sizeof line, t->from) == NULL)
        return attn_fail(t->ctx, ATTN_EUNSUPPORTED, "%s ended without an answer", attn_torch_python());
    line[strcspn(line, "\n")] = '\0';
    const char *words = strchr(line, ' ') != NULL ? strchr(line, ' ') + 1 : "";
    if (strncmp(line, "ok", 2) != 0) return attn_fail(t->ctx, ATTN_EUNSUPPORTED, "%s: %s", attn_torch_python(), words);
    snprintf(answer, size, "%s", words);
    return ATTN_OK;
}

void attn_torch_rest(const struct attn_torch *t) {
    if (t->threads > 1) usleep(5000);
}

attn_status attn_torch_run(void *self, enum attn_direction pass, double *seconds) {
    struct attn_torch *t = self;
    char answer[64] = "";
    attn_torch_rest(t);
    const attn_status status = attn_torch_ask(t, answer, sizeof answer, "run %s", attn_direction_name(pass));
    *seconds = strtod(answer, NULL);
    attn_torch_rest(t);
    return status;
}

attn_status attn_torch_version(attn_ctx *ctx, char *text, size_t size) {
    struct attn_torch t;
    attn_status status = attn_torch_open(&t, ctx, 1);
    if (status == ATTN_OK) status = attn_torch_ask(&t, text, size, "version");
    if (status != ATTN_OK) attn_ctx_error(ctx, text, size);
    attn_torch_close(&t);
    return status;
}

static void path_of(const struct attn_torch *t, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s.npy", t->folder, name);
}

attn_status attn_torch_give(struct attn_torch *t, const char *name, enum attn_npy_type type, int rank, const int64_t *shape,
                            const void *data) {
    char path[128];
    struct attn_file_writer *writer = attn_alloc(t->ctx, sizeof *writer);
    if (writer == NULL) return attn_no_memory(t->ctx, "an array for PyTorch", sizeof *writer);
    path_of(t, name, path, sizeof path);
    attn_status status = attn_file_begin(t->ctx, NULL, path, writer);
    if (status == ATTN_OK) status = attn_npy_write(t->ctx, writer, type, rank, shape, data);
    if (status == ATTN_OK) status = attn_file_sync(t->ctx, writer);
    if (status == ATTN_OK) status = attn_file_commit(t->ctx, writer);
    attn_file_abort(writer);
    attn_free(t->ctx, writer);
    return status;
}

attn_status attn_torch_take(struct attn_torch *t, const char *name, struct attn_npy *array) {
    char path[128];
    path_of(t, name, path, sizeof path);
    return attn_npy_read(t->ctx, NULL, path, array);
}
