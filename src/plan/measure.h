/* Choosing a kernel by running the candidates, or by what an earlier measurement left as wisdom. */
#ifndef ATTN_PLAN_MEASURE_H
#define ATTN_PLAN_MEASURE_H

#include "plan/plan.h"

enum { ATTN_CANDIDATES = 16, ATTN_ROUNDS = 25 };

/* Times of candidates in turns: round r ran all that were still in it. The first one is the cost model's choice. */
struct attn_samples {
    int count, rounds;
    bool out[ATTN_CANDIDATES]; /* not run, or left out of later rounds as hopeless */
    double seconds[ATTN_CANDIDATES][ATTN_ROUNDS];
};

/* Leaves those out that are far behind the best after some rounds. */
void attn_samples_thin(struct attn_samples *s);

/* No other candidate can win any more. */
bool attn_samples_settled(const struct attn_samples *s);

/* The candidate to take: the first one that is in, unless another beats it by more than the spread: in three rounds of four, and by two
 * hundredths in the median of the rounds: less may come from where the arrays lie. A function of the times alone. */
int attn_samples_choose(const struct attn_samples *s);

/* For ATTN_MEASURE and ATTN_WISDOM: replaces *kernel, the cost model's choice, where wisdom or a measurement says so, and writes why. */
attn_status attn_choose_measured(attn_ctx *ctx, const attn_problem *problem, const struct attn_kernel **kernel, char *why, size_t size);

#endif
