/* Sequences as bytes. Little-endian:
 *
 *    0  "ATTNKV\r\n"       8  version, dtype, kv_heads, dim, v_dim, rotary, rotary_dim, 0: 32 bits each
 *   40  rotary_base       48  tokens      56  next position      64  checksum of all bytes but these eight: 64 bits each
 *   72  keys [kv_heads][tokens] rows as they are stored, then values
 *
 * Without rotary its width and base are 0. */
#include "base/file.h"
#include "cache/cache.h"
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

enum { VERSION = 1, CHECKSUM = 64, HEADER = 72, WORDS = 8 };
static const char magic[8] = "ATTNKV\r\n";

static void put(unsigned char *to, uint64_t x, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(x >> 8 * i);
}

static uint64_t get(const unsigned char *from, int bytes) {
    uint64_t x = 0;
    for (int i = 0; i < bytes; i++) x |= (uint64_t)from[i] << 8 * i;
    return x;
}

/* FNV-1a over words of 64 bits, with a rotation that brings the high bits down. */
static uint64_t mix(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * 0x100000001b3u;
    return sum << 31 | sum >> 33;
}

static uint64_t checksum(const unsigned char *bytes, size_t size) {
    uint64_t sum = mix(0xcbf29ce484222325u, size);
    for (size_t i = 0; i < CHECKSUM; i += 8) sum = mix(sum, get(bytes + i, 8));
    size_t i = HEADER;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum = mix(sum, word);
    }
    return i < size ? mix(sum, get(bytes + i, (int)(size - i))) : sum;
}

/* The eight words of the header that must be the same where it is loaded; the names for the sentence. */
static const char *const names[WORDS] = {"version", "dtype", "kv_heads", "dim", "v_dim", "rotary", "rotary_dim", "reserved word"};
static void shape_words(const attn_cache *cache, uint32_t words[WORDS]) {
    const attn_cache_config *c = &cache->config;
    const uint32_t all[WORDS] = {VERSION,
                                 (uint32_t)c->dtype,
                                 (uint32_t)c->kv_heads,
                                 (uint32_t)c->dim,
                                 (uint32_t)c->v_dim,
                                 (uint32_t)c->rotary,
                                 c->rotary ? (uint32_t)c->rotary_dim : 0,
                                 0};
    memcpy(words, all, sizeof all);
}

/* One of them as the sentence says it. */
static void word_text(int i, uint64_t value, char *text, size_t size) {
    static const char *const rotaries[] = {"none", "interleaved", "halves"};
    if (strcmp(names[i], "dtype") == 0 && value <= ATTN_Q8_0)
        snprintf(text, size, "%s", attn_dtype_name((attn_dtype)value));
    else if (strcmp(names[i], "rotary") == 0 && value <= ATTN_ROTARY_HALVES)
        snprintf(text, size, "%s", rotaries[value]);
    else
        snprintf(text, size, "%llu", (unsigned long long)value);
}

static uint64_t base_bits(const attn_cache *cache) {
    uint64_t bits = 0;
    if (cache->config.rotary) memcpy(&bits, &cache->config.rotary_base, sizeof bits);
    return bits;
}

/* Rows between the pool and `bytes`, a stretch of a block at a time. */
static void move_rows(const attn_cache *cache, int32_t sequence, unsigned char *bytes, bool save) {
    const int64_t size = cache->config.block_tokens, length = cache->lengths[sequence];
    for (int side = 0; side < 2; side++)
        for (int32_t g = 0; g < cache->config.kv_heads; g++)
            for (int64_t j = 0; j < length; j += size) {
                unsigned char *row = attn_cache_row(cache, side, attn_cache_blocks_of(cache, sequence)[j / size], g, 0);
                const size_t n = (size_t)attn_min64(size, length - j) * cache->at.row_bytes[side];
                memcpy(save ? bytes : row, save ? row : bytes, n);
                bytes += n;
            }
}

static size_t payload_bytes(const attn_cache *cache, uint64_t tokens) {
    return (size_t)tokens * (size_t)cache->config.kv_heads * (cache->at.row_bytes[0] + cache->at.row_bytes[1]);
}

size_t attn_cache_save_bytes(const attn_cache *cache, int32_t sequence) {
    const int64_t length = attn_cache_length(cache, sequence);
    return length < 0 ? 0 : HEADER + payload_bytes(cache, (uint64_t)length);
}

attn_status attn_cache_save(const attn_cache *cache, int32_t sequence, void *to, size_t bytes) {
    const attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    const size_t size = attn_cache_save_bytes(cache, sequence);
    if (!to || bytes < size)
        return attn_fail(cache->ctx, ATTN_EINVAL, "cache: saving sequence %d needs %zu bytes (attn_cache_save_bytes), there are %zu",
                         sequence, size, to ? bytes : 0);
    unsigned char *out = to;
    uint32_t words[WORDS];
    shape_words(cache, words);
    memcpy(out, magic, sizeof magic);
    for (int i = 0; i < WORDS; i++) put(out + 8 + 4 * i, words[i], 4);
    put(out + 40, base_bits(cache), 8);
    put(out + 48, (uint64_t)cache->lengths[sequence], 8);
    put(out + 56, (uint64_t)cache->positions[sequence], 8);
    move_rows(cache, sequence, out + HEADER, true);
    put(out + CHECKSUM, checksum(out, size), 8);
    return ATTN_OK;
}

