/* Records as lines of JSON and CSV. */
#include "io/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct attn_field *add_field(struct attn_record *record, const char *name, enum attn_field_kind kind) {
    if (record->count == ATTN_RECORD_FIELDS) abort();
    struct attn_field *field = &record->field[record->count++];
    memset(field, 0, sizeof *field);
    field->name = name;
    field->kind = kind;
    return field;
}

void attn_record_text(struct attn_record *record, const char *name, const char *text) {
    add_field(record, name, ATTN_FIELD_TEXT)->text = text;
}

void attn_record_integer(struct attn_record *record, const char *name, int64_t value) {
    add_field(record, name, ATTN_FIELD_INTEGER)->integer = value;
}

void attn_record_real(struct attn_record *record, const char *name, double value) {
    add_field(record, name, ATTN_FIELD_REAL)->real = value;
}

void attn_record_bool(struct attn_record *record, const char *name, bool value) {
    add_field(record, name, ATTN_FIELD_BOOL)->integer = value;
}

const char *attn_real_text(double value, char *text, size_t size) {
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(text, size, "%.0f", value);
        return text;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

/* Bytes of the UTF-8 sequence at s, 0 if it is malformed (overlong forms, surrogates and values past U+10FFFF are). */
static int utf8_length(const unsigned char *s) {
    static const unsigned char low[4] = {0x80, 0xA0, 0x90, 0x80}, high[4] = {0xBF, 0x9F, 0x8F, 0xBF};
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    const int length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    const unsigned char least = s[0] == 0xE0 ? low[1] : s[0] == 0xF0 ? low[2] : low[0];
    const unsigned char most = s[0] == 0xED ? high[1] : s[0] == 0xF4 ? high[2] : high[0];
    if (s[1] < least || s[1] > most) return 0;
    for (int i = 2; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return length;
}

void attn_json_string(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *s = (const unsigned char *)text; *s != 0;) {
        const int length = utf8_length(s);
        if (*s == '"' || *s == '\\')
            fprintf(file, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", file);
        else if (*s < 0x20 || *s == 0x7F)
            fprintf(file, "\\u%04x", *s);
        else if (length == 0)
            fputs("\\ufffd", file);
        else
            fwrite(s, 1, (size_t)length, file);
        s += length == 0 ? 1 : length;
    }
    fputc('"', file);
}

static void json_value(FILE *file, const struct attn_field *field) {
    char number[40];
    if (field->kind == ATTN_FIELD_BOOL)
        fputs(field->integer != 0 ? "true" : "false", file);
    else if (field->kind == ATTN_FIELD_INTEGER)
        fprintf(file, "%lld", (long long)field->integer);
    else if (field->kind == ATTN_FIELD_REAL && isfinite(field->real))
        fputs(attn_real_text(field->real, number, sizeof number), file);
    else if (field->kind == ATTN_FIELD_TEXT && field->text != NULL)
        attn_json_string(file, field->text);
    else
        fputs("null", file);
}

void attn_json_line(FILE *file, const struct attn_record *record) {
    for (int i = 0; i < record->count; i++) {
        fputs(i == 0 ? "{" : ",", file);
        attn_json_string(file, record->field[i].name);
        fputc(':', file);
        json_value(file, &record->field[i]);
    }
    fputs("}\n", file);
    fflush(file);
}

static void csv_text(FILE *file, const char *text) {
    if (strpbrk(text, ",\"\n\r") == NULL) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

void attn_csv_line(FILE *file, const struct attn_record *record, bool header) {
    for (int i = 0; i < record->count; i++) {
        const struct attn_field *field = &record->field[i];
        if (i > 0) fputc(',', file);
        if (header)
            csv_text(file, field->name);
        else if (field->kind == ATTN_FIELD_TEXT)
            csv_text(file, field->text == NULL ? "" : field->text);
        else if (field->kind != ATTN_FIELD_REAL || isfinite(field->real))
            json_value(file, field);
    }
    fputc('\n', file);
}
