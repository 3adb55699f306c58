/* Writing of .npz archives. A member's checksum and sizes stand before it, so each is known before it is written: arrays lie in memory. */
#include "io/npz.h"

#include <string.h>

#if defined(ATTN_HAVE_ZLIB)
#define ZLIB_CONST
#include <zlib.h>

enum { LOCAL = 30, ENTRY = 46, END = 22, MEMBERS = 65534 };

/* An array on its way into the archive. */
struct member {
    const struct attn_safetensors_source *array;
    char header[ATTN_NPY_COMPOSED];
    size_t header_bytes, data_bytes;
    uint8_t *deflated; /* NULL: stored */
    uint64_t packed;
};

/* One member is composed and written before the next; the directory needs these of each. */
struct entry {
    uint64_t packed, size, at;
    uint32_t crc;
};

static void put(uint8_t *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> (8 * i));
}

/* The 26 bytes that a member's header and its entry have in common, from the version that is needed on. The time is fixed: 1980-01-01. */
static void put_common(uint8_t *to, const struct entry *e, bool deflate, size_t name) {
    put(to, 20, 2);
    put(to + 2, 0, 2);
    put(to + 4, deflate ? 8 : 0, 2);
    put(to + 6, 0, 2);
    put(to + 8, 0x21, 2);
    put(to + 10, e->crc, 4);
    put(to + 14, e->packed, 4);
    put(to + 18, e->size, 4);
    put(to + 22, name, 2);
    put(to + 24, 0, 2);
}

static attn_status feed(attn_ctx *ctx, z_stream *z, const void *bytes, size_t size, int flush) {
    const uint8_t *at = bytes;
    do { /* zlib counts in 32 bits */
        const size_t piece = size < (1u << 30) ? size : 1u << 30;
        z->next_in = at;
        z->avail_in = (uInt)piece;
        at += piece;
        size -= piece;
        const int answer = deflate(z, size == 0 ? flush : Z_NO_FLUSH);
        if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR) return attn_fail(ctx, ATTN_ESYSTEM, "zlib: deflate failed");
    } while (size > 0);
    return ATTN_OK;
}

static voidpf allocate(voidpf ctx, uInt count, uInt size) {
    return attn_alloc(ctx, (size_t)count * size);
}

static void release(voidpf ctx, voidpf memory) {
    attn_free(ctx, memory);
}

/* Header and elements as one deflate stream, in memory of its greatest size, which is below 4 GiB as the array is. */
static attn_status pack(attn_ctx *ctx, struct member *m) {
    z_stream z;
    memset(&z, 0, sizeof z);
    z.zalloc = allocate;
    z.zfree = release;
    z.opaque = ctx;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return attn_no_memory(ctx, "zlib", 1 << 18);
    const size_t bound = deflateBound(&z, (uLong)(m->header_bytes + m->data_bytes));
    m->deflated = attn_alloc(ctx, bound);
    attn_status status = m->deflated == NULL ? attn_no_memory(ctx, "an array that is packed", bound) : ATTN_OK;
    z.next_out = m->deflated;
    z.avail_out = bound < UINT32_MAX ? (uInt)bound : UINT32_MAX;
    if (status == ATTN_OK) status = feed(ctx, &z, m->header, m->header_bytes, Z_NO_FLUSH);
    if (status == ATTN_OK) status = feed(ctx, &z, m->array->data, m->data_bytes, Z_FINISH);
    m->packed = z.total_out;
    deflateEnd(&z);
    return status;
}

static attn_status write_member(attn_ctx *ctx, struct attn_file_writer *writer, struct member *m, bool deflate, struct entry *e) {
    uint8_t local[LOCAL];
    const size_t name = strlen(m->array->name);
    attn_status status = deflate ? pack(ctx, m) : ATTN_OK;
    if (status == ATTN_OK) {
        e->packed = deflate ? m->packed : m->header_bytes + m->data_bytes;
        e->size = m->header_bytes + m->data_bytes;
        e->crc = (uint32_t)crc32_z(0, (const uint8_t *)m->header, m->header_bytes);
        if (m->data_bytes > 0) e->crc = (uint32_t)crc32_z(e->crc, m->array->data, m->data_bytes); /* NULL would begin anew */
        put(local, 0x04034B50, 4);
        put_common(local + 4, e, deflate, name + 4);
        status = attn_file_write(ctx, writer, local, LOCAL);
    }
    if (status == ATTN_OK) status = attn_file_write(ctx, writer, m->array->name, name);
    if (status == ATTN_OK) status = attn_file_write(ctx, writer, ".npy", 4);
    if (status == ATTN_OK && deflate) status = attn_file_write(ctx, writer, m->deflated, (size_t)m->packed);
    if (status == ATTN_OK && !deflate) status = attn_file_write(ctx, writer, m->header, m->header_bytes);
    if (status == ATTN_OK && !deflate) status = attn_file_write(ctx, writer, m->array->data, m->data_bytes);
    attn_free(ctx, m->deflated);
    m->deflated = NULL;
    return status;
}

