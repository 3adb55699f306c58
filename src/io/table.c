/* Cells of a table by name and type. The parser is in table_parse.c. */
#include "io/table.h"

#include "base/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void attn_table_free(attn_ctx *ctx, struct attn_table *table) {
    attn_free(ctx, table->name);
    attn_free(ctx, table->cell);
    attn_free(ctx, table->line);
    attn_free(ctx, table->title);
    attn_text_free(ctx, &table->text);
    *table = (struct attn_table){.name = NULL};
}

const char *attn_table_text(const struct attn_table *table, size_t row, size_t column) {
    return table->text.bytes + table->cell[row * table->columns + column];
}

static const char *title_of(const struct attn_table *table, size_t column) {
    return table->text.bytes + table->title[column];
}

/* "a, b, c", as many as fit. */
static void list_titles(const struct attn_table *table, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < table->columns && used + strlen(title_of(table, i)) + 8 < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", title_of(table, i));
}

attn_status attn_table_column(attn_ctx *ctx, const struct attn_table *table, const char *name, size_t *column) {
    enum { NEAR = 64 };
    for (size_t i = 0; table->title != NULL && i < table->columns; i++)
        if (strcmp(title_of(table, i), name) == 0) {
            *column = i;
            return ATTN_OK;
        }
    size_t number = 0;
    bool digits = name[0] != '\0';
    for (const char *s = name; *s != '\0' && digits; s++) {
        digits = *s >= '0' && *s <= '9' && number <= ATTN_TABLE_COLUMNS;
        if (digits) number = 10 * number + (size_t)(*s - '0');
    }
    if (digits && number >= 1 && number <= table->columns) {
        *column = number - 1;
        return ATTN_OK;
    }
    if (table->title == NULL)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found no column \"%.64s\", expected a number from 1 to %zu, as there is no header",
                         table->name, name, table->columns);
    const char *titles[NEAR], *nearest;
    char all[256];
    const size_t count = table->columns < NEAR ? table->columns : NEAR;
    for (size_t i = 0; i < count; i++) titles[i] = title_of(table, i);
    if ((nearest = attn_nearest(name, titles, (int)count)) != NULL)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found no column \"%.64s\"; did you mean \"%.64s\"?", table->name, name, nearest);
    list_titles(table, all, sizeof all);
    return attn_fail(ctx, ATTN_EINVAL, "%s: found no column \"%.64s\", expected one of its %zu: %s", table->name, name, table->columns,
                     all);
}

/* ------------------------------------------------------------------------------------------------------------ types */

/* strtod takes more than a table should hold: hexadecimal numbers, nan(...), numbers beyond a double. */
static bool is_real(const char *text, double *value) {
    char *end;
    while (*text == ' ') text++;
    const char *digits = text + (*text == '-' || *text == '+');
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) return false;
    if (isspace((unsigned char)*digits) || *digits == '\0') return false;
    errno = 0;
    *value = strtod(text, &end);
    if (errno == ERANGE && !isfinite(*value)) return false;
    if (end == text || memchr(text, '(', (size_t)(end - text)) != NULL) return false;
    while (*end == ' ') end++;
    return *end == '\0';
}

bool attn_table_titles_are_numbers(const struct attn_table *table) {
    double value;
    bool all = table->title != NULL;
    for (size_t i = 0; all && i < table->columns; i++) all = is_real(title_of(table, i), &value) && isfinite(value);
    return all;
}

static bool is_integer(const char *text, int64_t *value) {
    char *end;
    double real;
    while (*text == ' ') text++;
    errno = 0;
    const long long whole = strtoll(text, &end, 10);
    const bool digits = end != text && errno == 0 && !isspace((unsigned char)*text);
    while (*end == ' ') end++;
    *value = whole;
    if (digits && *end == '\0') return true;
    if (!is_real(text, &real) || !(fabs(real) < 9007199254740992.0) || real != floor(real)) return false;
    *value = (int64_t)real;
    return true;
}

static bool has_type(const char *text, enum attn_table_type type) {
    double real;
    int64_t integer;
    return type == ATTN_TABLE_REAL ? is_real(text, &real) : is_integer(text, &integer);
}

/* The sentence about a cell that has not the type. Control characters of the cell are not shown. */
static void describe(const struct attn_table *table, size_t row, size_t column, enum attn_table_type type, char *text, size_t size) {
    char cell[64], title[72] = "";
    snprintf(cell, sizeof cell, "%s", attn_table_text(table, row, column));
    for (char *s = cell; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20) *s = '?';
    if (table->title != NULL) snprintf(title, sizeof title, " (%.64s)", title_of(table, column));
    snprintf(text, size, "%s: line %u, column %zu%s: found \"%s\", expected %s", table->name, (unsigned)table->line[row], column + 1, title,
             cell, type == ATTN_TABLE_REAL ? "a number" : "a whole number of 64 bits");
}

static attn_status wrong_cell(attn_ctx *ctx, const struct attn_table *table, size_t row, size_t column, enum attn_table_type type) {
    char text[512];
    describe(table, row, column, type, text, sizeof text);
    return attn_fail(ctx, ATTN_EINVAL, "%s", text);
}

attn_status attn_table_require(attn_ctx *ctx, struct attn_table *table, const size_t *columns, int count, enum attn_table_type type) {
    size_t kept = 0;
    for (size_t row = 0; row < table->rows; row++) {
        int i = 0;
        while (i < count && has_type(attn_table_text(table, row, columns[i]), type)) i++;
        if (i < count && !table->skip_bad) return wrong_cell(ctx, table, row, columns[i], type);
        if (i < count && table->bad == 0) describe(table, row, columns[i], type, table->first_bad, sizeof table->first_bad);
        if (i < count) {
            table->bad++;
            continue;
        }
        memmove(table->cell + kept * table->columns, table->cell + row * table->columns, table->columns * sizeof *table->cell);
        table->line[kept++] = table->line[row];
    }
    table->rows = kept;
    return ATTN_OK;
}

attn_status attn_table_reals(attn_ctx *ctx, const struct attn_table *table, size_t column, double **out) {
    double *values = attn_alloc(ctx, table->rows * sizeof *values);
    if (values == NULL) return attn_no_memory(ctx, table->name, table->rows * sizeof *values);
    for (size_t row = 0; row < table->rows; row++)
        if (!is_real(attn_table_text(table, row, column), &values[row])) {
            attn_free(ctx, values);
            return wrong_cell(ctx, table, row, column, ATTN_TABLE_REAL);
        }
    *out = values;
    return ATTN_OK;
}

attn_status attn_table_integers(attn_ctx *ctx, const struct attn_table *table, size_t column, int64_t **out) {
    int64_t *values = attn_alloc(ctx, table->rows * sizeof *values);
    if (values == NULL) return attn_no_memory(ctx, table->name, table->rows * sizeof *values);
    for (size_t row = 0; row < table->rows; row++)
        if (!is_integer(attn_table_text(table, row, column), &values[row])) {
            attn_free(ctx, values);
            return wrong_cell(ctx, table, row, column, ATTN_TABLE_INTEGER);
        }
    *out = values;
    return ATTN_OK;
}
