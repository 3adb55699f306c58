/* Who holds which tokens: a sequence of T tokens over parts, one for each rank (Bu et al. 2025, sec. 4; benchmark specification, sec. 7.1).
 *
 * There are R ring positions, cut in U pieces each: part y * U + u is piece u of ring position y. All parts have the same number t of places;
 * some are padding, which holds no token. A part is a list of runs: tokens first, first + stride, ... at consecutive places. */
#ifndef ATTN_DIST_CP_SHARD_H
#define ATTN_DIST_CP_SHARD_H

#include "base/context.h"

enum attn_sharding {
    ATTN_SHARD_CONTIGUOUS, /* part p has tokens [p t, (p + 1) t) */
    ATTN_SHARD_ZIGZAG,     /* of each document 2 R chunks: position y has chunks y and 2 R - 1 - y, document after document */
    ATTN_SHARD_STRIPE,     /* position y has tokens y, y + R, y + 2 R, ... (Brandon et al. 2023) */
    ATTN_SHARD_MINHEAP,    /* chunks by falling area, each to the position with the least area that has room */
    ATTN_SHARDINGS
};
const char *attn_sharding_name(enum attn_sharding sharding);
int attn_sharding_find(const char *name); /* -1: none has that name */

struct attn_run {
    int64_t first, stride, count; /* global tokens */
    int64_t place;                /* of the first one, in its part (or ring position) */
};

struct attn_document {
    int64_t begin, length; /* >= 1 */
};

struct attn_shard_config {
    enum attn_sharding sharding;
    int ring, pieces; /* R, U */
    /* What is sharded: documents one after the other, disjoint, by rising begin; gaps between them belong to nobody. */
    const struct attn_document *document;
    int64_t documents;
    const attn_mask *mask; /* ATTN_SHARD_MINHEAP: compiled, or a single band, or a stack (its areas are summed); NULL: full. Global */
    int64_t mask_len;      /* its T */
    int64_t chunks;        /* ATTN_SHARD_MINHEAP: of a position; 0: 16 */
};

struct attn_shards {
    attn_ctx *ctx;
    int ring, pieces;
    int64_t tokens, places, padded; /* tokens: that are held; places: t of a part; padded: t R U */
    int64_t stride;                 /* of all runs */
    struct attn_run *run;           /* of part 0, part 1, ...; by rising place */
    int64_t *begin;                 /* [R U + 1]: first run of each part */
};

/* ATTN_EINVAL, ATTN_ENOMEM, ATTN_ESHAPE. Time and memory O(runs log). */
attn_status attn_shards_open(attn_ctx *ctx, const struct attn_shard_config *config, struct attn_shards *out);
void attn_shards_close(struct attn_shards *shards);

/* The runs of ring position y with places in [0, U t), joined where pieces had cut them; run has room for attn_shards_position_runs(). */
int64_t attn_shards_position_runs(const struct attn_shards *shards, int y);
int64_t attn_shards_position(const struct attn_shards *shards, int y, struct attn_run *run);

/* The token at each place of a part, -1 for padding: token[t]. */
void attn_shards_tokens(const struct attn_shards *shards, int part, int64_t *token);

/* Rows of `bytes` each between a whole array, row by token, and a part's, row by place. Dispatch leaves rows of padding 0; undispatch writes the
 * rows of this part's tokens alone, so that all parts together restore the whole. */
void attn_shards_dispatch(const struct attn_shards *shards, int part, size_t bytes, const void *whole, size_t whole_stride, void *own,
                          size_t own_stride);
void attn_shards_undispatch(const struct attn_shards *shards, int part, size_t bytes, const void *own, size_t own_stride, void *whole,
                            size_t whole_stride);

#endif
