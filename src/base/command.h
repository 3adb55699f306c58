/* Other programs, run to their end without a shell: a text goes in, what they write comes back. */
#ifndef ATTN_BASE_COMMAND_H
#define ATTN_BASE_COMMAND_H

#include "base/context.h"

struct attn_command {
    const char *const *argv; /* argv[0] is looked for in PATH; NULL behind the last */
    const char *input;       /* its standard input */
    size_t input_bytes;
    size_t limit;   /* of bytes that it may write */
    double seconds; /* after which it is killed */
};

/* *output: what it wrote to its standard output, with a 0 behind it; freed by attn_free. Its standard error goes nowhere. ATTN_EUNSUPPORTED: there is no such
 * program. ATTN_ESYSTEM: it failed, wrote more than the limit, or took too long. Processes that were started by others are left alone. */
attn_status attn_command_run(attn_ctx *ctx, const struct attn_command *command, char **output, size_t *bytes);

#endif
