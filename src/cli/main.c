/* The program `attn`: finds the command and calls it. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/ranks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"apply", attn_cmd_apply, "one attention, forward and backward, on arrays from files"},
    {"bench", attn_cmd_bench,
     "measure this machine and the kernels: peak, kernels, masks, sparse, planner, decode, scan, cp, search, pointer, train, tour, stream, "
     "answer"},
    {"systems", attn_cmd_systems, "the systems and their tasks; of one task, all that a recipe can say"},
    {"reproduce", attn_cmd_reproduce, "measure the claims of papers here, and say of each whether it holds"},
    {"train", attn_cmd_train, "train a model of a task; sweeps, checkpoints, --resume"},
    {"eval", attn_cmd_eval, "the figures of a saved model"},
    {"predict", attn_cmd_predict, "answers of a saved model to what it reads"},
    {"stream", attn_cmd_stream, "answers of a saved model to rows as they come, in constant memory"},
    {"export", attn_cmd_export, "write a saved model as C for a microcontroller"},
    {"data", attn_cmd_data, "write a task's generated examples"},
    {"runs", attn_cmd_runs, "list the runs of a store"},
    {"metric", attn_cmd_metric, "accuracy, AUC, perplexity, of columns of files"},
    {"report", attn_cmd_report, "write an HTML page about runs, with plots and tables"},
    {"mask", attn_cmd_mask, "show a mask: picture, area, tiles, keys of a row"},
    {"doctor", attn_cmd_doctor, "what this machine offers, which kernels are chosen and why"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int print_help(void) {
    printf("usage: attn COMMAND [options]\n\nExact attention on the CPU, forward and backward, under any mask, and models trained on "
           "it.\n\nCommands:\n");
    for (int i = 0; i < COMMANDS; i++) printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("  %-9s %s\n\nattn COMMAND --help explains one of them; attn --version says what was built.\n\nExample:\n"
           "  attn bench masks --len 4K\n",
           "help", "this text");
    return ATTN_EXIT_DONE;
}

static int unknown_command(const char *word) {
    const char *names[COMMANDS + 1];
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    names[COMMANDS] = "help";
    const char *nearest = attn_nearest(word, names, COMMANDS + 1);
    if (nearest != NULL) return attn_complain("there is no command '%s'; did you mean '%s'?", word, nearest);
    return attn_complain("there is no command '%s'; see attn help", word);
}

static int run_command(int argc, char **argv) {
    if (argc < 2) {
        print_help();
        return ATTN_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s\n", attn_version_string());
        return ATTN_EXIT_DONE;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
        if (strcmp(argv[1], "help") == 0 && argc > 2 && strcmp(argv[2], commands[i].name) == 0) {
            char *help[] = {argv[2], (char[]){"--help"}, NULL};
            return commands[i].run(2, help);
        }
    }
    const bool help = strcmp(argv[1], "help") == 0;
    if (attn_asks_help(argv[1]) || (help && argc == 2)) return print_help();
    return unknown_command(argv[help ? 2 : 1]);
}

/* Of many processes the first one does what it is told; the others share the steps of its training, or the tokens of its scan or attention. */
static bool has_work(int argc, char **argv) {
    if (!attn_cli_ranks() || attn_cli_ranks()->rank == 0) return true;
    const bool shared = argc > 2 && (strcmp(argv[2], "scan") == 0 || strcmp(argv[2], "cp") == 0);
    return argc > 1 && (strcmp(argv[1], "train") == 0 || (shared && strcmp(argv[1], "bench") == 0));
}

int main(int argc, char **argv) {
    int status = attn_cli_ranks_begin(&argc, &argv);
    if (status < 0) status = has_work(argc, argv) ? run_command(argc, argv) : ATTN_EXIT_DONE;
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        attn_complain("standard output: writing failed: %s", strerror(errno)); /* a full disk must not look like success */
        status = ATTN_EXIT_SYSTEM;
    }
    return attn_cli_ranks_end(status);
}
