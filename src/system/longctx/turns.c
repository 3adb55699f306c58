#include "system/longctx/turns.h"

#include "base/context.h"

#include <stdlib.h>

attn_status attn_turns_add(attn_ctx *ctx, const struct attn_timed_spec *spec, struct attn_turns *turns) {
    if (turns->count == ATTN_TURN_SUBJECTS)
        return attn_fail(ctx, ATTN_EINVAL, "longctx: found more than %d things to be timed in turns, expected fewer lengths",
                         ATTN_TURN_SUBJECTS);
    const attn_status status = attn_timed_open(ctx, spec, &turns->subject[turns->count]);
    turns->count += !status;
    return status;
}

void attn_turns_close(struct attn_turns *turns) {
    for (int i = 0; i < turns->count; i++) attn_timed_close(&turns->subject[i]);
    turns->count = 0;
}

attn_status attn_turns_run(attn_ctx *ctx, int rounds, struct attn_halt *halt, struct attn_turns *turns) {
    attn_status status = ATTN_OK;
    for (turns->rounds = 0; turns->rounds < rounds && !status; turns->rounds++)
        for (int i = 0; i < turns->count && !status; i++) {
            halt->heard = halt->heard || (halt->asked && halt->asked(halt->user));
            if (halt->heard) return ATTN_OK;
            status = attn_timed_sample(&turns->subject[i], &turns->seconds[turns->rounds][i]);
            if (status) attn_fail(ctx, status, "longctx: a kernel that ran before was refused");
        }
    return status;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int count) {
    qsort(x, (size_t)count, sizeof *x, by_size);
    return (x[count / 2] + x[(count - 1) / 2]) / 2;
}

double attn_turns_seconds(const struct attn_turns *turns, int subject) {
    double x[ATTN_TURN_ROUNDS] = {0};
    for (int r = 0; r < turns->rounds; r++) x[r] = turns->seconds[r][subject];
    return median(x, turns->rounds);
}

double attn_turns_ratio(const struct attn_turns *turns, int subject, int other) {
    double x[ATTN_TURN_ROUNDS] = {0};
    for (int r = 0; r < turns->rounds; r++) x[r] = turns->seconds[r][subject] / turns->seconds[r][other];
    return median(x, turns->rounds);
}

double attn_turns_gflops(const struct attn_turns *turns, int subject) {
    return turns->subject[subject].flops / attn_turns_seconds(turns, subject) * 1e-9;
}
