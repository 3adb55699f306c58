/* Fuzz target: any bytes as a saved sequence. They must be answered with a status; what is accepted must be saved as the same bytes again, and
 * what is not must leave the cache as it was. Bytes that only the checksum keeps out are tried with it set right too. */
#include "attn_cache.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

/* The checksum of src/cache/save.c, of bytes that have a header. */
static uint64_t checksum(const uint8_t *bytes, size_t size) {
    uint64_t sum = 0xcbf29ce484222325u, word = size;
    for (size_t at = 0, n = 0;; at += n) {
        sum = (sum ^ word) * 0x100000001b3u;
        sum = sum << 31 | sum >> 33;
        if (at == 64) at = 72;
        if (at >= size) return sum;
        n = size - at < 8 ? size - at : 8;
        word = 0;
        for (size_t i = 0; i < n; i++) word |= (uint64_t)bytes[at + i] << (8 * i);
    }
}

static void try_bytes(const uint8_t *data, size_t size) {
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_bytes(data, size);
    if (size < 72) return 0;
    uint8_t *mended = malloc(size);
    must(mended != NULL);
    memcpy(mended, data, size);
    const uint64_t sum = checksum(mended, size);
    for (int i = 0; i < 8; i++) mended[64 + i] = (uint8_t)(sum >> (8 * i));
    try_bytes(mended, size);
    free(mended);
    return 0;
}
