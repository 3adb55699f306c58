#include "io/bpe_alphabet.h"

#include "io/utf8.h"

#include <stdbool.h>

enum { OTHERS = 0x100 }; /* the first letter of those bytes that do not stand for themselves */

static bool stands_for_itself(uint32_t code) {
    return (code >= '!' && code <= '~') || (code >= 0xA1 && code <= 0xAC) || (code >= 0xAE && code <= 0xFF);
}

uint32_t attn_bpe_letter(uint8_t byte) {
    /* others below: 0 to 0x20 (33), 0x7F to 0xA0 (34), 0xAD */
    if (stands_for_itself(byte)) return byte;
    return OTHERS + (byte <= 0x20 ? byte : byte <= 0xA0 ? 33u + byte - 0x7F : 67u);
}

int attn_bpe_byte(uint32_t letter) {
    if (stands_for_itself(letter)) return (int)letter;
    if (letter < OTHERS || letter > OTHERS + 67) return -1;
    const uint32_t other = letter - OTHERS;
    return (int)(other < 33 ? other : other < 67 ? other - 33 + 0x7F : 0xAD);
}

size_t attn_bpe_to_letters(const char *bytes, size_t length, char *to) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) used += attn_utf8_put(to + used, attn_bpe_letter((uint8_t)bytes[i]));
    return used;
}

size_t attn_bpe_to_bytes(const char *letters, size_t length, char *to) {
    size_t used = 0;
    for (size_t at = 0, bytes; at < length; at += bytes) {
        bytes = attn_utf8_length((const uint8_t *)letters + at, length - at);
        const int byte = bytes == 0 ? -1 : attn_bpe_byte(attn_utf8_code((const uint8_t *)letters + at, bytes));
        if (byte < 0) return SIZE_MAX;
        to[used++] = (char)byte;
    }
    return used;
}
