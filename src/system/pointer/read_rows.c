/* Rows of cells. A row is cut up no further than to the columns that are wanted. */
#include "io/number.h"
#include "system/pointer/point_stream.h"

#include <string.h>
#include <strings.h>

struct cell {
    const char *begin, *end; /* without the blanks and quotes around it */
};

/* The next cell of a row at *at, which is then behind its separator, or NULL at the row's end. ' ' stands for any number of blanks. */
static struct cell next_cell(const char **at, char separator) {
    const char *s = *at + strspn(*at, separator == '\t' ? " " : " \t"), *quote = *s == '"' ? strchr(s + 1, '"') : NULL;
    const char *end = quote ? quote + 1 : s;
    while (*end && *end != separator && !(separator == ' ' && *end == '\t')) end++;
    struct cell cell = {quote ? s + 1 : s, quote ? quote : end};
    while (!quote && cell.end > s && (cell.end[-1] == ' ' || cell.end[-1] == '\t')) cell.end--;
    const char *behind = separator == ' ' ? end + strspn(end, " \t") : end + (*end != '\0');
    *at = *end == '\0' || (separator == ' ' && *behind == '\0') ? NULL : behind;
    return cell;
}

static char separator_of(const char *line) {
    const char *found = strpbrk(line, ";");
    if (!found) found = strpbrk(line, ",");
    if (!found) found = strpbrk(line + strspn(line, " \t"), "\t");
    return found ? *found : ' ';
}

static bool is_named(struct cell cell, const char *const *names) {
    for (; *names; names++)
        if (strlen(*names) == (size_t)(cell.end - cell.begin) && strncasecmp(cell.begin, *names, strlen(*names)) == 0) return true;
    return false;
}

/* A number, also one that is not finite: it would be a mistake, no name. */
static bool looks_like_number(struct cell cell) {
    static const char *const not_finite[] = {"nan", "inf", "infinity", NULL};
    double value;
    if (attn_number_read(cell.begin, &value)) return true;
    if (cell.begin < cell.end && (*cell.begin == '-' || *cell.begin == '+')) cell.begin++;
    return is_named(cell, not_finite);
}

/* Where the columns stand that have a pair's names, as far as they are there: -1 where not. */
struct named {
    int32_t x, y;
};

/* A header has no number in its cells. How many columns it has, and those that are named; 0: it is no header. */
static int32_t read_header(const char *line, char separator, struct named pair[2]) {
    static const char *const xs[] = {"x", NULL}, *const ys[] = {"y", NULL}, *const east[] = {"lon", "longitude", "lng", NULL},
                             *const north[] = {"lat", "latitude", NULL};
    int32_t column = 0;
    pair[0] = pair[1] = (struct named){-1, -1};
    for (const char *at = line; at && column < ATTN_POINTS_COLUMNS; column++) {
        const struct cell cell = next_cell(&at, separator);
        if (looks_like_number(cell)) return 0;
        if (pair[0].x < 0 && is_named(cell, xs)) pair[0].x = column;
        if (pair[0].y < 0 && is_named(cell, ys)) pair[0].y = column;
        if (pair[1].x < 0 && is_named(cell, east)) pair[1].x = column;
        if (pair[1].y < 0 && is_named(cell, north)) pair[1].y = column;
    }
    return column;
}

static void note_degrees(struct attn_point_stream *s) {
    if (!s->set->degrees_said)
        attn_log(s->ctx, ATTN_LOG_WARN, "%s: line %lld: takes lon and lat for coordinates in the plane, so that lengths are in degrees",
                 s->name, (long long)s->set->line);
    s->set->degrees_said = true;
}

/* Do the first numbers of all points count them, from 0 or from 1? */
static bool counts(const struct attn_point_set *set) {
    bool all = set->n > 2 && (set->xy[0] == 0 || set->xy[0] == 1);
    for (int64_t i = 1; i < set->n && all; i++) all = set->xy[2 * i] == set->xy[0] + (double)i;
    return all;
}

/* Of rows of more than two columns that no header names: the first may be the points' numbers. */
static void note_columns(struct attn_point_stream *s) {
    if (s->set->columns_said || !counts(s->set)) return;
    attn_log(
        s->ctx, ATTN_LOG_WARN,
        "%s: up to line %lld: the first of more than two columns counts the rows, and is taken for x, the second for y: a header with x "
        "and y says which are meant",
        s->name, (long long)s->set->line);
    s->set->columns_said = true;
}

/* Sets the columns that a header names. Of two the first is x and the second y, whatever they are called; of more it is not guessed which are meant. */
static attn_status take_header(struct attn_point_stream *s, char separator, bool *is_header) {
    char shown[ATTN_WORD_SHOWN];
    struct named pair[2];
    const int32_t columns = read_header(s->text, separator, pair);
    *is_header = columns > 0;
    if (!*is_header) return ATTN_OK;
    s->set->columns_said = true;
    for (int i = 0; i < 2; i++) {
        if (pair[i].x < 0 || pair[i].y < 0) continue;
        s->set->column[0] = pair[i].x;
        s->set->column[1] = pair[i].y;
        if (i == 1) note_degrees(s);
        return ATTN_OK;
    }
    if (columns > 2)
        return attn_point_fail(s, "found a header of %d columns, \"%s\", expected two of them to be x and y, or lon and lat", (int)columns,
                               attn_word_shown(s->text, s->text + s->length, shown));
    s->set->column[0] = 0;
    s->set->column[1] = 1;
    return ATTN_OK;
}

/* *more: cells are behind those that are read. */
static attn_status take_row(struct attn_point_stream *s, char separator, bool *more) {
    const int32_t *wanted = s->set->column, last = wanted[0] > wanted[1] ? wanted[0] : wanted[1];
    const char *at = s->text;
    double value[2] = {0, 0};
    for (int32_t column = 0; column <= last; column++) {
        if (!at) return attn_point_fail(s, "found %d cells, expected at least %d", (int)column, (int)last + 1);
        const struct cell cell = next_cell(&at, separator);
        for (int i = 0; i < 2; i++) {
            const char *number = cell.begin;
            if (column != wanted[i]) continue;
            if (!attn_point_number(&number, *cell.end, &value[i]) || number != cell.end)
                return attn_point_fail_word(s, "column", column + 1, cell.begin, cell.end);
        }
    }
    *more = at && at[strspn(at, " \t,;")] != '\0';
    return attn_point_add(s, value[0], value[1]);
}

attn_status attn_points_take_rows(struct attn_point_stream *s) {
    const char separator = separator_of(s->text);
    bool is_header, more = false;
    if (s->set->column[0] == s->set->column[1]) s->set->column[1] = 1;
    attn_status status = take_header(s, separator, &is_header);
    if (!status && is_header) status = attn_point_line(s);
    while (!status && !s->ended && !attn_point_line_blank(s)) {
        if (!attn_point_line_comment(s)) status = take_row(s, separator, &more);
        if (!status) status = attn_point_line(s);
    }
    if (!status && more) note_columns(s);
    if (!status && s->set->n == 0) status = attn_point_fail(s, "found the end of a header's rows, expected a row of coordinates");
    return status;
}
