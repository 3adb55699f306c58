/* Which form a set has, and the form of one line. */
#include "io/number.h"
#include "system/pointer/point_stream.h"

#include <string.h>

enum { COORDINATES = 4 }; /* of a line that is a set by itself, at least */

static const char *skip_blanks(const char *s) {
    return s + strspn(s, " \t");
}

static bool is_output(const char *s) {
    return strncmp(s, "output", 6) == 0 && (s[6] == '\0' || s[6] == ' ' || s[6] == '\t');
}

/* A number and "output" behind it, or enough numbers with blanks between them, as tabs separate the columns of rows. */
bool attn_points_line_begins(const char *line) {
    const char *first = skip_blanks(line);
    double value;
    bool numbers = !strchr(line, '\t');
    int count = 0;
    if (is_output(first)) return true;
    if (!attn_number_read(first, &value)) return false;
    for (const char *s = first; *s; count++) {
        const size_t length = strcspn(s, " \t");
        if (is_output(s)) return true;
        numbers = numbers && attn_number_read(s, &value) == s + length;
        s = skip_blanks(s + length);
    }
    return numbers && count >= COORDINATES;
}

attn_status attn_points_take_line(struct attn_point_stream *s) {
    long long count = 0;
    double before = 0, value = 0;
    for (const char *at = skip_blanks(s->text); *at && !is_output(at); at = skip_blanks(at), count++) {
        if (!attn_point_number(&at, '\0', &value)) return attn_point_fail_word(s, "coordinate", count + 1, at, NULL);
        const attn_status status = count % 2 == 1 ? attn_point_add(s, before, value) : ATTN_OK;
        if (status) return status;
        before = value;
    }
    if (count % 2 != 0) return attn_point_fail(s, "found %lld coordinates, expected an even number, 2 a point", count);
    if (count == 0) return attn_point_fail(s, "found no coordinates before \"output\", expected 2 a point");
    return ATTN_OK;
}

static attn_status take_set(struct attn_point_stream *s, bool *end) {
    attn_status status;
    do status = attn_point_line(s);
    while (!status && !s->ended && (attn_point_line_blank(s) || attn_point_line_comment(s)));
    *end = !status && s->ended;
    if (status || *end) return status;
    if (attn_points_tsplib_begins(s->text)) return attn_points_take_tsplib(s);
    if (attn_points_line_begins(s->text)) return attn_points_take_line(s);
    return attn_points_take_rows(s);
}

attn_status attn_points_read(attn_ctx *ctx, FILE *in, const char *name_of_stream, struct attn_point_set *out, bool *end) {
    struct attn_point_stream s = {.ctx = ctx, .in = in, .name = name_of_stream, .set = out};
    out->xy = NULL;
    out->n = 0;
    out->name[0] = '\0';
    *end = false;
    const attn_status status = take_set(&s, end);
    attn_free(ctx, s.text);
    if (status) attn_points_free(ctx, out);
    return status;
}

void attn_points_free(attn_ctx *ctx, struct attn_point_set *set) {
    attn_free(ctx, set->xy);
    set->xy = NULL;
    set->n = 0;
    set->name[0] = '\0';
}
