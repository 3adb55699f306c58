/* Streams as bytes: written and read number by number in little-endian order, whatever the machine's. The form stands in attn_stream.h. */
#include "plan/stream.h"

#include <math.h>
#include <string.h>

enum { VERSION = 1, HEADER = 40, CHECKSUM = 4 };
static const char magic[8] = {'A', 'T', 'T', 'N', 'S', 'T', 'R', 'M'};

/* CRC-32 (IEEE 802.3), four bits at a time. */
static uint32_t crc(uint32_t sum, const uint8_t *bytes, size_t count) {
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    sum = ~sum;
    for (size_t i = 0; i < count; i++) {
        sum = table[(sum ^ bytes[i]) & 15] ^ (sum >> 4);
        sum = table[(sum ^ (bytes[i] >> 4)) & 15] ^ (sum >> 4);
    }
    return ~sum;
}

static void put(uint8_t *to, uint64_t number, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get(const uint8_t *from, int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++) number |= (uint64_t)from[i] << (8 * i);
    return number;
}

static uint32_t query_crc(const attn_stream *stream) {
    uint32_t sum = 0;
    for (int32_t h = 0; h < stream->heads; h++)
        for (int32_t d = 0; d < stream->dim; d++) {
            uint32_t bits;
            uint8_t bytes[4];
            memcpy(&bits, stream->q + h * stream->q_stride + d, sizeof bits);
            put(bytes, bits, 4);
            sum = crc(sum, bytes, sizeof bytes);
        }
    return sum;
}

static size_t numbers(const attn_stream *stream) {
    return (size_t)stream->heads * ((size_t)stream->v_dim + 2);
}

size_t attn_stream_save_bytes(const attn_stream *stream) {
    return HEADER + numbers(stream) * sizeof(double) + CHECKSUM;
}

static void header_of(const attn_stream *stream, uint8_t *at) {
    memcpy(at, magic, sizeof magic);
    put(at + 8, VERSION, 4);
    put(at + 12, (uint64_t)stream->heads, 4);
    put(at + 16, (uint64_t)stream->kv_heads, 4);
    put(at + 20, (uint64_t)stream->dim, 4);
    put(at + 24, (uint64_t)stream->v_dim, 4);
    put(at + 28, query_crc(stream), 4);
    put(at + 32, (uint64_t)stream->tokens, 8);
}

attn_status attn_stream_save(const attn_stream *stream, void *to, size_t bytes) {
    if (!stream) return ATTN_EINVAL;
    const size_t all = attn_stream_save_bytes(stream), count = numbers(stream);
    uint8_t *at = to;
    if (!to || bytes != all)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: %s is %zu, expected room for %zu bytes (attn_stream_save_bytes)",
                         to ? "bytes" : "to is NULL, bytes", bytes, all);
    header_of(stream, at);
    for (size_t n = 0; n < count; n++) {
        uint64_t bits;
        memcpy(&bits, stream->cells + n, sizeof bits);
        put(at + HEADER + n * 8, bits, 8);
    }
    put(at + all - CHECKSUM, crc(0, at, all - CHECKSUM), 4);
    return ATTN_OK;
}

static double number_at(const uint8_t *at, size_t n) {
    const uint64_t bits = get(at + HEADER + n * 8, 8);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* The fields before the numbers, each against this stream's own. */
static attn_status check_header(const attn_stream *stream, const uint8_t *at, size_t bytes) {
    static const char *const names[] = {"version", "heads", "kv_heads", "dim", "v_dim"};
    uint8_t own[HEADER];
    if (bytes < HEADER || memcmp(at, magic, sizeof magic) != 0)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: the %zu bytes do not begin as a saved stream does, with \"ATTNSTRM\"", bytes);
    header_of(stream, own);
    for (int field = 0; field < 5; field++) {
        const unsigned found = (unsigned)get(at + 8 + 4 * field, 4), expected = (unsigned)get(own + 8 + 4 * field, 4);
        if (found != expected)
            return attn_fail(stream->ctx, ATTN_EINVAL, "stream: what was saved has %s %u, expected %u", names[field], found, expected);
    }
    if (bytes != attn_stream_save_bytes(stream))
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: found %zu bytes, expected %zu for this shape", bytes,
                         attn_stream_save_bytes(stream));
    if (get(at + bytes - CHECKSUM, 4) != crc(0, at, bytes - CHECKSUM))
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: the checksum does not agree with the %zu bytes; they are damaged", bytes);
    if (memcmp(at + 28, own + 28, 4) != 0)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: what was saved had another query, or another scale");
    if (get(at + 32, 8) > INT64_MAX)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: what was saved has 2^63 tokens or more; expected fewer");
    return ATTN_OK;
}

/* Can a stream hold it? The sum is 0 before the first token of a weight, NaN after a NaN; else each token has added at most 1. */
static bool is_state(double m, double c, int64_t tokens) {
    if (isnan(c)) return true;
    return c == 0.0 ? m == -(double)INFINITY : c > 0.0 && c <= (double)tokens && isfinite(m);
}

attn_status attn_stream_restore(attn_stream *stream, const void *from, size_t bytes) {
    if (!stream) return ATTN_EINVAL;
    if (!from) return attn_fail(stream->ctx, ATTN_EINVAL, "stream: from is NULL, expected the bytes of attn_stream_save");
    const uint8_t *at = from;
    const attn_status status = check_header(stream, at, bytes);
    if (status) return status;
    const size_t count = numbers(stream), step = (size_t)stream->v_dim + 2;
    const int64_t tokens = (int64_t)get(at + 32, 8);
    for (size_t n = 0; n < count; n += step)
        if (!is_state(number_at(at, n), number_at(at, n + 1), tokens))
            return attn_fail(stream->ctx, ATTN_EINVAL,
                             "stream: head %zu of what was saved has the maximum %g and the sum %g after %lld tokens; no stream has",
                             n / step, number_at(at, n), number_at(at, n + 1), (long long)tokens);
    for (size_t n = 0; n < count; n++) stream->cells[n] = number_at(at, n);
    stream->tokens = tokens;
    return ATTN_OK;
}
