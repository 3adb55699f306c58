/* Pieces of an HTML page that is well-formed XML too: every element is closed, and a text from outside can be nothing but text. */
#ifndef ATTN_REPORT_HTML_H
#define ATTN_REPORT_HTML_H

#include <stdint.h>
#include <stdio.h>

/* A text between tags or inside a quoted attribute. Bytes that are not UTF-8, and characters that XML has not, become U+FFFD. */
void attn_html_text(FILE *file, const char *text);
/* At most `most` characters of it, and an ellipsis where there were more. */
void attn_html_short(FILE *file, const char *text, int most);
/* A number with at most `digits` significant digits; a dash where it is none. */
void attn_html_real(FILE *file, double value, int digits);
/* 1 234 567 with narrow no-break spaces. */
void attn_html_whole(FILE *file, int64_t value);

#endif
