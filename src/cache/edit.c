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

/* Tokens behind `end` move to `begin`, a stretch of a block at a time: what is read lies behind what is written, so nothing is lost. A block
 * that others hold is replaced before it is written; its old content is still read from the tables of those others, and from here through
 * `spare`, which holds the old blocks. */
static void move_tokens(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    const int64_t size = cache->config.block_tokens, length = cache->lengths[sequence], left = length - (end - begin);
    int32_t *blocks = attn_cache_blocks_of(cache, sequence), *old = cache->spare;
    memcpy(old, blocks, (size_t)attn_cache_blocks_for(cache, length) * sizeof *old);
    for (int64_t j = begin, tokens; j < left; j += tokens) {
        const int64_t n = j / size, from = j + end - begin;
        if ((j == begin || j % size == 0) && cache->holders[blocks[n]] > 1) {
            blocks[n] = attn_cache_take(cache);
            attn_cache_move(cache, old[n], 0, blocks[n], 0, j % size);
        }
        tokens = attn_min64(left - j, size - attn_max64(j % size, from % size));
        attn_cache_move(cache, old[from / size], from % size, blocks[n], j % size, tokens);
    }
    for (int64_t n = begin / size; n < attn_cache_blocks_for(cache, left); n++)
        if (old[n] != blocks[n]) attn_cache_drop(cache, old[n]);
}

static attn_status evict_tokens(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    const int64_t length = cache->lengths[sequence], left = length - (end - begin);
    const int64_t kept = attn_cache_blocks_for(cache, left), count = attn_cache_blocks_for(cache, length);
    const int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    int64_t shared = 0;
    for (int64_t n = begin / cache->config.block_tokens; n < kept && left > begin; n++) shared += cache->holders[blocks[n]] > 1;
    const attn_status status = attn_cache_need(cache, "evict", shared, cache->free_count);
    if (status) return status;
    if (left > begin) move_tokens(cache, sequence, begin, end);
    for (int64_t n = kept; n < count; n++) attn_cache_drop(cache, blocks[n]);
    return ATTN_OK;
}

/* As many tokens as whole blocks have: `end` lies in its block where `begin` lies in its own. What comes after it there goes behind `begin`, and
 * all other blocks stay as they are. */
static attn_status evict_blocks(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    const int64_t size = cache->config.block_tokens, length = cache->lengths[sequence], offset = begin % size;
    const int64_t into = begin / size, from = end / size, first = attn_div_up(begin, size), last = attn_div_up(end, size);
    const int64_t tokens = offset ? attn_min64(size, length - from * size) - offset : 0;
    int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    if (tokens > 0) {
        const int32_t old = blocks[into];
        const bool shared = cache->holders[old] > 1;
        const attn_status status = attn_cache_need(cache, "evict", shared, cache->free_count);
        if (status) return status;
        if (shared) {
            blocks[into] = attn_cache_take(cache);
            attn_cache_move(cache, old, 0, blocks[into], 0, offset);
            attn_cache_drop(cache, old);
        }
        attn_cache_move(cache, blocks[from], offset, blocks[into], offset, tokens);
    }
    for (int64_t n = first; n < last; n++) attn_cache_drop(cache, blocks[n]);
    memmove(blocks + first, blocks + last, (size_t)(attn_cache_blocks_for(cache, length) - last) * sizeof *blocks);
    return ATTN_OK;
}

attn_status attn_cache_evict(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    const int32_t length = cache->lengths[sequence];
    if (begin < 0 || end < begin || end > length)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: tokens %lld to %lld of sequence %d, which has %d", (long long)begin,
                         (long long)end, sequence, length);
    if (begin == end) return ATTN_OK;
    const bool whole = (end - begin) % cache->config.block_tokens == 0;
    status = whole ? evict_blocks(cache, sequence, begin, end) : evict_tokens(cache, sequence, begin, end);
    if (!status) cache->lengths[sequence] = length - (int32_t)(end - begin);
    return status;
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
