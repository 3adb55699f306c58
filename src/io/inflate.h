/* What deflate packed, unpacked by zlib within bounds: memory grows with what was unpacked, never with what a file says of itself. */
#ifndef ATTN_IO_INFLATE_H
#define ATTN_IO_INFLATE_H

#include "base/context.h"

#include <stddef.h>
#include <stdint.h>

/* A stream may grow to ATTN_INFLATE_FREE bytes, and beyond that to ATTN_INFLATE_RATIO times its packed size (deflate can reach 1032). */
enum { ATTN_INFLATE_FREE = 64 << 20, ATTN_INFLATE_RATIO = 200 };

enum attn_inflate_form {
    ATTN_INFLATE_RAW, /* one bare stream, as in zip */
    ATTN_INFLATE_GZIP /* members of gzip, one behind the other; their checksums are checked */
};

/* All of `bytes`, at most `limit` bytes unpacked; *out has a 0 behind it and is freed by attn_free. A stream that is damaged, cut off,
 * followed by something else or too large is ATTN_EINVAL with the byte; without zlib all is ATTN_EUNSUPPORTED. */
attn_status attn_inflate(attn_ctx *ctx, const char *name, enum attn_inflate_form form, const uint8_t *bytes, size_t size, size_t limit,
                         uint8_t **out, size_t *out_size);

#endif
