/* attn bench SUITE: finds the suite. */
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} suites[] = {
    {"peak", attn_cmd_bench_peak, "the machine's limits: multiply-adds, sgemm, memory bandwidth"},
    {"kernels", attn_cmd_bench_kernels, "attention kernels, forward and backward, beside the peak and beside peers"},
    {"masks", attn_cmd_bench_masks, "the twelve masks: rate per useful FLOP, ratio to dense and to the BLAS row-panel"},
    {"sparse", attn_cmd_bench_sparse, "block-sparse masks: time relative to dense"},
    {"planner", attn_cmd_bench_planner, "what the planner's choices lose against the fastest kernel"},
    {"decode", attn_cmd_bench_decode, "few queries over a long cache, in each stored type, beside the bandwidth of memory"},
    {"scan", attn_cmd_bench_scan, "attention of a learned query: share of memory bandwidth"},
    {"cp", attn_cmd_bench_cp, "attention over ranks: mechanisms of context parallelism, measured or predicted"},
    {"search", attn_cmd_bench_search, "exact top-k search: bytes of keys and multiply-adds a second"},
    {"pointer", attn_cmd_bench_pointer, "the additive score: hyperbolic tangents a second"},
    {"train", attn_cmd_bench_train, "training steps of models, beside PyTorch's"},
    {"tour", attn_cmd_bench_tour, "hulls, triangulations and tours a second"},
    {"stream", attn_cmd_bench_stream, "a token behind many others: Aaren, and a cache of keys and values"},
    {"answer", attn_cmd_bench_answer, "answers of pointer networks a second, beside PyTorch's"},
};
enum { SUITES = sizeof suites / sizeof suites[0] };

static int print_help(void) {
    printf("usage: attn bench SUITE [options]\n\nSuites:\n");
    for (int i = 0; i < SUITES; i++) printf("  %-8s %s\n", suites[i].name, suites[i].summary);
    printf("\nattn bench SUITE --help explains one of them. Every line is flushed as soon as it is measured; Ctrl-C keeps what was "
           "printed.\n\n"
           "Example:\n  attn bench kernels --len 4K --dim 128 --mask causal --json\n");
    return ATTN_EXIT_DONE;
}

int attn_cmd_bench(int argc, char **argv) {
    const char *names[SUITES];
    if (argc >= 2 && attn_asks_help(argv[1])) return print_help();
    if (argc < 2)
        return attn_complain("bench: a suite is missing: peak, kernels, masks, sparse, planner, decode, scan, cp, search, pointer, train, "
                             "tour, stream or answer; "
                             "see attn bench --help");
    for (int i = 0; i < SUITES; i++) {
        names[i] = suites[i].name;
        if (strcmp(argv[1], suites[i].name) == 0) return suites[i].run(argc - 1, argv + 1);
    }
    const char *nearest = attn_nearest(argv[1], names, SUITES);
    if (nearest != NULL) return attn_complain("bench: there is no suite '%s'; did you mean '%s'?", argv[1], nearest);
    return attn_complain("bench: there is no suite '%s': peak, kernels, masks, sparse, planner, decode, scan, cp, search, pointer, train, "
                         "tour, stream or answer",
                         argv[1]);
}
