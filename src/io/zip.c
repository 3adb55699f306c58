/* Reader of zip archives. The order of checks: the record at the end, the directory that it names, then each member's own header; only
 * then is a member's data read, and memory for it grows as it is unpacked. */
#include "io/zip.h"

#include "io/inflate.h"
#include "io/zip_directory.h"

#include <string.h>

void attn_zip_free(attn_ctx *ctx, struct attn_zip *zip) {
    attn_free(ctx, zip->directory);
    attn_free(ctx, zip->member);
    *zip = (struct attn_zip){.directory = NULL};
}

#if defined(ATTN_HAVE_ZLIB)
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static int compare(const char *a, size_t a_length, const char *b, size_t b_length) {
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_name(const void *a, const void *b) {
    const struct attn_zip_member *x = a, *y = b;
    return compare(x->name, x->length, y->name, y->length);
}

static int by_place(const void *a, const void *b) {
    const struct attn_zip_member *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static int compare_key(const void *key, const void *member) {
    const struct attn_zip_member *m = member;
    return compare(key, strlen(key), m->name, m->length);
}

const struct attn_zip_member *attn_zip_find(const struct attn_zip *zip, const char *name) {
    return zip->count == 0 ? NULL : bsearch(name, zip->member, zip->count, sizeof *zip->member, compare_key);
}

static attn_status wrong_member(attn_ctx *ctx, const char *path, const struct attn_zip_member *m, const char *what) {
    return attn_fail(ctx, ATTN_EINVAL, "%s: byte %llu: member \"%.*s\": %s", path, (unsigned long long)m->at,
                     (int)(m->length < 64 ? m->length : 64), m->name, what);
}

/* The member's own header must agree with the directory; fills in where its data begins. */
static attn_status check_local(attn_ctx *ctx, const struct attn_file *file, const char *path, const struct attn_zip *zip,
                               struct attn_zip_member *m) {
    uint8_t head[ATTN_ZIP_LOCAL + ATTN_ZIP_NAME];
    if (m->at + ATTN_ZIP_LOCAL + m->length > zip->directory_at)
        return wrong_member(ctx, path, m, "found a header beyond the members, expected it before the directory");
    const attn_status status = attn_file_pread(ctx, file, path, head, ATTN_ZIP_LOCAL + m->length, (size_t)m->at);
    if (status != ATTN_OK) return status;
    if (attn_zip_u32(head) != 0x04034B50) return wrong_member(ctx, path, m, "found no header of a member, expected \"PK\\3\\4\"");
    const uint32_t length = attn_zip_u16(head + 26), extra = attn_zip_u16(head + 28);
    if (length != m->length || memcmp(head + ATTN_ZIP_LOCAL, m->name, m->length) != 0)
        return wrong_member(ctx, path, m, "found another name in its header, expected that of the directory");
    if (attn_zip_u16(head + 6) != m->flags || attn_zip_u16(head + 8) != m->method)
        return wrong_member(ctx, path, m, "found other flags or another method in its header, expected those of the directory");
    const uint32_t crc = attn_zip_u32(head + 14), packed = attn_zip_u32(head + 18), size = attn_zip_u32(head + 22);
    const bool later = (m->flags & ATTN_ZIP_DESCRIPTOR) != 0; /* sizes stand behind the data */
    const bool fits = crc == m->crc && (packed == m->packed || packed == UINT32_MAX) && (size == m->size || size == UINT32_MAX);
    if (!fits && !later) return wrong_member(ctx, path, m, "found other sizes in its header, expected those of the directory");
    m->data = m->at + ATTN_ZIP_LOCAL + length + extra;
    if (m->data > zip->directory_at || m->packed > zip->directory_at - m->data)
        return wrong_member(ctx, path, m, "found data beyond the members, expected it to end before the directory");
    return ATTN_OK;
}

/* One member follows the other from byte 0 to the directory; a descriptor of 12 to 24 bytes may stand between. */
static attn_status check_places(attn_ctx *ctx, const char *path, const struct attn_zip *zip) {
    uint64_t end = 0;
    bool described = false;
    for (size_t i = 0; i <= zip->count; i++) {
        const uint64_t at = i < zip->count ? zip->member[i].at : zip->directory_at, gap = at - end;
        const bool fits = at >= end && (gap == 0 || (described && (gap == 12 || gap == 16 || gap == 20 || gap == 24)));
        if (!fits)
            return attn_fail(ctx, ATTN_EINVAL, "%s: byte %llu: found the %s there, expected it at byte %llu, where what is before it ends",
                             path, (unsigned long long)at, i < zip->count ? "next member" : "directory", (unsigned long long)end);
        if (i == zip->count) break;
        end = zip->member[i].data + zip->member[i].packed;
        described = (zip->member[i].flags & ATTN_ZIP_DESCRIPTOR) != 0;
    }
    return ATTN_OK;
}

attn_status attn_zip_open(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_zip *out) {
    struct attn_zip zip = {.directory = NULL};
    attn_status status = attn_zip_directory(ctx, file, path, &zip);
    for (size_t i = 0; i < zip.count && status == ATTN_OK; i++) status = check_local(ctx, file, path, &zip, &zip.member[i]);
    if (status == ATTN_OK && zip.count > 0) qsort(zip.member, zip.count, sizeof *zip.member, by_place);
    if (status == ATTN_OK) status = check_places(ctx, path, &zip);
    if (status == ATTN_OK && zip.count > 0) qsort(zip.member, zip.count, sizeof *zip.member, by_name);
    for (size_t i = 1; i < zip.count && status == ATTN_OK; i++)
        if (by_name(&zip.member[i - 1], &zip.member[i]) == 0)
            status = wrong_member(ctx, path, &zip.member[i], "is there twice, expected different names");
    if (status == ATTN_OK)
        *out = zip;
    else
        attn_zip_free(ctx, &zip);
    return status;
}

static uint32_t checksum(const uint8_t *bytes, size_t size) {
    return (uint32_t)crc32_z(0, bytes, size);
}

attn_status attn_zip_take(attn_ctx *ctx, const struct attn_file *file, const char *path, const struct attn_zip_member *member,
                          uint8_t **out) {
    const size_t packed = (size_t)member->packed;
    size_t size = packed;
    uint8_t *bytes = attn_alloc(ctx, packed + 1);
    if (bytes == NULL) return attn_no_memory(ctx, path, packed + 1);
    attn_status status = attn_file_pread(ctx, file, path, bytes, packed, (size_t)member->data);
    if (status == ATTN_OK && member->method == ATTN_ZIP_DEFLATED) {
        uint8_t *plain = NULL;
        char name[512];
        snprintf(name, sizeof name, "%.300s: member \"%.*s\"", path, (int)(member->length < 64 ? member->length : 64), member->name);
        status = attn_inflate(ctx, name, ATTN_INFLATE_RAW, bytes, packed, (size_t)member->size, &plain, &size);
        attn_free(ctx, bytes);
        bytes = plain;
    }
    if (status == ATTN_OK && size != member->size)
        status = wrong_member(ctx, path, member, "found fewer bytes than the directory says, expected all of them");
    if (status == ATTN_OK && checksum(bytes, size) != member->crc)
        status = wrong_member(ctx, path, member, "found bytes with another checksum, expected that of the directory; the file is damaged");
    if (status == ATTN_OK)
        *out = bytes;
    else
        attn_free(ctx, bytes);
    return status;
}
#else
attn_status attn_zip_open(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_zip *out) {
    (void)file, (void)out;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without zlib; install zlib1g-dev and build again", path);
}

const struct attn_zip_member *attn_zip_find(const struct attn_zip *zip, const char *name) {
    (void)zip, (void)name;
    return NULL;
}

attn_status attn_zip_take(attn_ctx *ctx, const struct attn_file *file, const char *path, const struct attn_zip_member *member,
                          uint8_t **out) {
    (void)file, (void)member, (void)out;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without zlib; install zlib1g-dev and build again", path);
}
#endif
