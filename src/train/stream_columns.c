#include "train/stream_columns.h"

#include "base/nearest.h"
#include "io/date.h"
#include "io/number.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

static const char time_name[] = "unix_time", date_name[] = "date";

/* As before the first line: columns are the inputs in their order. */
static void forget_header(struct attn_stream_columns *columns) {
    columns->separator = 0;
    columns->cells = columns->inputs;
    columns->date = -1;
    columns->ignored = 0;
    for (int i = 0; i < columns->inputs; i++) columns->column[i] = i;
}

void attn_stream_columns_init(struct attn_stream_columns *columns, const struct attn_stream_face *face) {
    columns->inputs = face->inputs;
    columns->name = face->input_name;
    columns->missing_allowed = false;
    forget_header(columns);
}

static enum attn_stream_line say(char said[ATTN_STREAM_SAID], enum attn_stream_line what, const char *format, ...) ATTN_PRINTF(3, 4);
static enum attn_stream_line say(char said[ATTN_STREAM_SAID], enum attn_stream_line what, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, ATTN_STREAM_SAID, format, arguments);
    va_end(arguments);
    return what;
}

/* ----------------------------------------------------------------------------------------------------------------- cells */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* A cell's text without blanks around it and without its quotes. `end`: where it ends. NULL: quotes that do not close where the cell ends. */
static char *trim(char *from, char *end) {
    while (from < end && is_blank(*from)) from++;
    while (end > from && is_blank(end[-1])) end--;
    *end = '\0';
    if (*from != '"') return from;
    char *to = from;
    for (const char *at = from + 1; at < end; at++) {
        if (*at != '"') {
            *to++ = *at;
        } else if (at + 1 == end) {
            *to = '\0';
            return from;
        } else if (*++at == '"') {
            *to++ = '"';
        } else {
            return NULL;
        }
    }
    return NULL;
}

/* Where the cell ends that begins at `from`: separators inside quotes are its own. */
static char *end_of(char *from, char separator) {
    bool quoted = false;
    for (; *from && (quoted || *from != separator); from++)
        if (*from == '"') quoted = !quoted;
    return from;
}

/* Number of cells; -1: too many; -2 - i: cell i has a wrong quote. */
static int split(struct attn_stream_columns *c, char *line) {
    for (int count = 0;; count++) {
        if (count == ATTN_STREAM_CELLS) return -1;
        char *end = end_of(line, c->separator);
        const bool last = *end == '\0';
        c->cell[count] = trim(line, end);
        if (!c->cell[count]) return -2 - count;
        if (last) return count + 1;
        line = end + 1;
    }
}

static bool is_number(const char *text, double *value) {
    const char *end = attn_number_read(text, value);
    return end && *end == '\0' && isfinite(*value);
}

static bool is_unknown(const char *text) {
    return !*text || strcasecmp(text, "nan") == 0 || strcmp(text, "NA") == 0;
}

/* ---------------------------------------------------------------------------------------------------------------- header */

