#include "base/command.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct talk {
    attn_ctx *ctx;
    const struct attn_command *command;
    pid_t pid;
    int socket;  /* both ways: writing into one whose program has died fails, and raises no signal */
    size_t sent; /* of the input */
    char *text;  /* the output */
    size_t bytes, room;
};

/* Of a child that could not run its program, where posix_spawn does not wait to see (POSIX). */
enum { NOT_FOUND = 127 };

static attn_status fail(const struct talk *t, const char *what) {
    return attn_fail(t->ctx, ATTN_ESYSTEM, "%s: %s", t->command->argv[0], what);
}

static attn_status start(struct talk *t) {
    int ends[2];
    const char *name = t->command->argv[0];
    posix_spawn_file_actions_t actions;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return attn_fail(t->ctx, ATTN_ESYSTEM, "%s: no connection to it: %s", name, strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int error = posix_spawnp(&t->pid, name, &actions, NULL, (char *const *)(uintptr_t)t->command->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    t->socket = ends[0];
    if (error == 0) return ATTN_OK;
    t->pid = 0;
    return attn_fail(t->ctx, error == ENOENT || error == EACCES || error == ENOTDIR ? ATTN_EUNSUPPORTED : ATTN_ESYSTEM,
                     "%s: it cannot be started: %s", name, strerror(error));
}

/* Some of the input; at its end the program sees the end of its standard input. */
static void send_some(struct talk *t) {
    const struct attn_command *c = t->command;
    const ssize_t got = send(t->socket, c->input + t->sent, c->input_bytes - t->sent, MSG_NOSIGNAL);
    if (got >= 0)
        t->sent += (size_t)got;
    else if (errno != EAGAIN && errno != EINTR)
        t->sent = c->input_bytes; /* it reads no more: its output and status say why */
    if (t->sent == c->input_bytes) shutdown(t->socket, SHUT_WR);
}

static attn_status receive_some(struct talk *t, bool *end) {
    if (t->room - t->bytes < 4096) {
        const size_t larger = 2 * t->room + 16384;
        char *text = attn_alloc(t->ctx, larger + 1);
        if (!text) return attn_no_memory(t->ctx, t->command->argv[0], larger);
        if (t->bytes > 0) memcpy(text, t->text, t->bytes);
        attn_free(t->ctx, t->text);
        t->text = text;
        t->room = larger;
    }
    const ssize_t got = read(t->socket, t->text + t->bytes, t->room - t->bytes);
    *end = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (got > 0) t->bytes += (size_t)got;
    return t->bytes > t->command->limit ? fail(t, "it wrote more than it may") : ATTN_OK;
}

static attn_status converse(struct talk *t) {
    const double begun = attn_clock();
    bool end = false;
    attn_status status = ATTN_OK;
    if (t->command->input_bytes == 0) shutdown(t->socket, SHUT_WR);
    while (!end && !status) {
        const double left = t->command->seconds - (attn_clock() - begun);
        if (left <= 0) return fail(t, "it took too long");
        struct pollfd ready = {.fd = t->socket, .events = POLLIN};
        if (t->sent < t->command->input_bytes) ready.events = POLLIN | POLLOUT;
        if (poll(&ready, 1, left < 1000 ? (int)(left * 1000) + 1 : 1000000) < 0 && errno != EINTR) return fail(t, "waiting failed");
        if (ready.revents & POLLOUT && t->sent < t->command->input_bytes) send_some(t);
        if (ready.revents & (POLLIN | POLLHUP | POLLERR)) status = receive_some(t, &end);
    }
    return status;
}

attn_status attn_command_run(attn_ctx *ctx, const struct attn_command *command, char **output, size_t *bytes) {
    struct talk t = {.ctx = ctx, .command = command, .socket = -1};
    int how = 0;
    attn_status status = start(&t);
    if (!status) status = converse(&t);
    if (t.socket >= 0) close(t.socket);
    if (t.pid > 0 && status) kill(t.pid, SIGKILL);
    while (t.pid > 0 && waitpid(t.pid, &how, 0) < 0 && errno == EINTR) {
    }
    if (!status && WIFEXITED(how) && WEXITSTATUS(how) == NOT_FOUND)
        status = attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: it cannot be started", command->argv[0]);
    if (!status && (!WIFEXITED(how) || WEXITSTATUS(how) != 0)) status = fail(&t, "it failed");
    if (status) {
        attn_free(ctx, t.text);
        return status;
    }
    t.text[t.bytes] = '\0';
    *output = t.text;
    *bytes = t.bytes;
    return ATTN_OK;
}
