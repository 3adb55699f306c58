/* Fuzz target: any bytes as a saved sequence. They must be answered with a status; what is accepted must be saved as the same bytes again, and
 * what is not must leave the cache as it was. */
#include "attn_cache.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    attn_cache *cache = NULL;
    attn_cache_config config;
    const float k[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    attn_cache_config_init(&config);
    config.kv_heads = 2;
    config.dim = 4;
    config.block_tokens = 3;
    config.blocks = 5;
    must(attn_cache_create(ctx, &config, &cache) == ATTN_OK);
    must(attn_cache_append(cache, 0, 1, k, 0, k, 0, -1) == ATTN_OK);
    if (attn_cache_load(cache, 0, data, size) == ATTN_OK) {
        void *again = malloc(size);
        must(again && attn_cache_save_bytes(cache, 0) == size && attn_cache_save(cache, 0, again, size) == ATTN_OK);
        must(memcmp(again, data, size) == 0);
        free(again);
    } else {
        must(attn_cache_length(cache, 0) == 1 && attn_cache_free_blocks(cache) == 4);
    }
    attn_cache_destroy(cache);
    attn_ctx_destroy(ctx);
    return 0;
}