static attn_status write_directory(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *arrays, int count,
                                   bool deflate, const struct entry *entries, uint64_t at) {
    uint8_t entry[ENTRY] = {0}, end[END] = {0};
    attn_status status = ATTN_OK;
    uint64_t size = 0;
    for (int i = 0; i < count && status == ATTN_OK; i++) {
        const size_t name = strlen(arrays[i].name);
        put(entry, 0x02014B50, 4);
        put(entry + 4, 20, 2);
        put_common(entry + 6, &entries[i], deflate, name + 4);
        put(entry + 42, entries[i].at, 4);
        status = attn_file_write(ctx, writer, entry, ENTRY);
        if (status == ATTN_OK) status = attn_file_write(ctx, writer, arrays[i].name, name);
        if (status == ATTN_OK) status = attn_file_write(ctx, writer, ".npy", 4);
        size += ENTRY + name + 4;
    }
    put(end, 0x06054B50, 4);
    put(end + 8, (uint64_t)count, 2);
    put(end + 10, (uint64_t)count, 2);
    put(end + 12, size, 4);
    put(end + 16, at, 4);
    return status == ATTN_OK ? attn_file_write(ctx, writer, end, END) : status;
}

/* Everything that could be refused, before anything is written. */
static attn_status check(attn_ctx *ctx, const char *path, const struct attn_safetensors_source *arrays, int count) {
    uint64_t total = END;
    if (count > MEMBERS) return attn_fail(ctx, ATTN_EINVAL, "%s: found %d arrays, expected at most %d", path, count, MEMBERS);
    for (int i = 0; i < count; i++) {
        size_t bytes = attn_npy_size(arrays[i].type);
        for (int a = 0; a < arrays[i].rank; a++) bytes *= (size_t)arrays[i].shape[a];
        if (arrays[i].type == ATTN_NPY_BF16)
            return attn_fail(ctx, ATTN_EINVAL, "%s: array \"%.64s\": found bfloat16, expected a type that .npy has", path, arrays[i].name);
        total += bytes + bytes / 1024 + ATTN_NPY_COMPOSED + LOCAL + ENTRY + 2 * strlen(arrays[i].name) + 64;
        if (bytes > UINT32_MAX || total >= UINT32_MAX)
            return attn_fail(ctx, ATTN_EINVAL,
                             "%s: array \"%.64s\": found more than 4 GiB in all, expected less; a safetensors file holds more", path,
                             arrays[i].name);
    }
    return ATTN_OK;
}

attn_status attn_npz_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *arrays, int count,
                           bool deflate) {
    attn_status status = check(ctx, writer->path, arrays, count);
    struct entry *entries = status == ATTN_OK ? attn_alloc(ctx, (size_t)count * sizeof *entries) : NULL;
    if (status == ATTN_OK && entries == NULL) status = attn_no_memory(ctx, "the directory of an archive", (size_t)count * sizeof *entries);
    uint64_t at = 0;
    for (int i = 0; i < count && status == ATTN_OK; i++) {
        struct member m = {.array = &arrays[i], .data_bytes = attn_npy_size(arrays[i].type)};
        for (int a = 0; a < arrays[i].rank; a++) m.data_bytes *= (size_t)arrays[i].shape[a];
        m.header_bytes = attn_npy_compose(m.header, arrays[i].type, arrays[i].rank, arrays[i].shape);
        entries[i].at = at;
        status = write_member(ctx, writer, &m, deflate, &entries[i]);
        at += LOCAL + strlen(arrays[i].name) + 4 + entries[i].packed;
    }
    if (status == ATTN_OK) status = write_directory(ctx, writer, arrays, count, deflate, entries, at);
    attn_free(ctx, entries);
    return status;
}
#else
attn_status attn_npz_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *arrays, int count,
                           bool deflate) {
    (void)arrays, (void)count, (void)deflate;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without zlib; install zlib1g-dev and build again", writer->path);
}
#endif
