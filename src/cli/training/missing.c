/* The commands of the training engine in a program that was built without it. */
#include "cli/cli.h"

static int missing(const char *name) {
    attn_complain("%s: this program was built without the training engine, which needs a CBLAS and jansson (Debian: libopenblas-dev "
                  "libjansson-dev); install them and build again",
                  name);
    return ATTN_EXIT_SYSTEM;
}

int attn_cmd_systems(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_train(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_eval(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_predict(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_data(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_bench_train(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return missing("bench train");
}

int attn_cmd_runs(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_reproduce(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}

int attn_cmd_report(int argc, char **argv) {
    (void)argc;
    return missing(argv[0]);
}
