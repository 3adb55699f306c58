/* A plan on the sequences of a cache. */
#include "cache/cache.h"
#include "plan/plan.h"

static void set_pool(const attn_cache *cache, int side, int32_t dim, attn_input *in) {
    const int64_t block = cache->config.block_tokens;
    *in = (attn_input){cache->pool[side], {cache->config.kv_heads * block * dim, block * dim, dim, 1}};
}

attn_status attn_cache_bind(const attn_cache *cache, int32_t first, int32_t count, attn_args *args) {
    if (!cache) return ATTN_EINVAL;
    if (!args || args->size != sizeof(*args))
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: args is %s; call attn_args_init first", args ? "not initialised" : "NULL");
    if (first < 0 || count < 0 || first > cache->config.sequences || count > cache->config.sequences - first)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: %d sequences from %d on; there are %d", count, first, cache->config.sequences);
    set_pool(cache, ATTN_CACHE_KEYS, cache->config.dim, &args->k);
    set_pool(cache, ATTN_CACHE_VALUES, cache->config.v_dim, &args->v);
    args->batch = count;
    args->kv_lens = cache->lengths + first;
    args->kv_starts = NULL;
    args->block_table = cache->table + first * cache->at.max_blocks;
    args->max_blocks = cache->at.max_blocks;
    args->blocks = cache->config.blocks;
    return ATTN_OK;
}

static attn_status check_plan(const attn_cache *cache, const struct attn_shape *p) {
    const attn_cache_config *c = &cache->config;
    const struct {
        const char *name;
        int plan, cache;
    } fields[] = {{"kv_heads", p->kv_heads, c->kv_heads},
                  {"dim", p->dim, c->dim},
                  {"v_dim", p->v_dim, c->v_dim},
                  {"block_tokens", p->block_tokens, c->block_tokens}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].plan != fields[i].cache)
            return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: the plan's %s is %d, the cache's is %d", fields[i].name, fields[i].plan,
                             fields[i].cache);
    if (p->kv_dtype != c->dtype)
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: the plan's kv_dtype is %s, the cache's is %s", attn_dtype_name(p->kv_dtype),
                         attn_dtype_name(c->dtype));
    return ATTN_OK;
}

attn_status attn_cache_execute(const attn_cache *cache, const attn_plan *plan, int32_t first, int32_t count, const attn_args *args) {
    if (!cache) return ATTN_EINVAL;
    if (!plan) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: plan is NULL, expected one with the cache's block_tokens");
    attn_status status = check_plan(cache, &plan->shape);
    if (status) return status;
    attn_args own = {0};
    if (args) own = *args;
    status = attn_cache_bind(cache, first, count, &own);
    return status ? status : attn_forward(plan, &own);
}
