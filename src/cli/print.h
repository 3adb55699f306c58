/* Records and how they are printed: one JSON object a line, CSV with a header, or a text table. A command fills a record with named
 * values; the report decides the form. Numbers are printed so that reading them back gives the same number. */
#ifndef ATTN_CLI_PRINT_H
#define ATTN_CLI_PRINT_H

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

enum { ATTN_RECORD_FIELDS = 48 };

/* Names and texts are not copied. */
struct attn_record {
    struct attn_field field[ATTN_RECORD_FIELDS];
    int count;
};
void attn_record_text(struct attn_record *record, const char *name, const char *text);
void attn_record_integer(struct attn_record *record, const char *name, int64_t value);
void attn_record_real(struct attn_record *record, const char *name, double value);
void attn_record_bool(struct attn_record *record, const char *name, bool value);

/* A column of the text table: the record's field `name`, shown as `title`. */
struct attn_column {
    const char *name, *title;
    int width;   /* texts are put to the left, numbers to the right */
    int digits;  /* of a real after the point */
    double unit; /* a real or integer is divided by this; 0: as it is */
};

enum attn_print_form { ATTN_FORM_TABLE, ATTN_FORM_JSON, ATTN_FORM_CSV };

struct attn_report {
    FILE *file;
    enum attn_print_form form;
    const struct attn_column *columns;
    int column_count;
    int rows;
};

/* Prints one record and flushes, so that a stopped run keeps its lines. */
void attn_report_row(struct attn_report *report, const struct attn_record *record);

/* One JSON object and a newline. */
void attn_json_line(FILE *file, const struct attn_record *record);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void attn_json_string(FILE *file, const char *text);
/* The shortest text of `value` that reads back as the same double. Returns `text`. */
const char *attn_real_text(double value, char *text, size_t size);

/* A line about progress that overwrites itself; on a terminal only. text NULL: takes the line away. */
void attn_progress(const char *text);

#endif
