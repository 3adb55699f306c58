/* Numbers as bytes, the least first, whatever the machine's order, and the checksum of what is saved. */
#ifndef ATTN_BASE_BYTES_H
#define ATTN_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void attn_bytes_put(uint8_t *to, uint64_t number, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> (8 * i));
}

static inline uint64_t attn_bytes_get(const uint8_t *from, int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++) number |= (uint64_t)from[i] << (8 * i);
    return number;
}

/* CRC-32 (IEEE 802.3) of what `sum`, 0 at first, is of and these bytes behind it. */
uint32_t attn_crc32(uint32_t sum, const uint8_t *bytes, size_t count);

#endif
