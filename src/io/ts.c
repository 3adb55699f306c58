/* .ts files: lines, and the cases among them. Invariant while a case is read: ts->first[k] is written for every dimension k begun, the values of the last one lie
 * from there up to `values`. */
#include "io/ts.h"

#include "io/inflate.h"
#include "io/line_reader.h"
#include "io/number.h"
#include "io/text.h"
#include "io/ts_lines.h"
#include "io/vocabulary.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

attn_status attn_ts_fail(const struct attn_ts_lines *p, attn_status status, const char *format, ...) {
    char sentence[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return attn_fail(p->ctx, status, "%s: line %lld: %s", p->name, (long long)p->number, sentence);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && is_blank(*at)) at++;
    return at;
}

/* Text without the blanks at its end. */
static const char *trim(const char *at, const char *end) {
    while (end > at && is_blank(end[-1])) end--;
    return end;
}

/* ------------------------------------------------------------------------------------------------------------ cases */

/* What one line has added so far. */
struct row {
    int64_t dimensions, values; /* values: of the whole file */
};

static attn_status begin_dimension(struct attn_ts_lines *p, struct row *row) {
    struct attn_ts *ts = p->ts;
    const size_t k = (size_t)(ts->cases * ts->dimensions + row->dimensions);
    void *first = ts->first;
    if (row->dimensions == ATTN_TS_DIMENSIONS)
        return attn_ts_fail(p, ATTN_EINVAL, "found more than %d dimensions, expected at most as many", ATTN_TS_DIMENSIONS);
    const attn_status status = attn_grow(p->ctx, p->name, &first, &p->first_room, k + 2, sizeof *ts->first);
    if (status) return status;
    ts->first = first;
    ts->first[k] = row->values;
    row->dimensions++;
    return ATTN_OK;
}

static attn_status bad_value(const struct attn_ts_lines *p, const struct row *row, const char *at, const char *end) {
    const int64_t begin = p->ts->first[p->ts->cases * p->ts->dimensions + row->dimensions - 1];
    char text[ATTN_WORD_SHOWN];
    const size_t length = strcspn(at, ",: \t\r\n");
    const char *stop = (size_t)(end - at) < length ? end : at + length;
    if (*at == '(' && at < end)
        return attn_ts_fail(p, ATTN_EUNSUPPORTED,
                            "found '(': series with timestamps are not read, expected values with ',' between, at equal distances");
    return attn_ts_fail(p, ATTN_EINVAL, "dimension %lld, value %lld: found '%s', expected a finite number, or ? where it is missing%s",
                        (long long)row->dimensions, (long long)row->values - begin + 1, attn_word_shown(at, stop, text),
                        p->ts->classes == 0 ? "; a class behind the series needs '@classLabel true NAMES' in the header" : "");
}

/* One value, and where it ends; NULL: it is none. */
static const char *take_value(const char *at, const char *end, double *value) {
    if (at < end && *at == '?') {
        *value = (double)NAN;
        return at + 1;
    }
    if (end - at >= 3 && strncasecmp(at, "nan", 3) == 0) {
        *value = (double)NAN;
        return at + 3;
    }
    const char *stop = at < end ? attn_number_read(at, value) : NULL;
    return stop && stop <= end && isfinite(*value) ? stop : NULL;
}

/* The values up to a ':' or to `end`; *next is where that is. */
static attn_status take_dimension(struct attn_ts_lines *p, struct row *row, const char *at, const char *end, const char **next) {
    attn_status status = begin_dimension(p, row);
    while (!status) {
        void *values = p->ts->value;
        const char *value = skip_blanks(at, end);
        double number;
        status = attn_grow(p->ctx, p->name, &values, &p->value_room, (size_t)row->values + 1, sizeof *p->ts->value);
        if (status) break;
        p->ts->value = values;
        const char *stop = take_value(value, end, &number);
        if (stop) stop = skip_blanks(stop, end);
        if (!stop || (stop < end && *stop != ',' && *stop != ':')) return bad_value(p, row, value, end);
        p->ts->value[row->values++] = number;
        *next = stop;
        if (stop == end || *stop == ':') break;
        at = stop + 1;
    }
    return status;
}

