/* Fuzz target: any bytes as a saved stream. Restoring answers with a status; what is refused changes nothing; what is accepted saves to the
 * same bytes. Bytes that only the checksum keeps out are tried with it set right too. */
#include "attn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t crc(const uint8_t *bytes, size_t count) {
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
    }
    return ~sum;
}

static void try_bytes(attn_stream *stream, const uint8_t *bytes, size_t size) {
    const size_t own = attn_stream_save_bytes(stream);
    uint8_t *before = malloc(own), *after = malloc(own);
    if (!before || !after || attn_stream_save(stream, before, own) != ATTN_OK) abort();
    const bool accepted = attn_stream_restore(stream, bytes, size) == ATTN_OK;
    if (attn_stream_save(stream, after, own) != ATTN_OK) abort();
    if (accepted ? size != own || memcmp(after, bytes, own) != 0 : memcmp(after, before, own) != 0) abort();
    free(before);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    attn_stream *stream = NULL;
    attn_stream_config config;
    const float q[2] = {0.5f, -1.0f};
    attn_stream_config_init(&config);
    config.heads = 1;
    config.dim = 2;
    config.scale = 1.0;
    config.q = q;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK || attn_stream_create(ctx, &config, &stream) != ATTN_OK) abort();
    if (attn_stream_push(stream, 1, q, 0, q, 0) != ATTN_OK) abort();
    try_bytes(stream, data, size);
    if (size >= 4) {
        uint8_t *mended = malloc(size);
        if (!mended) abort();
        memcpy(mended, data, size);
        const uint32_t sum = crc(data, size - 4);
        for (int i = 0; i < 4; i++) mended[size - 4 + (size_t)i] = (uint8_t)(sum >> (8 * i));
        try_bytes(stream, mended, size);
        free(mended);
    }
    attn_stream_destroy(stream);
    attn_ctx_destroy(ctx);
    return 0;
}