static attn_status check_shape(const attn_cache *cache, const unsigned char *in, size_t bytes) {
    attn_ctx *ctx = cache->ctx;
    uint32_t words[WORDS];
    if (bytes < HEADER || memcmp(in, magic, sizeof magic) != 0)
        return attn_fail(ctx, ATTN_EINVAL, "cache: %zu bytes that do not begin as a saved sequence does", bytes);
    shape_words(cache, words);
    for (int i = 0; i < WORDS; i++) {
        const uint64_t found = get(in + 8 + 4 * i, 4);
        char text[24], expected[24];
        if (found == words[i]) continue;
        word_text(i, found, text, sizeof text);
        word_text(i, words[i], expected, sizeof expected);
        return attn_fail(ctx, i == 0 ? ATTN_EUNSUPPORTED : ATTN_ESHAPE, "cache: the saved sequence has %s %s, expected %s", names[i], text,
                         expected);
    }
    if (get(in + 40, 8) != base_bits(cache))
        return attn_fail(ctx, ATTN_ESHAPE, "cache: the saved sequence has another rotary_base; expected %g", cache->config.rotary_base);
    return ATTN_OK;
}

static attn_status check_saved(const attn_cache *cache, const unsigned char *in, size_t bytes) {
    attn_ctx *ctx = cache->ctx;
    const attn_status status = check_shape(cache, in, bytes);
    if (status) return status;
    const uint64_t tokens = get(in + 48, 8), position = get(in + 56, 8);
    if (tokens > (uint64_t)cache->config.max_tokens)
        return attn_fail(ctx, ATTN_ESHAPE, "cache: the saved sequence has %llu tokens, config.max_tokens is %lld",
                         (unsigned long long)tokens, (long long)cache->config.max_tokens);
    if (bytes != HEADER + payload_bytes(cache, tokens))
        return attn_fail(ctx, ATTN_EINVAL, "cache: the saved sequence has %zu bytes, expected %zu for its %llu tokens", bytes,
                         HEADER + payload_bytes(cache, tokens), (unsigned long long)tokens);
    if (position > (uint64_t)1 << 41)
        return attn_fail(ctx, ATTN_EINVAL, "cache: the saved sequence's position is %llu, expected at most 2^41",
                         (unsigned long long)position);
    if (get(in + CHECKSUM, 8) != checksum(in, bytes))
        return attn_fail(ctx, ATTN_EINVAL, "cache: the saved sequence is damaged: its checksum is not that of its bytes");
    return ATTN_OK;
}

attn_status attn_cache_load(attn_cache *cache, int32_t sequence, const void *from, size_t bytes) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    if (!from) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: from is NULL, expected a saved sequence");
    const unsigned char *in = from;
    status = check_saved(cache, in, bytes);
    if (status) return status;
    const int64_t tokens = (int64_t)get(in + 48, 8), needed = attn_cache_blocks_for(cache, tokens);
    status = attn_cache_need(cache, "load", needed, attn_cache_available(cache, sequence));
    if (!status) status = attn_cache_truncate(cache, sequence, 0);
    if (status) return status;
    for (int64_t n = 0; n < needed; n++) attn_cache_blocks_of(cache, sequence)[n] = attn_cache_take(cache);
    cache->lengths[sequence] = (int32_t)tokens;
    cache->positions[sequence] = (int64_t)get(in + 56, 8);
    move_rows(cache, sequence, (unsigned char *)(uintptr_t)in + HEADER, false);
    return ATTN_OK;
}

attn_status attn_cache_save_file(const attn_cache *cache, int32_t sequence, const char *path) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    if (!path) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: path is NULL, expected a file's name");
    const size_t bytes = attn_cache_save_bytes(cache, sequence);
    void *memory = attn_alloc(cache->ctx, bytes);
    struct attn_file_writer writer;
    if (!memory) return attn_no_memory(cache->ctx, "cache: the saved sequence", bytes);
    status = attn_cache_save(cache, sequence, memory, bytes);
    if (!status) status = attn_file_begin(cache->ctx, NULL, path, &writer);
    if (!status) {
        status = attn_file_write(cache->ctx, &writer, memory, bytes);
        if (!status) status = attn_file_sync(cache->ctx, &writer);
        if (!status) status = attn_file_commit(cache->ctx, &writer);
        attn_file_abort(&writer);
    }
    attn_free(cache->ctx, memory);
    return status;
}

attn_status attn_cache_load_file(attn_cache *cache, int32_t sequence, const char *path) {
    attn_status status = attn_cache_check_sequence(cache, sequence);
    if (status) return status;
    if (!path) return attn_fail(cache->ctx, ATTN_EINVAL, "cache: path is NULL, expected a file's name");
    const size_t limit = HEADER + payload_bytes(cache, (uint64_t)cache->config.max_tokens);
    uint8_t *data;
    size_t size;
    status = attn_file_read(cache->ctx, NULL, path, limit, &data, &size);
    if (status) return status;
    status = attn_cache_load(cache, sequence, data, size);
    attn_free(cache->ctx, data);
    return status;
}
