/* Complaints, the context and the stop mark: what every command uses. The stop mark is the commands' only variable that outlives
 * a call; a signal handler may touch nothing else. */
#include "cli/cli.h"
#include "cli/ranks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop_mark;

int attn_complain(const char *format, ...) {
    FILE *errors = attn_cli_errors();
    va_list list;
    va_start(list, format);
    fputs("attn: ", errors);
    vfprintf(errors, format, list);
    fputc('\n', errors);
    va_end(list);
    return ATTN_EXIT_USAGE;
}

int attn_complain_status(attn_ctx *ctx, attn_status status) {
    char text[1024];
    attn_complain("%s", attn_ctx_error(ctx, text, sizeof text));
    return status == ATTN_ENOMEM || status == ATTN_ESYSTEM ? ATTN_EXIT_SYSTEM : ATTN_EXIT_USAGE;
}

/* Failures are complained about where they are met; what the library does without one is said here. */
static void print_warning(void *user, attn_log_level level, const char *text) {
    (void)user;
    if (level == ATTN_LOG_WARN) attn_complain("%s", text);
}

attn_ctx *attn_cli_context(int threads, int *exit_status) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    char error[512] = "";
    attn_ctx_config_init(&config);
    config.threads = threads;
    config.log = print_warning;
    const attn_status status = attn_ctx_create(&config, &ctx, error, sizeof error);
    if (status != ATTN_OK) {
        attn_complain("%s", error);
        *exit_status = status == ATTN_ENOMEM || status == ATTN_ESYSTEM ? ATTN_EXIT_SYSTEM : ATTN_EXIT_USAGE;
        return NULL;
    }
    return ctx;
}

static void mark_stop(int number) {
    (void)number;
    stop_mark = 1;
}

void attn_stop_catch(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = mark_stop;
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends the program at once */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_flags = 0; /* what batch systems and our own processes send, perhaps more than once */
    sigaction(SIGUSR1, &action, NULL);
}

bool attn_stop_asked(void) {
    return stop_mark != 0;
}
