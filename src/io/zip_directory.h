/* The directory of a zip archive, which its end points at. */
#ifndef ATTN_IO_ZIP_DIRECTORY_H
#define ATTN_IO_ZIP_DIRECTORY_H

#include "io/zip.h"

enum {
    ATTN_ZIP_LOCAL = 30, /* bytes of a member's header before its name */
    ATTN_ZIP_DEFLATED = 8,
    ATTN_ZIP_DESCRIPTOR = 8 /* the flag: checksum and sizes stand behind the data */
};

static inline uint32_t attn_zip_u16(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}
static inline uint32_t attn_zip_u32(const uint8_t *at) {
    return attn_zip_u16(at) | attn_zip_u16(at + 2) << 16;
}
static inline uint64_t attn_zip_u64(const uint8_t *at) {
    return (uint64_t)attn_zip_u32(at) | (uint64_t)attn_zip_u32(at + 4) << 32;
}

/* Fills in the directory and the members as it describes them, in its order. On failure what was taken is left to attn_zip_free. */
attn_status attn_zip_directory(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_zip *zip);

#endif
