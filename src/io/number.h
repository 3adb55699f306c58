/* Decimal numbers in lines of text, read as fast as large files ask for. */
#ifndef ATTN_IO_NUMBER_H
#define ATTN_IO_NUMBER_H

/* The number that begins at `text`, which ends with a 0: sign, digits with at most one point among them, exponent; at least one digit before the
 * exponent. *value is the double next to it (what strtod gives), infinite beyond all doubles. Returns where the number ends; NULL: there is none,
 * as for "nan", "inf" and blanks. "0x10" is a 0 before an x. */
const char *attn_number_read(const char *text, double *value);

enum { ATTN_WORD_SHOWN = 40 };

/* What stands from `text` to `end` (NULL: up to a blank or the line's end) for a message: cut off where it is long, with '?' for what is no printable
 * ASCII. Returns `shown`. */
const char *attn_word_shown(const char *text, const char *end, char shown[ATTN_WORD_SHOWN]);

#endif
