#include "report/html.h"

#include "io/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* One character; returns its bytes. */
static int put_character(FILE *file, const char *text) {
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    const unsigned char c = (unsigned char)*text;
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        if (*text == entities[i].character) {
            fputs(entities[i].entity, file);
            return 1;
        }
    const int length = (int)attn_utf8_length((const uint8_t *)text, strnlen(text, 4));
    const bool none = length == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ||
                      (length == 3 && memcmp(text, "\xEF\xBF", 2) == 0 && (unsigned char)text[2] >= 0xBE);
    if (none)
        fputs("\xEF\xBF\xBD", file);
    else
        fwrite(text, 1, (size_t)length, file);
    return length == 0 ? 1 : length;
}

void attn_html_text(FILE *file, const char *text) {
    while (*text) text += put_character(file, text);
}

void attn_html_short(FILE *file, const char *text, int most) {
    for (int i = 0; i < most && *text; i++) text += put_character(file, text);
    if (*text) fputs("…", file);
}

void attn_html_real(FILE *file, double value, int digits) {
    if (isfinite(value))
        fprintf(file, "%.*g", digits, value);
    else
        fputs("–", file);
}

void attn_html_whole(FILE *file, int64_t value) {
    char text[32];
    const int length = snprintf(text, sizeof text, "%lld", (long long)value);
    for (int i = 0; i < length; i++) {
        if (i > 0 && text[i - 1] != '-' && (length - i) % 3 == 0) fputs("\u202F", file);
        fputc(text[i], file);
    }
}
