#include "train/answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static attn_status name_line(attn_ctx *ctx, attn_status status, int64_t number) {
    char sentence[1024];
    return attn_fail(ctx, status, "line %lld: %s", (long long)number, attn_ctx_error(ctx, sentence, sizeof sentence));
}

static attn_status answer_line(attn_ctx *ctx, char *line, size_t bytes, FILE *out, attn_answer_fn answer, void *user) {
    if (bytes > 0 && line[bytes - 1] == '\n') line[--bytes] = '\0';
    if (bytes > ATTN_ANSWER_LINE) return attn_fail(ctx, ATTN_EINVAL, "found %zu bytes, expected at most %d", bytes, ATTN_ANSWER_LINE);
    attn_status status = answer(user, line, bytes, out);
    errno = 0;
    if ((fflush(out) != 0 || ferror(out)) && !status)
        status = attn_fail(ctx, ATTN_ESYSTEM, "the answer cannot be written: %s", errno ? strerror(errno) : "a part of it was refused");
    return status;
}

attn_status attn_answer_lines(attn_ctx *ctx, FILE *in, FILE *out, attn_answer_fn answer, void *user) {
    char *line = NULL;
    size_t room = 0;
    int64_t number = 1;
    attn_status status = ATTN_OK;
    for (; !status; number++) {
        const ssize_t bytes = getline(&line, &room, in);
        if (bytes < 0) break;
        status = answer_line(ctx, line, (size_t)bytes, out, answer, user);
        if (status) status = name_line(ctx, status, number);
    }
    if (!status && !feof(in)) {
        const int why = errno;
        status = attn_fail(ctx, ATTN_ESYSTEM, "line %lld: it cannot be read: %s", (long long)number, strerror(why));
    }
    if (!status && number == 1) status = attn_fail(ctx, ATTN_EINVAL, "found no line, expected one at least to be answered");
    free(line);
    return status;
}
