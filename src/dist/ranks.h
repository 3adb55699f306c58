/* Processes that share the steps of one training. The sums are the same bits for any number of them: a fixed binary tree over the micro-batches, of
 * which each process has a whole branch. */
#ifndef ATTN_DIST_RANKS_H
#define ATTN_DIST_RANKS_H

#include "base/context.h"

struct attn_transport; /* cp/transport.h */

struct attn_ranks {
    int rank, count; /* count: a power of two for the functions below */
    void *user;
    /* Sends `bytes` to the peer and receives as many from it. call and step say what for, should the peer not answer. */
    attn_status (*exchange)(void *user, attn_ctx *ctx, const char *call, int64_t step, int peer, const void *send, void *receive,
                            size_t bytes);
    /* Messages between the `group` ranks from a multiple of it on that this one is among; ended by its close. All must call it alike. NULL: there are none. */
    attn_status (*transport)(void *user, attn_ctx *ctx, int group, struct attn_transport **out);
};

/* All of these take ranks NULL for one process, where nothing is to be done, and must be called by all processes alike. */

/* Bytes of rank 0 to all. */
attn_status attn_ranks_share(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, void *data, size_t bytes);

/* Any process's failure becomes the failure of all, with its sentence; ATTN_OK where none has failed. */
attn_status attn_ranks_agree(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, attn_status status);

/* Bits that any process has set, for all. */
attn_status attn_ranks_any(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, uint32_t *bits);

/* ATTN_EINVAL in all processes where one has another text than rank 0; texts of at most 511 bytes. */
attn_status attn_ranks_compare(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, const char *text);

#endif
