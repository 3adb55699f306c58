#include "system/pointer/examples.h"

#include "io/line_reader.h"
#include "io/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256 }; /* numbers for which there is room at first */

static const char output_word[] = "output";

struct attn_example_reader {
    attn_ctx *ctx;
    struct attn_line_reader *lines;
    char *path;
    double *xy;
    int32_t *target;
    size_t xy_room, target_room; /* numbers */
    int64_t examples;            /* given so far */
};

int64_t attn_examples_line(const struct attn_example_reader *r) {
    return attn_line_reader_number(r->lines);
}

/* ------------------------------------------------------------------------------------------------------------ room */

/* Room for twice as many numbers, `used` of which are kept. */
static attn_status grow(attn_ctx *ctx, void **at, size_t *room, size_t used, size_t bytes) {
    const size_t more = *room == 0 ? FIRST : 2 * *room;
    void *fresh = attn_alloc(ctx, more * bytes);
    if (!fresh) return attn_no_memory(ctx, "an example", more * bytes);
    if (used > 0) memcpy(fresh, *at, used * bytes);
    attn_free(ctx, *at);
    *at = fresh;
    *room = more;
    return ATTN_OK;
}

static attn_status add_coordinate(struct attn_example_reader *r, size_t used, double value) {
    if (used == r->xy_room) {
        void *at = r->xy;
        const attn_status status = grow(r->ctx, &at, &r->xy_room, used, sizeof *r->xy);
        if (status) return status;
        r->xy = at;
    }
    r->xy[used] = value;
    return ATTN_OK;
}

static attn_status add_target(struct attn_example_reader *r, size_t used, int32_t value) {
    if (used == r->target_room) {
        void *at = r->target;
        const attn_status status = grow(r->ctx, &at, &r->target_room, used, sizeof *r->target);
        if (status) return status;
        r->target = at;
    }
    r->target[used] = value;
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- parsing */

static const char *skip_blanks(const char *s) {
    while (*s == ' ' || *s == '\t') s++;
    return s;
}

static bool ends_word(char c) {
    return c == '\0' || c == ' ' || c == '\t';
}

static bool is_output(const char *s) {
    const size_t length = sizeof output_word - 1;
    return strncmp(s, output_word, length) == 0 && ends_word(s[length]);
}

static attn_status fail_word(const struct attn_example_reader *r, const char *where, size_t number, const char *s, const char *expected) {
    char shown[ATTN_WORD_SHOWN];
    return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld, %s %zu: found \"%s\", expected %s", r->path, (long long)attn_examples_line(r),
                     where, number, attn_word_shown(s, NULL, shown), expected);
}

/* Coordinates up to the word "output", behind which *at then stands. */
static attn_status take_points(struct attn_example_reader *r, const char **at, struct attn_point_example *out) {
    const long long line = (long long)attn_examples_line(r);
    size_t used = 0;
    const char *s = skip_blanks(*at);
    for (; *s && !is_output(s); s = skip_blanks(s)) {
        double value;
        const char *end = attn_number_read(s, &value);
        if (!end || !ends_word(*end) || !isfinite(value))
            return fail_word(r, "coordinate", used + 1, s, "a finite number or the word \"output\"");
        const attn_status status = add_coordinate(r, used++, value);
        if (status) return status;
        s = end;
    }
    if (!*s)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found the end behind %zu coordinates, expected the word \"output\"", r->path,
                         line, used);
    if (used == 0 || used % 2 != 0)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found %zu coordinates before \"output\", expected an even number, 2 a point",
                         r->path, line, used);
    *at = s + sizeof output_word - 1;
    out->xy = r->xy;
    out->n = (int64_t)(used / 2);
    return ATTN_OK;
}

/* A number of digits alone; -1: it is none, or too long to be that of a point. */
static int64_t whole_number(const char *s, const char **end) {
    int64_t value = 0;
    for (*end = s; **end >= '0' && **end <= '9'; ++*end)
        if (value <= INT32_MAX) value = 10 * value + (**end - '0');
    return *end == s || !ends_word(**end) ? -1 : value;
}

