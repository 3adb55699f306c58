/* How each kind of sharding lays tokens at the places of ring positions, before the positions are cut in pieces. */
#ifndef ATTN_DIST_CP_SHARD_LAY_H
#define ATTN_DIST_CP_SHARD_LAY_H

#include "dist/cp/shard.h"

struct attn_lay {
    attn_ctx *ctx;
    const struct attn_shard_config *config;
    int64_t tokens;       /* of all documents */
    int64_t places;       /* of a ring position */
    int64_t chunk;        /* of contiguous and minheap: tokens, consecutive in the sequence, that stay together */
    int64_t last;         /* zigzag: padded length of the last document */
    const int *owner;     /* minheap: the position of each chunk */
    int64_t *slot;        /* minheap: [R], chunks that a position has so far */
    int64_t *begin;       /* [R + 1]: room of each position in run; while counting, begin[y + 1] counts */
    int64_t *used;        /* [R] */
    struct attn_run *run; /* NULL while counting */
};

/* Tokens [begin, end) of documents that touch: one stretch of the sequence. Documents from *u on, which is moved behind them. */
void attn_lay_stretch(const struct attn_shard_config *config, int64_t *u, int64_t *begin, int64_t *end);

/* Sets places, chunk and last. ATTN_ESHAPE: lengths beyond 2^60. */
attn_status attn_lay_measure(struct attn_lay *lay);

/* Puts every run, twice: first to count, then to fill; joined to the one before where both are one. */
void attn_lay_put_all(struct attn_lay *lay);

/* Gives every chunk of minheap to a position: owner[R chunks], in memory of the context. */
attn_status attn_lay_minheap(const struct attn_lay *lay, int **owner);

static inline int64_t attn_lay_chunks(const struct attn_shard_config *config) {
    return config->chunks > 0 ? config->chunks : 16;
}

#endif
