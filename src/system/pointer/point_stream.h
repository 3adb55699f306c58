/* What the readers of all forms of points share: lines, and a set that grows. */
#ifndef ATTN_SYSTEM_POINTER_POINT_STREAM_H
#define ATTN_SYSTEM_POINTER_POINT_STREAM_H

#include "base/context.h"
#include "system/pointer/read_points.h"

struct attn_point_stream {
    attn_ctx *ctx;
    FILE *in;
    const char *name;
    char *text; /* the newest line, without its end, a 0 behind it */
    size_t length, text_room;
    bool ended;  /* there was no further line */
    size_t room; /* of set->xy, points */
    struct attn_point_set *set;
};

/* The next line into s->text, or s->ended. */
attn_status attn_point_line(struct attn_point_stream *s);

/* Is it empty but for blanks? A comment? */
bool attn_point_line_blank(const struct attn_point_stream *s);
bool attn_point_line_comment(const struct attn_point_stream *s);

attn_status attn_point_add(struct attn_point_stream *s, double x, double y);

/* A finite number at `at` that a blank, `stop` or the end follows; *at is then behind it. */
bool attn_point_number(const char **at, char stop, double *value);

/* "NAME: line 3: found ..., expected ...": the sentence begins behind the line's number. */
attn_status attn_point_fail(const struct attn_point_stream *s, const char *format, ...) ATTN_PRINTF(2, 3);

/* "NAME: line 3, column 2: found "x", expected a finite number": the word from `begin` to `end` (NULL: up to a blank). */
attn_status attn_point_fail_word(const struct attn_point_stream *s, const char *place, int64_t number, const char *begin, const char *end);

/* Each begins with the line that is in s->text. */
attn_status attn_points_take_line(struct attn_point_stream *s);
attn_status attn_points_take_tsplib(struct attn_point_stream *s);
attn_status attn_points_take_rows(struct attn_point_stream *s);

/* Does such a set begin with this line? Any other is of rows. */
bool attn_points_line_begins(const char *line);
bool attn_points_tsplib_begins(const char *line);

#endif
