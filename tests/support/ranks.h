/* Ranks as threads of a test. */
#ifndef TEST_SUPPORT_RANKS_H
#define TEST_SUPPORT_RANKS_H

#include "dist/cp/local.h"

/* What a rank does, with a context of one thread. Asserts of cmocka belong to the test's own thread: answer false with a line on stderr instead. */
typedef bool (*test_rank_fn)(void *user, attn_ctx *ctx, struct attn_transport *transport);

/* Runs it on `count` ranks at once and closes their transports. Whether all answered true. */
bool test_on_ranks(int count, double deadline, const struct attn_local_delay *delay, test_rank_fn run, void *user);

#endif
