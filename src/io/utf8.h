/* UTF-8 (RFC 3629), one character at a time. */
#ifndef ATTN_IO_UTF8_H
#define ATTN_IO_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins at `at`, of which `left` > 0 bytes are there; 0: it is none. Overlong forms, surrogates and what
 * lies above U+10FFFF are none. */
size_t attn_utf8_length(const uint8_t *at, size_t left);

/* Bytes up to the first that begins no character; size: all of it is UTF-8. */
size_t attn_utf8_valid(const uint8_t *text, size_t size);

/* Writes a code point, which may be no surrogate, and gives the 1 to 4 bytes that it takes. */
size_t attn_utf8_put(char *to, uint32_t code);

/* The code point of a character of `length` bytes, as attn_utf8_length gives it. */
uint32_t attn_utf8_code(const uint8_t *at, size_t length);

#endif
