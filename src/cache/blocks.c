/* Blocks and who holds them. */
#include "cache/cache.h"

#include <assert.h>
#include <string.h>

int32_t attn_cache_take(attn_cache *cache) {
    assert(cache->free_count > 0);
    const int32_t block = cache->free_list[--cache->free_count];
    cache->holders[block] = 1;
    return block;
}

void attn_cache_drop(attn_cache *cache, int32_t block) {
    assert(cache->holders[block] > 0);
    if (--cache->holders[block] == 0) cache->free_list[cache->free_count++] = block;
}

/* The tokens of a head lie side by side. */
void attn_cache_move(attn_cache *cache, int32_t from, int64_t from_offset, int32_t to, int64_t to_offset, int64_t tokens) {
    for (int side = 0; side < 2; side++)
        for (int32_t g = 0; g < cache->config.kv_heads; g++)
            memmove(attn_cache_row(cache, side, to, g, to_offset), attn_cache_row(cache, side, from, g, from_offset),
                    (size_t)tokens * cache->at.row_bytes[side]);
}

int64_t attn_cache_available(const attn_cache *cache, int32_t sequence) {
    const int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    int64_t n = cache->free_count;
    for (int64_t i = 0; i < attn_cache_blocks_for(cache, cache->lengths[sequence]); i++) n += cache->holders[blocks[i]] == 1;
    return n;
}

attn_status attn_cache_need(const attn_cache *cache, const char *what, int64_t needed, int64_t available) {
    if (needed <= available) return ATTN_OK;
    return attn_fail(cache->ctx, ATTN_EFULL, "cache: %s needs %lld more block%s; %lld of %lld are free", what, (long long)needed,
                     needed == 1 ? "" : "s", (long long)available, (long long)cache->config.blocks);
}
