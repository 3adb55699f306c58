#include "base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 10000000 /* nanoseconds */ };

attn_status attn_process_start(attn_ctx *ctx, int (*work)(void *user), void *user, int64_t *child) {
    fflush(NULL); /* or the child would print it once more */
    const pid_t pid = fork();
    if (pid < 0) return attn_fail(ctx, ATTN_ESYSTEM, "a process cannot be started: %s", strerror(errno));
    if (pid == 0) {
        const int status = work(user);
        fflush(NULL);
        _exit(status);
    }
    *child = pid;
    return ATTN_OK;
}

attn_status attn_process_wait(attn_ctx *ctx, int64_t *child, int *status) {
    int how;
    const struct timespec pause = {0, PAUSE};
    const pid_t pid = waitpid(-1, &how, WNOHANG); /* a signal just before a wait without end would not end it */
    *child = 0;
    if (pid == 0) nanosleep(&pause, NULL);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return ATTN_OK;
    if (pid < 0) return attn_fail(ctx, ATTN_EINVAL, "there is no process to wait for");
    *child = pid;
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return ATTN_OK;
}

void attn_process_interrupt(int64_t child) {
    kill((pid_t)child, SIGUSR1);
}

void *attn_process_share(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void attn_process_unshare(void *memory, size_t bytes) {
    if (memory) munmap(memory, bytes);
}
