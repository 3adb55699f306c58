/* What the commands of the program share: exit statuses, complaints, the context. One file a command; a command parses its
 * options, calls the floors below and prints: it has no logic of its own. */
#ifndef ATTN_CLI_CLI_H
#define ATTN_CLI_CLI_H

#include "base/context.h"

enum {
    ATTN_EXIT_DONE = 0,     /* all was done */
    ATTN_EXIT_SURPRISE = 1, /* a comparison did not hold */
    ATTN_EXIT_USAGE = 2,    /* bad usage or input */
    ATTN_EXIT_SYSTEM = 3,   /* the environment failed */
    ATTN_EXIT_STOPPED = 130 /* Ctrl-C; what was printed before stays true */
};

/* A command: argv[0] is its name. Returns an exit status. */
int attn_cmd_apply(int argc, char **argv);
int attn_cmd_bench(int argc, char **argv);
int attn_cmd_doctor(int argc, char **argv);
int attn_cmd_mask(int argc, char **argv);
int attn_cmd_systems(int argc, char **argv);
int attn_cmd_train(int argc, char **argv);
int attn_cmd_eval(int argc, char **argv);
int attn_cmd_predict(int argc, char **argv);
int attn_cmd_stream(int argc, char **argv);
int attn_cmd_export(int argc, char **argv);
int attn_cmd_data(int argc, char **argv);
int attn_cmd_runs(int argc, char **argv);
int attn_cmd_reproduce(int argc, char **argv);
int attn_cmd_metric(int argc, char **argv);
int attn_cmd_report(int argc, char **argv);
int attn_cmd_bench_peak(int argc, char **argv);
int attn_cmd_bench_kernels(int argc, char **argv);
int attn_cmd_bench_masks(int argc, char **argv);
int attn_cmd_bench_sparse(int argc, char **argv);
int attn_cmd_bench_planner(int argc, char **argv);
int attn_cmd_bench_decode(int argc, char **argv);
int attn_cmd_bench_cp(int argc, char **argv);
int attn_cmd_bench_scan(int argc, char **argv);
int attn_cmd_bench_search(int argc, char **argv);
int attn_cmd_bench_pointer(int argc, char **argv);
int attn_cmd_bench_train(int argc, char **argv);
int attn_cmd_bench_tour(int argc, char **argv);
int attn_cmd_bench_stream(int argc, char **argv);
int attn_cmd_bench_answer(int argc, char **argv);

/* Prints "attn: <sentence>" on stderr and returns ATTN_EXIT_USAGE, so that a check reads `return attn_complain(...)`. */
int attn_complain(const char *format, ...) ATTN_PRINTF(1, 2);

/* Prints the context's last sentence and returns the exit status that belongs to `status`. */
int attn_complain_status(attn_ctx *ctx, attn_status status);

/* A context with `threads` workers (0: the default). NULL after a complaint; *exit_status is then set. */
attn_ctx *attn_cli_context(int threads, int *exit_status);

/* From here on Ctrl-C, the termination signal and SIGUSR1 only set a mark, so that work stops at a clean place. */
void attn_stop_catch(void);
bool attn_stop_asked(void);

#endif
