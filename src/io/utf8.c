#include "io/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t attn_utf8_length(const uint8_t *at, size_t left) {
    const uint8_t a = at[0];
    const size_t length = a < 0x80 ? 1 : a >= 0xC2 && a < 0xE0 ? 2 : a >= 0xE0 && a < 0xF0 ? 3 : a >= 0xF0 && a < 0xF5 ? 4 : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    const bool overlong = (a == 0xE0 && at[1] < 0xA0) || (a == 0xF0 && at[1] < 0x90);
    const bool outside = (a == 0xED && at[1] >= 0xA0) || (a == 0xF4 && at[1] >= 0x90);
    return overlong || outside ? 0 : length;
}

size_t attn_utf8_valid(const uint8_t *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        uint64_t word;
        if (size - at >= sizeof word) { /* eight ASCII letters at once */
            memcpy(&word, text + at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                continue;
            }
        }
        const size_t length = attn_utf8_length(text + at, size - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

size_t attn_utf8_put(char *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; code >>= 6) to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(first[length] | code);
    return length;
}

uint32_t attn_utf8_code(const uint8_t *at, size_t length) {
    static const uint8_t mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = at[0] & mask[length];
    for (size_t i = 1; i < length; i++) code = code << 6 | (at[i] & 0x3Fu);
    return code;
}
