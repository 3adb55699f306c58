#include "train/answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static attn_status name_place(attn_ctx *ctx, attn_status status, const char *name, int64_t number) {
    char sentence[1024], line[32] = "";
    if (number > 0) snprintf(line, sizeof line, "line %lld: ", (long long)number);
    return attn_fail(ctx, status, "%s%s%s%s", name ? name : "", name ? ": " : "", line, attn_ctx_error(ctx, sentence, sizeof sentence));
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

attn_status attn_answer_lines(attn_ctx *ctx, const char *name, FILE *in, FILE *out, attn_answer_fn answer, void *user) {
    char *line = NULL;
    size_t room = 0;
    int64_t number = 1;
    attn_status status = ATTN_OK;
    for (; !status; number++) {
        const ssize_t bytes = getline(&line, &room, in);
        if (bytes < 0) break;
        status = answer_line(ctx, line, (size_t)bytes, out, answer, user);
        if (status) status = name_place(ctx, status, name, number);
    }
    if (!status && !feof(in)) {
        const int why = errno;
        status = name_place(ctx, attn_fail(ctx, ATTN_ESYSTEM, "it cannot be read: %s", strerror(why)), name, number);
    }
    if (!status && number == 1)
        status = name_place(ctx, attn_fail(ctx, ATTN_EINVAL, "found no line, expected one at least to be answered"), name, 0);
    free(line);
    return status;
}
