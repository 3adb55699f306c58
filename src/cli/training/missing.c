/* The commands of the training engine in a program that was built without it. */
#include "cli/cli.h"

static int missing(const char *name) {
    attn_complain("%s: this program was built without the training engine, which needs a CBLAS and jansson (Debian: libopenblas-dev "
                  "libjansson-dev); install them and build again",
                  name);
    return ATTN_EXIT_SYSTEM;
}

/* argv[0] is the command's last word: of `attn bench train` that is the training command's. */
#define MISSING(command, said)                                                                                                             \
    int attn_cmd_##command(int argc, char **argv) {                                                                                        \
        (void)argc, (void)argv;                                                                                                            \
        return missing(said);                                                                                                              \
    }
MISSING(systems, "systems")
MISSING(train, "train")
MISSING(eval, "eval")
MISSING(predict, "predict")
MISSING(stream, "stream")
MISSING(export, "export")
MISSING(data, "data")
MISSING(bench_train, "bench train")
MISSING(bench_tour, "bench tour")
MISSING(bench_stream, "bench stream")
MISSING(bench_answer, "bench answer")
MISSING(runs, "runs")
MISSING(reproduce, "reproduce")
MISSING(report, "report")