/* The number of the class that stands from `at` to `end`. */
static attn_status take_label(const struct attn_ts_lines *p, const char *at, const char *end, int32_t *label) {
    const struct attn_ts *ts = p->ts;
    char text[ATTN_WORD_SHOWN];
    at = skip_blanks(at, end);
    end = trim(at, end);
    const size_t length = (size_t)(end - at);
    *label = -1;
    if (length == 1 && *at == '?') return ATTN_OK;
    for (int64_t i = 0; i < ts->classes; i++)
        if (strlen(ts->class_name[i]) == length && memcmp(ts->class_name[i], at, length) == 0) {
            *label = (int32_t)i;
            return ATTN_OK;
        }
    return attn_ts_fail(p, ATTN_EINVAL, "found the class '%s', expected one of the %lld of @classLabel, as '%s'",
                        attn_word_shown(at, end, text), (long long)ts->classes, ts->class_name[0]);
}

static attn_status make_room(struct attn_ts_lines *p) {
    struct attn_ts *ts = p->ts;
    void *labels = ts->label, *lines = ts->line;
    attn_status status = attn_grow(p->ctx, p->name, &lines, &p->line_room, (size_t)ts->cases + 1, sizeof *ts->line);
    ts->line = lines;
    if (!status && ts->classes > 0) status = attn_grow(p->ctx, p->name, &labels, &p->label_room, (size_t)ts->cases + 1, sizeof *ts->label);
    ts->label = labels;
    return status;
}

/* What is known of all cases together. */
static void note_lengths(struct attn_ts *ts) {
    const int64_t *first = ts->first + ts->cases * ts->dimensions;
    for (int64_t d = 0; d < ts->dimensions; d++) {
        const int64_t length = first[d + 1] - first[d];
        ts->shortest = ts->longest == 0 || length < ts->shortest ? length : ts->shortest;
        ts->longest = length > ts->longest ? length : ts->longest;
        ts->ragged = ts->ragged || length != first[1] - first[0];
    }
}

static attn_status finish_case(struct attn_ts_lines *p, const struct row *row) {
    struct attn_ts *ts = p->ts;
    if (ts->dimensions == 0) ts->dimensions = row->dimensions;
    if (row->dimensions != ts->dimensions)
        return attn_ts_fail(p, ATTN_EINVAL, "found %lld dimension%s, expected %lld", (long long)row->dimensions,
                            row->dimensions == 1 ? "" : "s", (long long)ts->dimensions);
    ts->first[(ts->cases + 1) * ts->dimensions] = row->values;
    ts->line[ts->cases] = p->number;
    note_lengths(ts);
    ts->cases++;
    return ATTN_OK;
}

attn_status attn_ts_take_case(struct attn_ts_lines *p, const char *at, const char *end) {
    struct attn_ts *ts = p->ts;
    struct row row = {0, ts->cases > 0 ? ts->first[ts->cases * ts->dimensions] : 0};
    const char *last = end, *next = at;
    attn_status status = make_room(p);
    if (ts->classes > 0) {
        while (last > at && *last != ':') last--;
        if (last == at) return attn_ts_fail(p, ATTN_EINVAL, "found no ':', expected one and the class behind the series");
        if (!status) status = take_label(p, last + 1, end, &ts->label[ts->cases]);
    }
    while (!status) {
        status = take_dimension(p, &row, at, last, &next);
        if (status || next == last) break;
        at = next + 1;
    }
    return status ? status : finish_case(p, &row);
}

/* ------------------------------------------------------------------------------------------------------------ files */

static attn_status take_line(struct attn_ts_lines *p, const char *line, size_t length) {
    char text[ATTN_WORD_SHOWN];
    const char *end = trim(line, line + length), *at = skip_blanks(line, end);
    p->number++;
    if (at == end || *at == '#') return ATTN_OK;
    if (p->in_data) return attn_ts_take_case(p, at, end);
    if (*at == '@') return attn_ts_take_header(p, at, end);
    const size_t word = strcspn(at, ",: \t\r\n");
    return attn_ts_fail(p, ATTN_EINVAL, "found '%s', expected a comment (#), a line of the header (@), and '@data' before the first case",
                        attn_word_shown(at, (size_t)(end - at) < word ? end : at + word, text));
}

