/* Caches: made in one piece of memory, asked, freed. */
#include "base/rotary.h"
#include "cache/cache.h"

static void set_places(attn_cache *c) {
    unsigned char *base = (unsigned char *)c;
    c->frequencies = (double *)(void *)(base + c->at.frequencies);
    c->table = (int32_t *)(void *)(base + c->at.table);
    c->spare = (int32_t *)(void *)(base + c->at.spare);
    c->lengths = (int32_t *)(void *)(base + c->at.lengths);
    c->spare_lengths = (int32_t *)(void *)(base + c->at.spare_lengths);
    c->positions = (int64_t *)(void *)(base + c->at.positions);
    c->spare_positions = (int64_t *)(void *)(base + c->at.spare_positions);
    c->holders = (int32_t *)(void *)(base + c->at.holders);
    c->free_list = (int32_t *)(void *)(base + c->at.free_list);
    c->token = (float *)(void *)(base + c->at.token);
    for (int side = 0; side < 2; side++) c->pool[side] = base + c->at.pool[side];
}

static void set_empty(attn_cache *c) {
    for (int32_t s = 0; s < c->config.sequences; s++) {
        c->lengths[s] = 0;
        c->positions[s] = 0;
    }
    c->free_count = c->config.blocks; /* handed out from the end: block 0 first */
    for (int64_t n = 0; n < c->config.blocks; n++) {
        c->holders[n] = 0;
        c->free_list[n] = (int32_t)(c->config.blocks - 1 - n);
    }
    for (int32_t i = 0; c->config.rotary && i < c->config.rotary_dim / 2; i++)
        c->frequencies[i] = attn_rotary_frequency(c->config.rotary_base, c->config.rotary_dim, i);
}

/* The caller's memory, if there is any: large enough and aligned. */
static attn_status check_memory(attn_ctx *ctx, const attn_cache_config *config, size_t needed) {
    if (config->memory && (uintptr_t)config->memory % 64)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.memory is at %p, expected an address aligned to 64", config->memory);
    if (config->memory && config->memory_bytes < needed)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.memory_bytes is %zu, expected at least %zu (attn_cache_bytes)",
                         config->memory_bytes, needed);
    return ATTN_OK;
}

attn_status attn_cache_create(attn_ctx *ctx, const attn_cache_config *config, attn_cache **out) {
    attn_cache made = {.ctx = ctx};
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "cache: out is NULL, expected a place for the cache");
    *out = NULL;
    attn_status status = attn_cache_check(ctx, config, &made.config, &made.at);
    if (!status) status = check_memory(ctx, &made.config, made.at.total);
    if (status) return status;
    attn_cache *cache = config->memory ? config->memory : attn_alloc(ctx, made.at.total);
    if (!cache) return attn_no_memory(ctx, "cache", made.at.total);
    made.convert = attn_convert_for(ctx->isa);
    *cache = made;
    set_places(cache);
    set_empty(cache);
    *out = cache;
    return ATTN_OK;
}

void attn_cache_destroy(attn_cache *cache) {
    if (cache && !cache->config.memory) attn_free(cache->ctx, cache);
}

int64_t attn_cache_length(const attn_cache *cache, int32_t sequence) {
    return sequence < 0 || sequence >= cache->config.sequences ? -1 : cache->lengths[sequence];
}

int64_t attn_cache_position(const attn_cache *cache, int32_t sequence) {
    return sequence < 0 || sequence >= cache->config.sequences ? -1 : cache->positions[sequence];
}

int64_t attn_cache_free_blocks(const attn_cache *cache) {
    return cache->free_count;
}

attn_status attn_cache_check_sequence(const attn_cache *cache, int32_t sequence) {
    if (!cache) return ATTN_EINVAL;
    if (sequence < 0 || sequence >= cache->config.sequences)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: sequence is %d, expected 0 to %d", sequence, cache->config.sequences - 1);
    return ATTN_OK;
}
