/* Processes that share the steps of one training. The sums are the same bits for any number of them: a fixed binary tree over the micro-batches, of
 * which each process has a whole branch. */
#ifndef ATTN_TRAIN_RANKS_H
#define ATTN_TRAIN_RANKS_H

#include "base/context.h"

struct attn_ranks {
    int rank, count; /* count: a power of two */
    void *user;
    /* Sends `bytes` to the peer and receives as many from it. */
    attn_status (*exchange)(void *user, attn_ctx *ctx, int peer, const void *send, void *receive, size_t bytes);
};

#endif
