/* Processes of a training that are threads here. */
#ifndef TEST_TRAIN_SUPPORT_RANKS_H
#define TEST_TRAIN_SUPPORT_RANKS_H

#include "support/training.h"
#include "train/context_parallel.h"

enum { TEST_RANKS = 8, TEST_RANKS_DEADLINE = 60 };

/* Seconds that a rank waits for another; a test that changes it sets it back. */
extern double test_ranks_deadline;

/* Calls body in `count` threads, each with ranks and a context of one thread of its own. What fails there is told by `user`:
 * assertions are for the thread that calls this. */
typedef void (*test_rank_fn)(const struct attn_ranks *ranks, attn_ctx *ctx, void *user);
void test_ranks_run(int count, test_rank_fn body, void *user);

#endif
