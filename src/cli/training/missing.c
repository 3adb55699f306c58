/* The commands of the training engine in a program that was built without it. */
#include "cli/cli.h"

static int missing(const char *name) {
    attn_complain("%s: this program was built without the training engine, which needs a CBLAS and jansson (Debian: libopenblas-dev "
                  "libjansson-dev); install them and build again",
                  name);
    return ATTN_EXIT_SYSTEM;
}

#define MISSING(command)                           \
    int attn_cmd_##command(int argc, char **argv) { \
        (void)argc;                                 \
        return missing(argv[0]);                    \
    }
MISSING(systems)
MISSING(train)
MISSING(eval)
MISSING(predict)
MISSING(data)
MISSING(bench_train)
MISSING(runs)
MISSING(reproduce)
MISSING(report)