static attn_status take_targets(struct attn_example_reader *r, const char *at, struct attn_point_example *out) {
    size_t used = 0;
    for (const char *s = skip_blanks(at), *end; *s; s = skip_blanks(end)) {
        const int64_t number = whole_number(s, &end);
        char expected[64];
        if (number < 1 || number > out->n) {
            snprintf(expected, sizeof expected, "the number of a point, 1 to %lld", (long long)out->n);
            return fail_word(r, "number of a point", used + 1, s, expected);
        }
        const attn_status status = add_target(r, used++, (int32_t)(number - 1));
        if (status) return status;
    }
    if (used == 0)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found the end behind \"output\", expected the numbers of points", r->path,
                         (long long)attn_examples_line(r));
    out->target = r->target;
    out->count = (int64_t)used;
    return ATTN_OK;
}

attn_status attn_examples_next(struct attn_example_reader *r, struct attn_point_example *out, bool *end) {
    const char *line = "";
    size_t length;
    *end = false;
    while (!*skip_blanks(line)) {
        const attn_status status = attn_line_reader_next(r->lines, &line, &length, end);
        if (status) return status;
        if (*end && r->examples == 0)
            return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found the end of the file, expected an example: x1 y1 ... output 1 ...",
                             r->path, (long long)attn_examples_line(r) + 1);
        if (*end) return ATTN_OK;
    }
    attn_status status = take_points(r, &line, out);
    if (!status) status = take_targets(r, line, out);
    if (!status) r->examples++;
    return status;
}

void attn_examples_close(struct attn_example_reader *r) {
    if (!r) return;
    attn_ctx *ctx = r->ctx;
    attn_line_reader_close(r->lines);
    attn_free(ctx, r->xy);
    attn_free(ctx, r->target);
    attn_free(ctx, r->path);
    attn_free(ctx, r);
}

attn_status attn_examples_open(attn_ctx *ctx, const char *path, struct attn_example_reader **out) {
    const size_t name = strlen(path) + 1;
    struct attn_example_reader *r = attn_alloc(ctx, sizeof *r);
    if (!r) return attn_no_memory(ctx, path, sizeof *r);
    *r = (struct attn_example_reader){.ctx = ctx};
    r->path = attn_alloc(ctx, name);
    attn_status status = r->path ? ATTN_OK : attn_no_memory(ctx, path, name);
    if (!status) memcpy(r->path, path, name);
    if (!status) status = attn_line_reader_open(ctx, NULL, path, ATTN_EXAMPLE_LINE, &r->lines);
    if (status)
        attn_examples_close(r);
    else
        *out = r;
    return status;
}

/* --------------------------------------------------------------------------------------------------------- writing */

static void put_coordinate(FILE *out, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.12g", value);
    if (strtod(text, NULL) != value) snprintf(text, sizeof text, "%.17g", value);
    fputs(text, out);
    fputc(' ', out);
}

attn_status attn_example_write(attn_ctx *ctx, FILE *out, const double *xy, int64_t n, const int32_t *target, int64_t count) {
    if (n < 1) return attn_fail(ctx, ATTN_EINVAL, "an example to be written: found %lld points, expected at least 1", (long long)n);
    if (count < 1) return attn_fail(ctx, ATTN_EINVAL, "an example to be written: found no number in its answer, expected at least 1");
    for (int64_t i = 0; i < 2 * n; i++)
        if (!isfinite(xy[i]))
            return attn_fail(ctx, ATTN_EINVAL, "an example to be written: found %g for point %lld, expected finite coordinates", xy[i],
                             (long long)(i / 2 + 1));
    for (int64_t i = 0; i < count; i++)
        if (target[i] < 0 || target[i] >= n)
            return attn_fail(ctx, ATTN_EINVAL, "an example to be written: found point %lld in its answer, expected one of %lld",
                             (long long)target[i] + 1, (long long)n);
    for (int64_t i = 0; i < 2 * n; i++) put_coordinate(out, xy[i]);
    fputs(output_word, out);
    for (int64_t i = 0; i < count; i++) fprintf(out, " %lld", (long long)target[i] + 1);
    fputc('\n', out);
    if (ferror(out)) return attn_fail(ctx, ATTN_ESYSTEM, "an example could not be written: %s", strerror(errno));
    return ATTN_OK;
}
