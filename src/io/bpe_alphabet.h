/* GPT-2's way to write bytes as letters, so that tokens are texts without blanks: printable bytes of Latin-1 stand for themselves, the 68
 * others, in their order, for U+0100 and the letters behind it (a blank is U+0120). */
#ifndef ATTN_IO_BPE_ALPHABET_H
#define ATTN_IO_BPE_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

uint32_t attn_bpe_letter(uint8_t byte);
/* The byte that a letter stands for; -1: none. */
int attn_bpe_byte(uint32_t letter);

/* Bytes as UTF-8 letters, at most 2 bytes each; returns how many were written. */
size_t attn_bpe_to_letters(const char *bytes, size_t length, char *to);
/* And back, in place or not: at most `length` bytes. SIZE_MAX: one of the characters is no letter of this alphabet, or no UTF-8. */
size_t attn_bpe_to_bytes(const char *letters, size_t length, char *to);

#endif
