/* Records: named values, printed as one JSON object a line or as CSV. Numbers are printed so that reading them back gives the same number. */
#ifndef ATTN_IO_RECORD_H
#define ATTN_IO_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum attn_field_kind { ATTN_FIELD_TEXT, ATTN_FIELD_INTEGER, ATTN_FIELD_REAL, ATTN_FIELD_BOOL };

struct attn_field {
    const char *name;
    enum attn_field_kind kind;
    const char *text; /* NULL: null */
    int64_t integer;  /* also the truth of a BOOL */
    double real;      /* NaN and infinities: null */
};

enum { ATTN_RECORD_FIELDS = 128 };

/* Names and texts are not copied. */
struct attn_record {
    struct attn_field field[ATTN_RECORD_FIELDS];
    int count;
};
void attn_record_text(struct attn_record *record, const char *name, const char *text);
void attn_record_integer(struct attn_record *record, const char *name, int64_t value);
void attn_record_real(struct attn_record *record, const char *name, double value);
void attn_record_bool(struct attn_record *record, const char *name, bool value);

/* One JSON object and a newline. */
void attn_json_line(FILE *file, const struct attn_record *record);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void attn_json_string(FILE *file, const char *text);
/* The names (header), or the values; what cannot be said (null) is an empty cell. */
void attn_csv_line(FILE *file, const struct attn_record *record, bool header);
/* The shortest text of `value` that reads back as the same double. Returns `text`. */
const char *attn_real_text(double value, char *text, size_t size);

#endif
