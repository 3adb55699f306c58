/* The names are the standard's: a ... h the working variables, W the message schedule, K the constants (its sections 4.1.2, 4.2.2, 6.2). */
#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t x, int bits) {
    return x >> bits | x << (32 - bits);
}

static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_block(uint32_t state[8], const uint8_t *block) {
    uint32_t W[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 16; t++) W[t] = big_endian(block + 4 * t);
    for (int t = 16; t < 64; t++)
        W[t] = (turn(W[t - 2], 17) ^ turn(W[t - 2], 19) ^ W[t - 2] >> 10) + W[t - 7] +
               (turn(W[t - 15], 7) ^ turn(W[t - 15], 18) ^ W[t - 15] >> 3) + W[t - 16];
    for (int t = 0; t < 64; t++) {
        const uint32_t t1 = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[t] + W[t];
        const uint32_t t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void attn_sha256_begin(struct attn_sha256 *hash) {
    *hash = (struct attn_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void attn_sha256_add(struct attn_sha256 *hash, const void *data, size_t bytes) {
    const uint8_t *at = data;
    const size_t held = hash->bytes % 64;
    hash->bytes += bytes;
    if (held > 0) {
        const size_t n = bytes < 64 - held ? bytes : 64 - held;
        memcpy(hash->block + held, at, n);
        if (held + n < 64) return;
        take_block(hash->state, hash->block);
        at += n;
        bytes -= n;
    }
    for (; bytes >= 64; at += 64, bytes -= 64) take_block(hash->state, at);
    if (bytes > 0) memcpy(hash->block, at, bytes);
}

void attn_sha256_end(struct attn_sha256 *hash, char text[ATTN_SHA256_TEXT]) {
    const uint64_t bits = hash->bytes * 8;
    uint8_t end[72] = {0x80}; /* a one, zeros up to 56 of 64 bytes, the length */
    const size_t zeros = (119 - hash->bytes % 64) % 64;
    for (size_t i = 0; i < 8; i++) end[1 + zeros + i] = (uint8_t)(bits >> (56 - 8 * i));
    attn_sha256_add(hash, end, 1 + zeros + 8);
    for (size_t i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08x", (unsigned)hash->state[i]);
}
