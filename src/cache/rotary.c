/* Rotation of rows by their positions (base/rotary.h). */
#include "base/rotary.h"
#include "cache/cache.h"

void attn_cache_rotate_token(const attn_cache *cache, int32_t heads, float *x, int64_t position) {
    const int32_t pairs = cache->config.rotary_dim / 2, dim = cache->config.dim;
    const bool halves = cache->config.rotary == ATTN_ROTARY_HALVES;
    for (int32_t i = 0; i < pairs; i++) { /* one sine for all heads: it costs more than they do */
        const struct attn_turn turn = attn_rotary_turn(cache->frequencies[i], position);
        const int32_t a = halves ? i : 2 * i, b = halves ? i + pairs : 2 * i + 1;
        for (int32_t h = 0; h < heads; h++) {
            float *row = x + (int64_t)h * dim;
            const double first = (double)row[a], second = (double)row[b];
            row[a] = (float)(first * turn.cosine - second * turn.sine);
            row[b] = (float)(first * turn.sine + second * turn.cosine);
        }
    }
}

attn_status attn_cache_rotate(const attn_cache *cache, int64_t tokens, int32_t heads, float *x, int64_t stride, int64_t position) {
    if (!cache) return ATTN_EINVAL;
    const int64_t dim = cache->config.dim, step = stride ? stride : heads * dim;
    if (tokens < 0 || heads < 1)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: rotation of %lld tokens, %d heads; expected at least 0 and 1", (long long)tokens,
                         heads);
    if (!x && tokens > 0) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: x is NULL, expected queries to rotate");
    if (step < heads * dim)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: stride is %lld, expected at least heads times dim, %lld, or 0", (long long)stride,
                         (long long)(heads * dim));
    if (position < 0 || position > (int64_t)1 << 40)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: position is %lld, expected 0 to 2^40", (long long)position);
    for (int64_t t = 0; t < tokens && cache->config.rotary; t++) attn_cache_rotate_token(cache, heads, x + t * step, position + t);
    return ATTN_OK;
}
