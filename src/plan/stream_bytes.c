/* Streams as bytes: written and read number by number in little-endian order, whatever the machine's. The form stands in attn_stream.h. */
#include "base/bytes.h"
#include "plan/stream.h"

#include <math.h>
#include <string.h>

enum { VERSION = 1, HEADER = 40, CHECKSUM = 4 };
static const char magic[8] = {'A', 'T', 'T', 'N', 'S', 'T', 'R', 'M'};

static uint32_t query_crc(const attn_stream *stream) {
    uint32_t sum = 0;
    for (int32_t h = 0; h < stream->heads; h++)
        for (int32_t d = 0; d < stream->dim; d++) {
            uint32_t bits;
            uint8_t bytes[4];
            memcpy(&bits, stream->q + h * stream->q_stride + d, sizeof bits);
            attn_bytes_put(bytes, bits, 4);
            sum = attn_crc32(sum, bytes, sizeof bytes);
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
    attn_bytes_put(at + 8, VERSION, 4);
    attn_bytes_put(at + 12, (uint64_t)stream->heads, 4);
    attn_bytes_put(at + 16, (uint64_t)stream->kv_heads, 4);
    attn_bytes_put(at + 20, (uint64_t)stream->dim, 4);
    attn_bytes_put(at + 24, (uint64_t)stream->v_dim, 4);
    attn_bytes_put(at + 28, query_crc(stream), 4);
    attn_bytes_put(at + 32, (uint64_t)stream->tokens, 8);
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
        attn_bytes_put(at + HEADER + n * 8, bits, 8);
    }
    attn_bytes_put(at + all - CHECKSUM, attn_crc32(0, at, all - CHECKSUM), 4);
    return ATTN_OK;
}

static double number_at(const uint8_t *at, size_t n) {
    const uint64_t bits = attn_bytes_get(at + HEADER + n * 8, 8);
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
        const unsigned found = (unsigned)attn_bytes_get(at + 8 + 4 * field, 4), expected = (unsigned)attn_bytes_get(own + 8 + 4 * field, 4);
        if (found != expected)
            return attn_fail(stream->ctx, ATTN_EINVAL, "stream: what was saved has %s %u, expected %u", names[field], found, expected);
    }
    if (bytes != attn_stream_save_bytes(stream))
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: found %zu bytes, expected %zu for this shape", bytes,
                         attn_stream_save_bytes(stream));
    if (attn_bytes_get(at + bytes - CHECKSUM, 4) != attn_crc32(0, at, bytes - CHECKSUM))
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: the checksum does not agree with the %zu bytes; they are damaged", bytes);
    if (memcmp(at + 28, own + 28, 4) != 0)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: what was saved had another query, or another scale");
    if (attn_bytes_get(at + 32, 8) > INT64_MAX)
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
    const int64_t tokens = (int64_t)attn_bytes_get(at + 32, 8);
    for (size_t n = 0; n < count; n += step)
        if (!is_state(number_at(at, n), number_at(at, n + 1), tokens))
            return attn_fail(stream->ctx, ATTN_EINVAL,
                             "stream: head %zu of what was saved has the maximum %g and the sum %g after %lld tokens; no stream has",
                             n / step, number_at(at, n), number_at(at, n + 1), (long long)tokens);
    for (size_t n = 0; n < count; n++) stream->cells[n] = number_at(at, n);
    stream->tokens = tokens;
    return ATTN_OK;
}
