#include "base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

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
    const pid_t pid = waitpid(-1, &how, 0);
    *child = 0;
    if (pid < 0 && errno == EINTR) return ATTN_OK;
    if (pid < 0) return attn_fail(ctx, ATTN_EINVAL, "there is no process to wait for");
    *child = pid;
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return ATTN_OK;
}

void attn_process_interrupt(int64_t child) {
    kill((pid_t)child, SIGUSR1);
}
