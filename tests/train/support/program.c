#include "support/program.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

pid_t test_start(const char *output, const char *command) {
    static char text[4 * TEST_PATH];
    char *argv[128];
    int argc = 0;
    assert_true(strlen(command) < sizeof text);
    memcpy(text, command, strlen(command) + 1);
    for (char *word = strtok(text, " "); word && argc < 127; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    if (argv[0][0] == '/' && access(argv[0], X_OK) != 0) skip();
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int file = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (file >= 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2 && setpgid(0, 0) == 0) execvp(argv[0], argv);
        _exit(127);
    }
    return child;
}

int test_end(pid_t child) {
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

int test_command(const char *output, char text[TEST_OUTPUT], const char *command) {
    const int status = test_end(test_start(output, command));
    FILE *file = fopen(output, "r");
    assert_non_null(file);
    text[fread(text, 1, TEST_OUTPUT - 1, file)] = '\0';
    fclose(file);
    return status;
}

struct attn_run_summary test_wait_for_step(const char *store, int64_t count, int64_t step) {
    const struct timespec pause = {0, 10000000};
    attn_ctx *ctx = test_context(1);
    for (int i = 0; i < 6000; i++) { /* a busy machine takes its time */
        struct attn_run_list list;
        struct attn_run_summary last = {.step = -1};
        int64_t found, ready = 0;
        assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
        found = list.count;
        for (int64_t r = 0; r < found; r++)
            if (list.at[r].step >= step) {
                last = list.at[r];
                ready++;
            }
        attn_run_list_free(ctx, &list);
        if (ready >= count) {
            attn_ctx_destroy(ctx);
            return last;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("%s: %d runs never came to step %d", store, (int)count, (int)step);
    return (struct attn_run_summary){.step = -1};
}
