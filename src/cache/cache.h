/* The cache's inside. One piece of memory holds everything; blocks are numbers.
 *
 * Invariants between calls:
 *   - sequence b of length n holds blocks table[b][0 .. ceil(n / block_tokens)), all in [0, blocks);
 *   - holders[x] is how often block x stands in the tables;
 *   - free_list[0 .. free_count) are the blocks with holders 0, each once.
 */
#ifndef ATTN_CACHE_CACHE_H
#define ATTN_CACHE_CACHE_H

#include "attn_cache.h"
#include "base/context.h"
#include "kernel/convert/convert.h"

/* Where the parts of a cache lie in its memory. */
struct attn_cache_layout {
    size_t frequencies, table, spare, lengths, spare_lengths, positions, spare_positions, holders, free_list, token, pool[2], total;
    size_t row_bytes[2]; /* of a stored row of keys, of values */
    int64_t max_blocks;  /* of a sequence */
};

struct attn_cache {
    attn_ctx *ctx;
    attn_cache_config config; /* defaults filled in */
    const struct attn_convert *convert;
    struct attn_cache_layout at;
    double *frequencies;                  /* [rotary_dim / 2] radians a position */
    int32_t *table, *spare;               /* [sequences][max_blocks]; spare: of reorder */
    int32_t *lengths, *spare_lengths;     /* [sequences] */
    int64_t *positions, *spare_positions; /* [sequences], of the next token */
    int32_t *holders, *free_list;         /* [blocks] */
    int64_t free_count;
    float *token;           /* [kv_heads][dim], keys while they are rotated; with rotary alone */
    unsigned char *pool[2]; /* keys, values: [blocks][kv_heads][block_tokens] rows */
};

enum { ATTN_CACHE_KEYS, ATTN_CACHE_VALUES };

/* config.c: checks and fills in defaults; the layout of what comes out. */
attn_status attn_cache_check(attn_ctx *ctx, const attn_cache_config *in, attn_cache_config *out, struct attn_cache_layout *layout);
attn_status attn_cache_check_sequence(const attn_cache *cache, int32_t sequence);

static inline int32_t *attn_cache_blocks_of(const attn_cache *cache, int32_t sequence) {
    return cache->table + sequence * cache->at.max_blocks;
}
static inline int64_t attn_cache_blocks_for(const attn_cache *cache, int64_t tokens) {
    return attn_div_up(tokens, cache->config.block_tokens);
}
/* The stored row of token j and head g: side ATTN_CACHE_KEYS or ATTN_CACHE_VALUES. */
static inline unsigned char *attn_cache_row(const attn_cache *cache, int side, int32_t block, int32_t head, int64_t offset) {
    const int64_t row = ((int64_t)block * cache->config.kv_heads + head) * cache->config.block_tokens + offset;
    return cache->pool[side] + (size_t)row * cache->at.row_bytes[side];
}

/* blocks.c: takes a free block (there is one); lets go of one; copies tokens from block to block, or within one. */
int32_t attn_cache_take(attn_cache *cache);
void attn_cache_drop(attn_cache *cache, int32_t block);
void attn_cache_move(attn_cache *cache, int32_t from, int64_t from_offset, int32_t to, int64_t to_offset, int64_t tokens);
/* Blocks that are free, or would be if this sequence were empty. */
int64_t attn_cache_available(const attn_cache *cache, int32_t sequence);
attn_status attn_cache_need(const attn_cache *cache, const char *what, int64_t needed, int64_t available);

/* rows.c: between float32 and stored rows. */
void attn_cache_encode(const attn_cache *cache, int side, const float *from, void *to);
void attn_cache_decode(const attn_cache *cache, int side, const void *from, float *to);

/* rotary.c: the rows [heads][dim] of a token by its position. */
void attn_cache_rotate_token(const attn_cache *cache, int32_t heads, float *x, int64_t position);

#endif