static attn_status finish(struct attn_ts_lines *p, attn_status status) {
    if (!status && !p->in_data)
        status =
            attn_fail(p->ctx, ATTN_EINVAL, "%s: found the end behind line %lld, expected '@data' and cases", p->name, (long long)p->number);
    if (!status && p->ts->cases == 0)
        status = attn_fail(p->ctx, ATTN_EINVAL, "%s: found no case behind '@data', expected one at least", p->name);
    if (status) attn_ts_free(p->ctx, p->ts);
    return status;
}

static struct attn_ts_lines begin(attn_ctx *ctx, const char *name, struct attn_ts *out) {
    *out = (struct attn_ts){.cases = 0};
    return (struct attn_ts_lines){.ctx = ctx, .name = name, .ts = out};
}

attn_status attn_ts_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_ts *out) {
    struct attn_ts_lines p = begin(ctx, path, out);
    struct attn_line_reader *reader;
    bool end = false;
    attn_status status = attn_line_reader_open(ctx, system, path, ATTN_TS_LINE, &reader);
    if (status) return status;
    while (!status && !end) {
        const char *line;
        size_t length;
        status = attn_line_reader_next(reader, &line, &length, &end);
        if (!status && !end) status = take_line(&p, line, length);
    }
    attn_line_reader_close(reader);
    return finish(&p, status);
}

/* Bytes with a 0 behind them. */
static attn_status take_text(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_ts *out) {
    struct attn_ts_lines p = begin(ctx, name, out);
    const size_t mark = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct attn_lines lines = attn_lines_of((const char *)bytes + mark, size - mark);
    attn_status status = ATTN_OK;
    const char *line;
    size_t length;
    while (!status && attn_lines_next(&lines, &line, &length)) status = take_line(&p, line, length);
    return finish(&p, status);
}

static attn_status take_bytes(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_ts *out) {
    uint8_t *plain;
    *out = (struct attn_ts){.cases = 0};
    if (size < 2 || bytes[0] != 0x1F || bytes[1] != 0x8B) return take_text(ctx, name, bytes, size, out);
    attn_status status = attn_inflate(ctx, name, ATTN_INFLATE_GZIP, bytes, size, SIZE_MAX / 2, &plain, &size);
    if (status) return status;
    status = take_text(ctx, name, plain, size, out);
    attn_free(ctx, plain);
    return status;
}

attn_status attn_ts_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_ts *out) {
    uint8_t *copy = attn_alloc(ctx, size + 1);
    *out = (struct attn_ts){.cases = 0};
    if (!copy) return attn_no_memory(ctx, name, size + 1);
    if (size > 0) memcpy(copy, bytes, size);
    copy[size] = 0;
    const attn_status status = take_bytes(ctx, name, copy, size, out);
    attn_free(ctx, copy);
    return status;
}

attn_status attn_ts_read_stream(attn_ctx *ctx, const char *name, FILE *in, struct attn_ts *out) {
    enum { BLOCK = 1 << 16 };
    void *bytes = NULL;
    size_t room = 0, size = 0, count = 1;
    attn_status status = ATTN_OK;
    *out = (struct attn_ts){.cases = 0};
    while (!status && count > 0) {
        status = attn_grow(ctx, name, &bytes, &room, size + BLOCK + 1, 1);
        if (status) break;
        errno = 0;
        count = fread((char *)bytes + size, 1, BLOCK, in);
        size += count;
        if (count == 0 && ferror(in))
            status = attn_fail(ctx, ATTN_ESYSTEM, "%s: cannot be read: %s", name, errno ? strerror(errno) : "a part of it was refused");
    }
    if (!status) {
        ((uint8_t *)bytes)[size] = 0;
        status = take_bytes(ctx, name, bytes, size, out);
    }
    attn_free(ctx, bytes);
    return status;
}

void attn_ts_free(attn_ctx *ctx, struct attn_ts *ts) {
    void *const arrays[] = {ts->class_name, ts->label, ts->line, ts->value, ts->first};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
    *ts = (struct attn_ts){.cases = 0};
}