static int index_of(int count, const char *const *names, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static const char *const *titles(const struct attn_stream_columns *c) {
    return (const char *const *)c->cell;
}

/* A first line is a header where it names an input, or has no number at all. */
static bool names_columns(const struct attn_stream_columns *c, int cells) {
    double value;
    bool number = false;
    for (int i = 0; i < cells; i++) {
        if (index_of(c->inputs, c->name, c->cell[i]) >= 0) return true;
        if (is_number(c->cell[i], &value) || is_unknown(c->cell[i])) number = true;
    }
    return !number;
}

static void count_ignored(struct attn_stream_columns *c) {
    for (int i = 0; i < c->cells; i++) {
        if (i == c->date || index_of(c->inputs, c->name, c->cell[i]) >= 0) continue;
        if (c->ignored++ == 0) attn_word_shown(c->cell[i], c->cell[i] + strlen(c->cell[i]), c->first_ignored);
    }
}

static enum attn_stream_line take_header(struct attn_stream_columns *c, char said[ATTN_STREAM_SAID]) {
    char shown[ATTN_WORD_SHOWN];
    for (int i = 0; i < c->cells; i++)
        if (index_of(i, titles(c), c->cell[i]) >= 0 && index_of(c->inputs, c->name, c->cell[i]) >= 0)
            return say(said, ATTN_STREAM_REFUSED, "column %d: found a second column '%s', expected each name once", i + 1,
                       attn_word_shown(c->cell[i], c->cell[i] + strlen(c->cell[i]), shown));
    for (int i = 0; i < c->inputs; i++) {
        c->column[i] = index_of(c->cells, titles(c), c->name[i]);
        if (c->column[i] >= 0) continue;
        if (strcmp(c->name[i], time_name) == 0) c->date = index_of(c->cells, titles(c), date_name);
        if ((strcmp(c->name[i], time_name) == 0 && c->date >= 0) || c->missing_allowed) continue;
        const char *nearest = attn_nearest(c->name[i], titles(c), c->cells);
        return say(said, ATTN_STREAM_REFUSED, "found no column '%s', which the model asks for%s%s%s; --allow-missing takes it as not known",
                   c->name[i], nearest ? "; there is '" : "", nearest ? nearest : "", nearest ? "'" : "");
    }
    count_ignored(c);
    return ATTN_STREAM_HEADER;
}

/* ------------------------------------------------------------------------------------------------------------------ rows */

static enum attn_stream_line read_row(const struct attn_stream_columns *c, double *in, char said[ATTN_STREAM_SAID]) {
    char shown[ATTN_WORD_SHOWN];
    for (int i = 0; i < c->inputs; i++) {
        const bool date = c->column[i] < 0 && c->date >= 0 && strcmp(c->name[i], time_name) == 0;
        const int column = date ? c->date : c->column[i];
        struct attn_date when;
        in[i] = (double)NAN;
        if (column < 0 || is_unknown(c->cell[column])) continue;
        const char *cell = c->cell[column];
        if (date && attn_date_parse(cell, &when))
            in[i] = (double)attn_date_seconds(&when);
        else if (date || !is_number(cell, &in[i]))
            return say(said, ATTN_STREAM_BAD, "column %d (%s): found '%s', expected %s", column + 1, date ? date_name : c->name[i],
                       attn_word_shown(cell, cell + strlen(cell), shown),
                       date ? "a date, as 2016-07-01 00:15:00" : "a finite number, or nothing where it is not known");
    }
    return ATTN_STREAM_ROW;
}

static char separator_of(const char *line) {
    return strchr(line, ',') ? ',' : strchr(line, '\t') ? '\t' : strchr(line, ';') ? ';' : ',';
}

enum attn_stream_line attn_stream_columns_read(struct attn_stream_columns *c, char *line, size_t length, double *in,
                                               char said[ATTN_STREAM_SAID]) {
    const bool first = c->separator == 0;
    if (first && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) line += 3, length -= 3;
    if (memchr(line, '\0', length)) return say(said, ATTN_STREAM_BAD, "found a byte 0, expected text");
    if (line[strspn(line, " \t")] == '\0') return ATTN_STREAM_EMPTY;
    if (first) c->separator = separator_of(line);
    const int cells = split(c, line);
    if (cells == -1) return say(said, ATTN_STREAM_BAD, "found more than %d columns", ATTN_STREAM_CELLS);
    if (cells < 0) return say(said, ATTN_STREAM_BAD, "column %d: found a quote that does not end with its cell", -1 - cells);
    if (first && names_columns(c, cells)) {
        c->cells = cells;
        const enum attn_stream_line what = take_header(c, said);
        if (what == ATTN_STREAM_REFUSED) forget_header(c);
        return what;
    }
    if (cells != c->cells) return say(said, ATTN_STREAM_BAD, "found %d columns, expected %d", cells, c->cells);
    return read_row(c, in, said);
}
