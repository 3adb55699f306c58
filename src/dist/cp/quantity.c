#include "dist/cp/quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double value;
};

static const struct unit seconds[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {NULL, 0}};
static const struct unit bytes[] = {{"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
                                    {"KB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},    {NULL, 0}};
static const struct unit rates[] = {{"MB/s", 1e6},       {"GB/s", 1e9},       {"TB/s", 1e12},       {"MiB/s", 0x1p20}, {"GiB/s", 0x1p30},
                                    {"Mbit/s", 1e6 / 8}, {"Gbit/s", 1e9 / 8}, {"Tbit/s", 1e12 / 8}, {NULL, 0}};
static const struct unit flops[] = {{"MFLOP/s", 1e6}, {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}, {NULL, 0}};
static const struct {
    const struct unit *unit;
    const char *names;
} quantities[] = {[ATTN_QUANTITY_SECONDS] = {seconds, "ns, us, ms or s"},
                  [ATTN_QUANTITY_BYTES] = {bytes, "MiB, GiB, TiB, MB, GB or TB"},
                  [ATTN_QUANTITY_RATE] = {rates, "MB/s, GB/s, TB/s or Gbit/s"},
                  [ATTN_QUANTITY_FLOPS] = {flops, "MFLOP/s, GFLOP/s or TFLOP/s"}};

const char *attn_quantity_units(enum attn_quantity quantity) {
    return quantities[quantity].names;
}

/* Digits and a point first: strtod knows more than what is meant here. */
static bool is_number(const char *text) {
    return isdigit((unsigned char)text[0]) && !(text[0] == '0' && (text[1] == 'x' || text[1] == 'X'));
}

bool attn_plain_number(const char *text, double *out) {
    char *end;
    if (!is_number(text)) return false;
    const double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool attn_quantity_parse(enum attn_quantity quantity, const char *text, double *out) {
    char *end;
    if (!is_number(text)) return false;
    const double value = strtod(text, &end);
    while (*end == ' ' || *end == '\t') end++;
    if (value == 0 && *end == '\0') {
        *out = 0;
        return true;
    }
    for (const struct unit *u = quantities[quantity].unit; u->name; u++)
        if (strcmp(end, u->name) == 0 && isfinite(value * u->value)) {
            *out = value * u->value;
            return true;
        }
    return false;
}

char *attn_text_trim(char *text) {
    while (*text == ' ' || *text == '\t' || *text == '\r') text++;
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t' || text[length - 1] == '\r')) text[--length] = '\0';
    return text;
}

bool attn_noted_line(struct attn_noted_lines *lines) {
    while (lines->at < lines->end) {
        const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at)), *stop = newline ? newline : lines->end;
        const char *hash = memchr(lines->at, '#', (size_t)(stop - lines->at));
        const size_t length = (size_t)((hash ? hash : stop) - lines->at);
        lines->number++;
        lines->too_long = length >= sizeof lines->text;
        const size_t kept = lines->too_long ? sizeof lines->text - 1 : length;
        memcpy(lines->text, lines->at, kept);
        lines->text[kept] = '\0';
        /* A 0 inside would hide what is behind it; others would steer a terminal. */
        for (size_t i = 0; i < kept; i++)
            if (iscntrl((unsigned char)lines->text[i]) && lines->text[i] != '\t' && lines->text[i] != '\r') lines->text[i] = '?';
        lines->at = newline ? newline + 1 : lines->end;
        char *trimmed = attn_text_trim(lines->text);
        memmove(lines->text, trimmed, strlen(trimmed) + 1);
        if (lines->text[0] != '\0') return true;
    }
    return false;
}
