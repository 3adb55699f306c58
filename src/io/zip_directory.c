#include "io/zip_directory.h"

#include <string.h>

enum { END = 22, END64 = 56, LOCATOR64 = 20, ENTRY = 46, COMMENT = 65535 };

/* What the record at the end says; in its 64-bit form where a field is all ones. */
struct end {
    uint64_t at; /* where the record stands: the directory ends there */
    uint64_t members, size, directory;
};

static attn_status wrong(attn_ctx *ctx, const char *path, uint64_t at, const char *what) {
    return attn_fail(ctx, ATTN_EINVAL, "%s: byte %llu: %s", path, (unsigned long long)at, what);
}

/* The 64-bit record, named by a locator before the 32-bit one. */
static attn_status read_end64(attn_ctx *ctx, const struct attn_file *file, const char *path, struct end *end) {
    uint8_t locator[LOCATOR64], record[END64];
    if (end->at < LOCATOR64 + END64) return wrong(ctx, path, end->at, "found no room for a 64-bit record, expected one before the end");
    const uint64_t locator_at = end->at - LOCATOR64;
    attn_status status = attn_file_pread(ctx, file, path, locator, sizeof locator, (size_t)locator_at);
    if (status != ATTN_OK) return status;
    const uint64_t at = attn_zip_u64(locator + 8);
    if (attn_zip_u32(locator) != 0x07064B50 || attn_zip_u32(locator + 4) != 0 || attn_zip_u32(locator + 16) > 1)
        return wrong(ctx, path, locator_at, "found no locator of a 64-bit record, expected one for a single disk");
    if (at != locator_at - END64)
        return wrong(ctx, path, locator_at, "found a locator that points elsewhere, expected the record right before it");
    status = attn_file_pread(ctx, file, path, record, sizeof record, (size_t)at);
    if (status != ATTN_OK) return status;
    if (attn_zip_u32(record) != 0x06064B50 || attn_zip_u64(record + 4) != END64 - 12 || attn_zip_u32(record + 16) != 0 ||
        attn_zip_u32(record + 20) != 0 || attn_zip_u64(record + 24) != attn_zip_u64(record + 32))
        return wrong(ctx, path, at, "found no 64-bit record of a single disk, expected one of 56 bytes");
    *end = (struct end){at, attn_zip_u64(record + 32), attn_zip_u64(record + 40), attn_zip_u64(record + 48)};
    return ATTN_OK;
}

static attn_status parse_end(attn_ctx *ctx, const struct attn_file *file, const char *path, const uint8_t *record, uint64_t at,
                             struct end *end) {
    const uint32_t members = attn_zip_u16(record + 10), size = attn_zip_u32(record + 12), directory = attn_zip_u32(record + 16);
    *end = (struct end){at, members, size, directory};
    if (attn_zip_u16(record + 4) != 0 || attn_zip_u16(record + 6) != 0 || attn_zip_u16(record + 8) != members)
        return wrong(ctx, path, at, "found an archive of several disks, expected a single one");
    if (members == UINT16_MAX || size == UINT32_MAX || directory == UINT32_MAX) return read_end64(ctx, file, path, end);
    return ATTN_OK;
}

/* The record is searched from the end, as a comment of any bytes may stand behind it. */
static attn_status read_end(attn_ctx *ctx, const struct attn_file *file, const char *path, struct end *end) {
    const size_t held = file->size < END + COMMENT ? file->size : END + COMMENT;
    if (held < END) return wrong(ctx, path, file->size, "found the end of the file, expected a zip archive of at least 22 bytes");
    uint8_t *tail = attn_alloc(ctx, held);
    if (tail == NULL) return attn_no_memory(ctx, path, held);
    attn_status status = attn_file_pread(ctx, file, path, tail, held, file->size - held);
    size_t i = held - END + 1;
    while (status == ATTN_OK && i > 0 &&
           !(attn_zip_u32(tail + i - 1) == 0x06054B50 && attn_zip_u16(tail + i - 1 + 20) == held - (i - 1) - END))
        i--;
    if (status == ATTN_OK && i == 0)
        status = wrong(ctx, path, file->size, "found no record of the end of a zip archive, expected one; is it an .npz file?");
    else if (status == ATTN_OK)
        status = parse_end(ctx, file, path, tail + i - 1, file->size - held + i - 1, end);
    attn_free(ctx, tail);
    if (status == ATTN_OK && (end->directory > end->at || end->size != end->at - end->directory))
        status = wrong(ctx, path, end->at, "found a directory that does not end where this record begins, expected that");
    if (status == ATTN_OK && end->members > end->size / ENTRY)
        status = wrong(ctx, path, end->at, "found more members than the directory has room for, expected at least 46 bytes each");
    return status;
}

