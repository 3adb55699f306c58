/* Subjects timed in turns: each round samples all of them, so that a disturbance of the machine meets all alike. */
#ifndef ATTN_SYSTEM_LONGCTX_TURNS_H
#define ATTN_SYSTEM_LONGCTX_TURNS_H

#include "system/longctx/timed.h"
#include "train/job.h"

enum { ATTN_TURN_SUBJECTS = 32, ATTN_TURN_ROUNDS = 64 };

struct attn_turns {
    struct attn_timed subject[ATTN_TURN_SUBJECTS];
    int count, rounds;
    double seconds[ATTN_TURN_ROUNDS][ATTN_TURN_SUBJECTS];
};

/* Opens one more subject; ATTN_EINVAL: there are ATTN_TURN_SUBJECTS. */
attn_status attn_turns_add(attn_ctx *ctx, const struct attn_timed_spec *spec, struct attn_turns *turns);
void attn_turns_close(struct attn_turns *turns);

/* So many rounds; fewer, with halt->heard, where it was asked to end. */
attn_status attn_turns_run(attn_ctx *ctx, int rounds, struct attn_halt *halt, struct attn_turns *turns);

/* Medians over the rounds: a subject's seconds, and those over another's of the same round. */
double attn_turns_seconds(const struct attn_turns *turns, int subject);
double attn_turns_ratio(const struct attn_turns *turns, int subject, int other);

/* Useful FLOPs a second, in 1e9. */
double attn_turns_gflops(const struct attn_turns *turns, int subject);

#endif
