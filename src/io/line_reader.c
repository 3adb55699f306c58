/* Invariant: plain[at, plain_end) are bytes that belong to no line given yet; the file's bytes before `read` have gone there, through zlib if packed. */
#include "io/line_reader.h"

#include <string.h>

#if defined(ATTN_HAVE_ZLIB)
#define ZLIB_CONST
#include <zlib.h>
#endif

enum { BLOCK = 1 << 17, LINE_FIRST = 4096 };

struct attn_line_reader {
    attn_ctx *ctx;
    char *name;
    struct attn_file file;
    size_t read, limit;
    bool ended; /* nothing follows what is in `plain` */
    uint8_t *plain;
    size_t at, plain_end;
    char *line;
    size_t length, capacity;
    int64_t number;
#if defined(ATTN_HAVE_ZLIB)
    uint8_t *packed; /* NULL: the file is plain */
    z_stream z;
    bool inflating; /* z is to be ended */
#endif
};

/* As much of the file as a block takes. */
static attn_status read_block(struct attn_line_reader *r, uint8_t *to, size_t *count) {
    const size_t left = r->file.size - r->read;
    *count = left < BLOCK ? left : BLOCK;
    const attn_status status = attn_file_pread(r->ctx, &r->file, r->name, to, *count, r->read);
    if (!status) r->read += *count;
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- packed */

#if defined(ATTN_HAVE_ZLIB)
static voidpf allocate(voidpf ctx, uInt count, uInt size) {
    return attn_alloc(ctx, (size_t)count * size);
}

static void release(voidpf ctx, voidpf memory) {
    attn_free(ctx, memory);
}

/* The first block is in `plain`; it becomes what zlib reads from. */
static attn_status begin_packed(struct attn_line_reader *r) {
    r->packed = r->plain;
    r->plain = attn_alloc(r->ctx, BLOCK);
    if (!r->plain) return attn_no_memory(r->ctx, r->name, BLOCK);
    r->z.zalloc = allocate;
    r->z.zfree = release;
    r->z.opaque = r->ctx;
    r->z.next_in = r->packed;
    r->z.avail_in = (uInt)r->plain_end;
    r->plain_end = 0;
    r->ended = false;
    if (inflateInit2(&r->z, 16 + MAX_WBITS) != Z_OK) return attn_no_memory(r->ctx, "zlib", 1 << 15);
    r->inflating = true;
    return ATTN_OK;
}

static attn_status fail_packed(struct attn_line_reader *r, const char *found) {
    return attn_fail(r->ctx, ATTN_EINVAL, "%s: byte %zu: found %s, expected more of the packed data behind line %lld", r->name,
                     r->read - r->z.avail_in, found, (long long)r->number);
}

/* Members may follow one another; what follows the last and is none has no header. */
static attn_status unpack_block(struct attn_line_reader *r) {
    attn_status status = ATTN_OK;
    r->z.next_out = r->plain;
    r->z.avail_out = BLOCK;
    while (r->z.avail_out == BLOCK && !r->ended && !status) {
        size_t count = r->z.avail_in;
        if (count == 0) {
            status = read_block(r, r->packed, &count);
            r->z.next_in = r->packed;
            r->z.avail_in = (uInt)count;
        }
        if (!status && count == 0) return fail_packed(r, "the end");
        if (status) break;
        const int answer = inflate(&r->z, Z_NO_FLUSH);
        if (answer == Z_STREAM_END) {
            r->ended = r->z.avail_in == 0 && r->read == r->file.size;
            if (!r->ended) inflateReset(&r->z);
        } else if (answer == Z_MEM_ERROR) {
            status = attn_no_memory(r->ctx, "zlib", 1 << 15);
        } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
            status = fail_packed(r, r->z.msg ? r->z.msg : "a dictionary that is asked for");
        }
    }
    r->plain_end = BLOCK - r->z.avail_out;
    return status;
}

static attn_status fill(struct attn_line_reader *r) {
    r->at = r->plain_end = 0;
    if (r->packed) return unpack_block(r);
    const attn_status status = read_block(r, r->plain, &r->plain_end);
    r->ended = r->read == r->file.size;
    return status;
}
#else
static attn_status begin_packed(struct attn_line_reader *r) {
    return attn_fail(r->ctx, ATTN_EUNSUPPORTED, "%s: this program was built without zlib; install zlib1g-dev and build again", r->name);
}