static bool plain_name(const char *name, size_t length) {
    bool plain = length > 0 && length <= ATTN_ZIP_NAME && name[0] != '/';
    for (size_t i = 0; i < length && plain; i++) {
        const bool begins = i == 0 || name[i - 1] == '/';
        plain = (unsigned char)name[i] >= 0x20 && name[i] != 0x7F && name[i] != '\\';
        if (begins && i + 1 < length && name[i] == '.' && name[i + 1] == '.' && (i + 2 == length || name[i + 2] == '/')) plain = false;
    }
    return plain;
}

/* The 64-bit forms of those of size, packed and place that are all ones. */
static bool take_extra(const uint8_t *extra, size_t length, struct attn_zip_member *m) {
    uint64_t *const fields[] = {&m->size, &m->packed, &m->at};
    for (size_t at = 0; at + 4 <= length;) {
        const size_t bytes = attn_zip_u16(extra + at + 2);
        if (bytes > length - at - 4) return false;
        size_t used = 0;
        for (int i = 0; i < 3 && attn_zip_u16(extra + at) == 1; i++) {
            if (*fields[i] != UINT32_MAX) continue;
            if (used + 8 > bytes) return false;
            *fields[i] = attn_zip_u64(extra + at + 4 + used);
            used += 8;
        }
        at += 4 + bytes;
    }
    return true;
}

/* One entry of the directory; gives its bytes. */
static attn_status take_entry(attn_ctx *ctx, const char *path, const struct attn_zip *zip, size_t at, size_t size, size_t *bytes,
                              struct attn_zip_member *m) {
    const uint8_t *e = zip->directory + at;
    const uint64_t place = zip->directory_at + at;
    if (size - at < ENTRY || attn_zip_u32(e) != 0x02014B50)
        return wrong(ctx, path, place, "found no entry of the directory, expected \"PK\\1\\2\"");
    const size_t name = attn_zip_u16(e + 28), extra = attn_zip_u16(e + 30), comment = attn_zip_u16(e + 32);
    *bytes = ENTRY + name + extra + comment;
    if (*bytes > size - at) return wrong(ctx, path, place, "found an entry that ends behind the directory, expected it inside");
    *m = (struct attn_zip_member){.name = (const char *)e + ENTRY,
                                  .length = (uint32_t)name,
                                  .crc = attn_zip_u32(e + 16),
                                  .method = (uint16_t)attn_zip_u16(e + 10),
                                  .flags = (uint16_t)attn_zip_u16(e + 8),
                                  .packed = attn_zip_u32(e + 20),
                                  .size = attn_zip_u32(e + 24),
                                  .at = attn_zip_u32(e + 42)};
    if (!plain_name(m->name, name))
        return wrong(ctx, path, place,
                     "found a member's name that is empty, leads outside or has control characters, expected a plain one");
    if ((m->flags & 0x2041) != 0) return wrong(ctx, path, place, "found an encrypted member, expected none");
    if (m->method != 0 && m->method != ATTN_ZIP_DEFLATED)
        return attn_fail(ctx, ATTN_EINVAL, "%s: byte %llu: found packing method %u, expected 0 (stored) or 8 (deflated)", path,
                         (unsigned long long)place, (unsigned)m->method);
    if (attn_zip_u16(e + 34) != 0) return wrong(ctx, path, place, "found a member on another disk, expected a single one");
    if (!take_extra(e + ENTRY + name, extra, m))
        return wrong(ctx, path, place, "found an extra field that does not fit, expected one of zip64");
    if (m->at >= zip->directory_at) return wrong(ctx, path, place, "found a member behind the directory, expected it before");
    if (m->packed > zip->directory_at) return wrong(ctx, path, place, "found a member larger than the file, expected it inside");
    if (m->method == 0 && m->packed != m->size) return wrong(ctx, path, place, "found a stored member of two sizes, expected one");
    return ATTN_OK;
}

attn_status attn_zip_directory(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_zip *zip) {
    struct end end = {0, 0, 0, 0};
    attn_status status = read_end(ctx, file, path, &end);
    if (status != ATTN_OK) return status;
    const size_t size = (size_t)end.size;
    zip->directory_at = end.directory;
    zip->directory = attn_alloc(ctx, size);
    zip->member = attn_alloc(ctx, (size_t)end.members * sizeof *zip->member);
    if (zip->directory == NULL || zip->member == NULL) return attn_no_memory(ctx, path, size);
    status = attn_file_pread(ctx, file, path, zip->directory, size, (size_t)end.directory);
    size_t at = 0, bytes = 0;
    while (status == ATTN_OK && zip->count < end.members) {
        status = take_entry(ctx, path, zip, at, size, &bytes, &zip->member[zip->count]);
        zip->count += status == ATTN_OK;
        at += bytes;
    }
    if (status == ATTN_OK && at != size)
        status = wrong(ctx, path, end.directory + at, "found more in the directory than its members, expected its end");
    return status;
}
