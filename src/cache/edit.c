/* What changes which tokens a sequence has: truncate, evict, fork, reorder. */
#include "cache/cache.h"

#include <string.h>

/* Lets go of the blocks from number `first` on. */
static void drop_blocks(attn_cache *cache, int32_t sequence, int64_t first) {
    const int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    const int64_t count = attn_cache_blocks_for(cache, cache->lengths[sequence]);
    for (int64_t n = count; n-- > first;) attn_cache_drop(cache, blocks[n]);
}

attn_status attn_cache_truncate(attn_cache *cache, int32_t sequence, int64_t length) {
    const attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    const int64_t before = cache->lengths[sequence];
    if (length < 0 || length > before)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: length is %lld, expected 0 to %lld, the tokens of sequence %d", (long long)length,
                         (long long)before, sequence);
    drop_blocks(cache, sequence, attn_cache_blocks_for(cache, length));
    cache->lengths[sequence] = (int32_t)length;
    cache->positions[sequence] = attn_max64(0, cache->positions[sequence] - (before - length));
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------- evict */

static void copy_token(attn_cache *cache, int32_t from, int64_t from_offset, int32_t to, int64_t to_offset) {
    for (int side = 0; side < 2; side++)
        for (int32_t g = 0; g < cache->config.kv_heads; g++)
            memcpy(attn_cache_row(cache, side, to, g, to_offset), attn_cache_row(cache, side, from, g, from_offset),
                   cache->at.row_bytes[side]);
}

/* Tokens behind `end` move to `begin`, one after the other: what is read lies behind what is written, so nothing is lost. A block that
 * others hold is replaced before it is written; its old content is still read from the tables of those others, and from here through
 * `spare`, which holds the old blocks. */
static void move_tokens(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    const int64_t size = cache->config.block_tokens, length = cache->lengths[sequence];
    int32_t *blocks = attn_cache_blocks_of(cache, sequence), *old = cache->spare;
    memcpy(old, blocks, (size_t)attn_cache_blocks_for(cache, length) * sizeof *old);
    for (int64_t j = begin; j < length - (end - begin); j++) {
        const int64_t n = j / size, from = j + end - begin;
        if ((j == begin || j % size == 0) && cache->holders[blocks[n]] > 1) {
            blocks[n] = attn_cache_take(cache);
            attn_cache_copy(cache, old[n], blocks[n], j % size);
        }
        copy_token(cache, old[from / size], from % size, blocks[n], j % size);
    }
    for (int64_t n = begin / size; n < attn_cache_blocks_for(cache, length - (end - begin)); n++)
        if (old[n] != blocks[n]) attn_cache_drop(cache, old[n]);
}

attn_status attn_cache_evict(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    const int64_t size = cache->config.block_tokens, length = cache->lengths[sequence], left = length - (end - begin);
    if (begin < 0 || end < begin || end > length)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: tokens %lld to %lld of sequence %d, which has %lld", (long long)begin,
                         (long long)end, sequence, (long long)length);
    int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    const int64_t first = begin / size, kept = attn_cache_blocks_for(cache, left), count = attn_cache_blocks_for(cache, length);
    if (begin % size == 0 && (end - begin) % size == 0) {
        for (int64_t n = first; n < end / size; n++) attn_cache_drop(cache, blocks[n]);
        memmove(blocks + first, blocks + end / size, (size_t)(count - end / size) * sizeof *blocks);
    } else {
        int64_t shared = 0;
        for (int64_t n = first; n < kept && left > begin; n++) shared += cache->holders[blocks[n]] > 1;
        status = attn_cache_need(cache, "evict", shared, cache->free_count);
        if (status) return status;
        if (left > begin) move_tokens(cache, sequence, begin, end);
        for (int64_t n = kept; n < count; n++) attn_cache_drop(cache, blocks[n]);
    }
    cache->lengths[sequence] = (int32_t)left;
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------- fork and reorder */

attn_status attn_cache_fork(attn_cache *cache, int32_t from, int32_t to) {
    attn_status status = attn_cache_check_sequence(cache, from);
    if (!status) status = attn_cache_check_sequence(cache, to);
    if (status || from == to) return status;
    const int64_t count = attn_cache_blocks_for(cache, cache->lengths[from]);
    const int32_t *blocks = attn_cache_blocks_of(cache, from);
    for (int64_t n = 0; n < count; n++) cache->holders[blocks[n]]++;
    drop_blocks(cache, to, 0);
    memcpy(attn_cache_blocks_of(cache, to), blocks, (size_t)count * sizeof *blocks);
    cache->lengths[to] = cache->lengths[from];
    cache->positions[to] = cache->positions[from];
    return ATTN_OK;
}

attn_status attn_cache_reorder(attn_cache *cache, const int32_t *from, int32_t count) {
    if (!cache) return ATTN_EINVAL;
    if (count < 0 || count > cache->config.sequences)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: count is %d, expected 0 to %d, the number of sequences", count,
                         cache->config.sequences);
    if (!from && count > 0) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: from is NULL, expected a sequence for each of %d", count);
    for (int32_t i = 0; i < count; i++) {
        const attn_status status = attn_cache_check_sequence(cache, from[i]);
        if (status) return status;
    }
    const size_t row = (size_t)cache->at.max_blocks;
    for (int32_t i = 0; i < count; i++) { /* all are held again before any is let go */
        const int32_t *blocks = attn_cache_blocks_of(cache, from[i]);
        const int64_t held = attn_cache_blocks_for(cache, cache->lengths[from[i]]);
        for (int64_t n = 0; n < held; n++) cache->holders[blocks[n]]++;
        memcpy(cache->spare + (size_t)i * row, blocks, (size_t)held * sizeof *blocks);
        cache->spare_lengths[i] = cache->lengths[from[i]];
        cache->spare_positions[i] = cache->positions[from[i]];
    }
    for (int32_t i = 0; i < count; i++) drop_blocks(cache, i, 0);
    for (int32_t i = 0; i < count; i++) {
        cache->lengths[i] = cache->spare_lengths[i];
        cache->positions[i] = cache->spare_positions[i];
        memcpy(attn_cache_blocks_of(cache, i), cache->spare + (size_t)i * row,
               (size_t)attn_cache_blocks_for(cache, cache->lengths[i]) * sizeof *cache->spare);
    }
    return ATTN_OK;
}
