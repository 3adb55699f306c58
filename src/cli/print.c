/* Tables from records, or their lines. Every row leaves in one flush. */
#include "cli/print.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const struct attn_field *find_field(const struct attn_record *record, const char *name) {
    for (int i = 0; i < record->count; i++)
        if (strcmp(record->field[i].name, name) == 0) return &record->field[i];
    return NULL;
}

static void table_cell(FILE *file, const struct attn_column *column, const struct attn_field *field) {
    const double unit = column->unit == 0.0 ? 1.0 : column->unit;
    if (field == NULL || (field->kind == ATTN_FIELD_REAL && !isfinite(field->real)))
        fprintf(file, "%*s", column->width, "-");
    else if (field->kind == ATTN_FIELD_REAL)
        fprintf(file, "%*.*f", column->width, column->digits, field->real / unit);
    else if (field->kind == ATTN_FIELD_INTEGER && column->unit != 0.0)
        fprintf(file, "%*.*f", column->width, column->digits, (double)field->integer / unit);
    else if (field->kind == ATTN_FIELD_INTEGER)
        fprintf(file, "%*lld", column->width, (long long)field->integer);
    else if (field->kind == ATTN_FIELD_BOOL)
        fprintf(file, "%*s", column->width, field->integer != 0 ? "yes" : "no");
    else
        fprintf(file, "%-*s", column->width, field->text == NULL ? "-" : field->text);
}

static void table_row(struct attn_report *report, const struct attn_record *record, bool header) {
    for (int c = 0; c < report->column_count; c++) {
        const struct attn_column *column = &report->columns[c];
        const struct attn_field *field = find_field(record, column->name);
        if (c > 0) fputs("  ", report->file);
        if (!header)
            table_cell(report->file, column, field);
        else
            fprintf(report->file, field != NULL && field->kind == ATTN_FIELD_TEXT ? "%-*s" : "%*s", column->width, column->title);
    }
    fputc('\n', report->file);
}

void attn_report_row(struct attn_report *report, const struct attn_record *record) {
    attn_progress(NULL);
    if (report->form == ATTN_FORM_JSON) {
        attn_json_line(report->file, record);
    } else if (report->form == ATTN_FORM_CSV) {
        if (report->rows == 0) attn_csv_line(report->file, record, true);
        attn_csv_line(report->file, record, false);
    } else {
        if (report->rows == 0) table_row(report, record, true);
        table_row(report, record, false);
    }
    report->rows++;
    fflush(report->file);
}

void attn_progress(const char *text) {
    if (!isatty(STDERR_FILENO)) return;
    fputs("\r\033[K", stderr);
    if (text != NULL) fputs(text, stderr);
    fflush(stderr);
}