static attn_status fill(struct attn_line_reader *r) {
    r->at = 0;
    const attn_status status = read_block(r, r->plain, &r->plain_end);
    r->ended = r->read == r->file.size;
    return status;
}
#endif

/* ----------------------------------------------------------------------------------------------------------- lines */

static attn_status append(struct attn_line_reader *r, const uint8_t *bytes, size_t count) {
    if (count > r->limit - r->length)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found more than %zu bytes, expected at most that many", r->name,
                         (long long)r->number + 1, r->limit);
    if (r->length + count + 1 > r->capacity) {
        const size_t twice = 2 * r->capacity, least = r->length + count + 1, capacity = twice > least ? twice : least;
        char *line = attn_alloc(r->ctx, capacity);
        if (!line) return attn_no_memory(r->ctx, r->name, capacity);
        memcpy(line, r->line, r->length);
        attn_free(r->ctx, r->line);
        r->line = line;
        r->capacity = capacity;
    }
    memcpy(r->line + r->length, bytes, count);
    r->length += count;
    return ATTN_OK;
}

attn_status attn_line_reader_next(struct attn_line_reader *r, const char **line, size_t *length, bool *end) {
    bool found = false, begun = false;
    r->length = 0;
    *end = false;
    while (!found) {
        attn_status status = ATTN_OK;
        if (r->at == r->plain_end && r->ended) break;
        if (r->at == r->plain_end) status = fill(r);
        if (status) return status;
        const uint8_t *from = r->plain + r->at, *stop = memchr(from, '\n', r->plain_end - r->at);
        const size_t count = stop ? (size_t)(stop - from) : r->plain_end - r->at;
        found = stop != NULL;
        begun = begun || found || count > 0;
        status = append(r, from, count);
        if (status) return status;
        r->at += count + found;
    }
    if (!begun) {
        *end = true;
        return ATTN_OK;
    }
    r->number++;
    if (found && r->length > 0 && r->line[r->length - 1] == '\r') r->length--;
    r->line[r->length] = '\0';
    const char *zero = memchr(r->line, 0, r->length);
    if (zero)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld, byte %zu: found a byte 0, expected text", r->name, (long long)r->number,
                         (size_t)(zero - r->line) + 1);
    const size_t mark = r->number == 1 && strncmp(r->line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *line = r->line + mark;
    *length = r->length - mark;
    return ATTN_OK;
}

int64_t attn_line_reader_number(const struct attn_line_reader *r) {
    return r->number;
}

void attn_line_reader_close(struct attn_line_reader *r) {
    if (!r) return;
    attn_ctx *ctx = r->ctx;
    if (r->file.number >= 0) attn_file_close(&r->file);
#if defined(ATTN_HAVE_ZLIB)
    if (r->inflating) inflateEnd(&r->z);
    attn_free(ctx, r->packed);
#endif
    attn_free(ctx, r->plain);
    attn_free(ctx, r->line);
    attn_free(ctx, r->name);
    attn_free(ctx, r);
}

attn_status attn_line_reader_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit,
                                  struct attn_line_reader **out) {
    const size_t name = strlen(path) + 1;
    struct attn_line_reader *r = attn_alloc(ctx, sizeof *r);
    if (!r) return attn_no_memory(ctx, path, sizeof *r);
    *r = (struct attn_line_reader){.ctx = ctx, .file = {.number = -1}, .limit = limit, .capacity = LINE_FIRST};
    r->name = attn_alloc(ctx, name);
    r->plain = attn_alloc(ctx, BLOCK);
    r->line = attn_alloc(ctx, LINE_FIRST);
    attn_status status = r->name && r->plain && r->line ? ATTN_OK : attn_no_memory(ctx, path, name + BLOCK + LINE_FIRST);
    if (!status) memcpy(r->name, path, name);
    if (!status) status = attn_file_open(ctx, system, path, &r->file);
    if (!status) status = fill(r);
    if (!status && r->plain_end >= 2 && r->plain[0] == 0x1F && r->plain[1] == 0x8B) status = begin_packed(r);
    if (status)
        attn_line_reader_close(r);
    else
        *out = r;
    return status;
}
