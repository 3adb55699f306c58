/* zlib's inflate in a loop. Invariant: out holds `used` unpacked bytes, of `capacity`, and one byte more for the 0. */
#include "io/inflate.h"

#include <string.h>

#if defined(ATTN_HAVE_ZLIB)
#define ZLIB_CONST
#include <zlib.h>

enum { FIRST = 1 << 16, PIECE = 1 << 30 };

struct stream {
    attn_ctx *ctx;
    const char *name;
    z_stream z;
    const uint8_t *in;
    size_t size, fed; /* bytes of `in`, and how many zlib was given */
    uint8_t *out;
    size_t capacity, used, limit;
};

static voidpf allocate(voidpf ctx, uInt count, uInt size) {
    return attn_alloc(ctx, (size_t)count * size);
}

static void release(voidpf ctx, voidpf memory) {
    attn_free(ctx, memory);
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Room for what follows. One byte above the limit may be unpacked, which shows that there is too much. */
static attn_status grow(struct stream *s) {
    const size_t capacity = smaller(s->capacity == 0 ? FIRST : 2 * s->capacity, s->limit + 1);
    uint8_t *out = attn_alloc(s->ctx, capacity + 1);
    if (out == NULL) return attn_no_memory(s->ctx, s->name, capacity + 1);
    if (s->used > 0) memcpy(out, s->out, s->used);
    attn_free(s->ctx, s->out);
    s->out = out;
    s->capacity = capacity;
    return ATTN_OK;
}

/* zlib's answer to one piece. *done: the last member has ended where the bytes end. */
static attn_status judge(struct stream *s, int answer, enum attn_inflate_form form, bool *done) {
    const size_t at = s->fed - s->z.avail_in;
    if (s->used > s->limit)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: byte %zu: found more than %zu bytes unpacked from %zu, expected at most that many",
                         s->name, at, s->limit, s->size);
    if (answer == Z_STREAM_END) {
        *done = at == s->size;
        if (*done) return ATTN_OK;
        const bool member = form == ATTN_INFLATE_GZIP && s->size - at >= 2 && s->in[at] == 0x1F && s->in[at + 1] == 0x8B;
        if (member && inflateReset(&s->z) == Z_OK) return ATTN_OK;
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: byte %zu: found byte 0x%02x behind the packed data, expected the end", s->name, at,
                         (unsigned)s->in[at]);
    }
    if (answer == Z_MEM_ERROR) return attn_no_memory(s->ctx, "zlib", 1 << 15);
    if (answer == Z_BUF_ERROR && at == s->size)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: byte %zu: found the end, expected more of the packed data", s->name, at);
    if (answer == Z_OK || answer == Z_BUF_ERROR) return ATTN_OK;
    return attn_fail(s->ctx, ATTN_EINVAL, "%s: byte %zu: found damaged packed data (%s), expected a stream of deflate", s->name, at,
                     s->z.msg != NULL ? s->z.msg : "a dictionary is asked for");
}

static attn_status unpack(struct stream *s, enum attn_inflate_form form) {
    attn_status status = ATTN_OK;
    bool done = false;
    while (status == ATTN_OK && !done) {
        if (s->z.avail_in == 0) {
            const size_t piece = smaller(s->size - s->fed, PIECE);
            s->z.next_in = s->in + s->fed;
            s->z.avail_in = (uInt)piece;
            s->fed += piece;
        }
        if (s->used == s->capacity) status = grow(s);
        if (status != ATTN_OK) break;
        const size_t room = smaller(s->capacity - s->used, PIECE);
        s->z.next_out = s->out + s->used;
        s->z.avail_out = (uInt)room;
        const int answer = inflate(&s->z, Z_NO_FLUSH);
        s->used += room - s->z.avail_out;
        status = judge(s, answer, form, &done);
    }
    return status;
}

attn_status attn_inflate(attn_ctx *ctx, const char *name, enum attn_inflate_form form, const uint8_t *bytes, size_t size, size_t limit,
                         uint8_t **out, size_t *out_size) {
    size_t bound = 0;
    if (!attn_mul_size(size, ATTN_INFLATE_RATIO, &bound)) bound = SIZE_MAX - 2;
    if (bound < ATTN_INFLATE_FREE) bound = ATTN_INFLATE_FREE;
    struct stream s = {.ctx = ctx, .name = name, .in = bytes, .size = size, .limit = smaller(bound, limit)};
    s.z.zalloc = allocate;
    s.z.zfree = release;
    s.z.opaque = ctx;
    if (inflateInit2(&s.z, form == ATTN_INFLATE_GZIP ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK) return attn_no_memory(ctx, "zlib", 1 << 15);
    const attn_status status = unpack(&s, form);
    inflateEnd(&s.z);
    if (status != ATTN_OK) {
        attn_free(ctx, s.out);
        return status;
    }
    s.out[s.used] = 0;
    *out = s.out;
    *out_size = s.used;
    return ATTN_OK;
}
#else
attn_status attn_inflate(attn_ctx *ctx, const char *name, enum attn_inflate_form form, const uint8_t *bytes, size_t size, size_t limit,
                         uint8_t **out, size_t *out_size) {
    (void)form, (void)bytes, (void)size, (void)limit, (void)out, (void)out_size;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without zlib; install zlib1g-dev and build again", name);
}
#endif
