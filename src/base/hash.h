/* FNV-1a, 64 bits (Fowler, Noll and Vo): for names and texts that nobody chooses to collide. */
#ifndef ATTN_BASE_HASH_H
#define ATTN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define ATTN_HASH_START 0xcbf29ce484222325u

static inline uint64_t attn_hash(uint64_t hash, const void *data, size_t bytes) {
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

#endif
