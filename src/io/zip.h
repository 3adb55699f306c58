/* Archives of zip (APPNOTE.TXT of PKWARE, with its 64-bit records), as far as arrays are kept in them: stored and deflated members.
 *
 * An archive may be hostile. Refused: members that overlap, or have anything before, between or behind them but their descriptors (such
 * files are read differently by different programs); names that are empty, hold control characters, appear twice, begin with '/' or climb
 * with ".."; encryption, other methods, several disks; a local header that contradicts the directory; sizes or checksums that do not hold;
 * members that unpack to more than io/inflate.h allows. Messages name the byte, or the member. */
#ifndef ATTN_IO_ZIP_H
#define ATTN_IO_ZIP_H

#include "base/file.h"

enum { ATTN_ZIP_NAME = 1024 };

struct attn_zip_member {
    const char *name; /* of `length` bytes, without a 0 */
    uint32_t length, crc;
    uint16_t method, flags;
    uint64_t packed, size; /* bytes in the archive, and unpacked */
    uint64_t at, data;     /* where its header and its bytes begin */
};

/* The members, sorted by name. */
struct attn_zip {
    uint8_t *directory;
    uint64_t directory_at;
    struct attn_zip_member *member;
    size_t count;
};

/* `path` stands for the open file in messages. Freed by attn_zip_free. Without zlib all is ATTN_EUNSUPPORTED. */
attn_status attn_zip_open(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_zip *out);
void attn_zip_free(attn_ctx *ctx, struct attn_zip *zip);
const struct attn_zip_member *attn_zip_find(const struct attn_zip *zip, const char *name); /* NULL: there is none */

/* The bytes of a member, unpacked, freed by attn_free. */
attn_status attn_zip_take(attn_ctx *ctx, const struct attn_file *file, const char *path, const struct attn_zip_member *member,
                          uint8_t **out);

#endif
