/* Appending: everything is checked and counted first, so that a call that fails has changed nothing. */
#include "cache/cache.h"

#include <string.h>

struct rows {
    const float *at;
    int64_t stride; /* between tokens */
};

static attn_status check_rows(const attn_cache *cache, const char *name, const float *at, int64_t stride, int64_t least, struct rows *out) {
    if (!at) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: %s is NULL, expected rows of the new tokens", name);
    if (stride && stride < least)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: %s_stride is %lld, expected at least %lld (kv_heads times the head size), or 0",
                         name, (long long)stride, (long long)least);
    *out = (struct rows){at, stride ? stride : least};
    return ATTN_OK;
}

static attn_status check_room(const attn_cache *cache, int32_t sequence, int64_t tokens, bool copy) {
    const int64_t length = cache->lengths[sequence];
    if (tokens > cache->config.max_tokens - length)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: sequence %d has %lld tokens, %lld more pass config.max_tokens, %lld", sequence,
                         (long long)length, (long long)tokens, (long long)cache->config.max_tokens);
    const int64_t more = attn_cache_blocks_for(cache, length + tokens) - attn_cache_blocks_for(cache, length) + copy;
    return attn_cache_need(cache, "append", more, cache->free_count);
}

static void write_token(const attn_cache *cache, int32_t block, int64_t offset, const float *k, const float *v, int64_t position) {
    const attn_cache_config *c = &cache->config;
    if (c->rotary) {
        memcpy(cache->token, k, (size_t)c->kv_heads * (size_t)c->dim * sizeof *k);
        attn_cache_rotate_token(cache, c->kv_heads, cache->token, position);
        k = cache->token;
    }
    for (int32_t g = 0; g < c->kv_heads; g++, k += c->dim, v += c->v_dim) {
        attn_cache_encode(cache, ATTN_CACHE_KEYS, k, attn_cache_row(cache, ATTN_CACHE_KEYS, block, g, offset));
        attn_cache_encode(cache, ATTN_CACHE_VALUES, v, attn_cache_row(cache, ATTN_CACHE_VALUES, block, g, offset));
    }
}

attn_status attn_cache_append(attn_cache *cache, int32_t sequence, int64_t tokens, const float *k, int64_t k_stride, const float *v,
                              int64_t v_stride, int64_t position) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    if (tokens < 0) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: tokens is %lld, expected at least 0", (long long)tokens);
    if (tokens == 0) return ATTN_OK;
    if (position == -1) position = cache->positions[sequence];
    if (position < 0 || position > (int64_t)1 << 40)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: position is %lld, expected 0 to 2^40, or -1 for the next", (long long)position);
    const attn_cache_config *c = &cache->config;
    struct rows keys = {0}, values = {0};
    const int32_t length = cache->lengths[sequence];
    const int64_t used = length % c->block_tokens, last = length / c->block_tokens;
    int32_t *blocks = attn_cache_blocks_of(cache, sequence);
    const bool copy = used > 0 && cache->holders[blocks[last]] > 1;
    status = check_rows(cache, "k", k, k_stride, (int64_t)c->kv_heads * c->dim, &keys);
    if (!status) status = check_rows(cache, "v", v, v_stride, (int64_t)c->kv_heads * c->v_dim, &values);
    if (!status) status = check_room(cache, sequence, tokens, copy);
    if (status) return status;
    if (copy) {
        const int32_t shared = blocks[last];
        blocks[last] = attn_cache_take(cache);
        attn_cache_move(cache, shared, 0, blocks[last], 0, used);
        attn_cache_drop(cache, shared);
    }
    for (int64_t t = 0; t < tokens; t++) {
        const int64_t place = length + t, offset = place % c->block_tokens;
        int32_t *block = &blocks[place / c->block_tokens];
        if (offset == 0) *block = attn_cache_take(cache);
        write_token(cache, *block, offset, keys.at + t * keys.stride, values.at + t * values.stride, position + t);
    }
    cache->lengths[sequence] = length + (int32_t)tokens;
    cache->positions[sequence] = position + tokens;
    return ATTN_OK;
}
