/* SHA-256 (FIPS 180-4): names the contents of files as sha256sum does. */
#ifndef ATTN_BASE_SHA256_H
#define ATTN_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { ATTN_SHA256_TEXT = 65 /* 64 digits and a 0 */ };

struct attn_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64]; /* the last bytes % 64 of them */
};

void attn_sha256_begin(struct attn_sha256 *hash);
void attn_sha256_add(struct attn_sha256 *hash, const void *data, size_t bytes);
/* In lower-case hexadecimal digits; the hash is used up. */
void attn_sha256_end(struct attn_sha256 *hash, char text[ATTN_SHA256_TEXT]);

#endif
