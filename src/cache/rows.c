/* Between float32 rows and stored ones; reading tokens back. */
#include "cache/cache.h"

#include <string.h>

static int32_t width(const attn_cache *cache, int side) {
    return side == ATTN_CACHE_KEYS ? cache->config.dim : cache->config.v_dim;
}

void attn_cache_encode(const attn_cache *cache, int side, const float *from, void *to) {
    const int32_t n = width(cache, side);
    if (cache->config.dtype == ATTN_BF16)
        cache->convert->bf16_of_f32(from, n, to);
    else if (cache->config.dtype == ATTN_F16)
        cache->convert->f16_of_f32(from, n, to);
    else if (cache->config.dtype == ATTN_Q8_0)
        cache->convert->q8_of_f32(from, n / ATTN_Q8_BLOCK, to);
    else
        memcpy(to, from, (size_t)n * sizeof(float));
}

void attn_cache_decode(const attn_cache *cache, int side, const void *from, float *to) {
    const int32_t n = width(cache, side);
    if (cache->config.dtype == ATTN_BF16)
        cache->convert->f32_of_bf16(from, n, to);
    else if (cache->config.dtype == ATTN_F16)
        cache->convert->f32_of_f16(from, n, to);
    else if (cache->config.dtype == ATTN_Q8_0)
        cache->convert->f32_of_q8(from, n / ATTN_Q8_BLOCK, to);
    else
        memcpy(to, from, (size_t)n * sizeof(float));
}

attn_status attn_cache_read(const attn_cache *cache, int32_t sequence, int64_t begin, int64_t end, float *k, float *v) {
    const attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    if (begin < 0 || end < begin || end > cache->lengths[sequence])
        return attn_fail(cache->ctx, ATTN_ESHAPE, "cache: tokens %lld to %lld of sequence %d, which has %d", (long long)begin,
                         (long long)end, sequence, cache->lengths[sequence]);
    float *const out[2] = {k, v};
    for (int side = 0; side < 2; side++)
        for (int64_t j = begin; j < end && out[side]; j++)
            for (int32_t g = 0; g < cache->config.kv_heads; g++) {
                const int32_t block = attn_cache_blocks_of(cache, sequence)[j / cache->config.block_tokens];
                const void *row = attn_cache_row(cache, side, block, g, j % cache->config.block_tokens);
                attn_cache_decode(cache, side, row, out[side] + ((j - begin) * cache->config.kv_heads + g) * width(cache, side));
            }
    return ATTN_OK;
}
