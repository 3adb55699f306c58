#include "system/pointer/point_stream.h"

#include "io/number.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { LINE_FIRST = 256, POINTS_FIRST = 64 };

attn_status attn_point_fail(const struct attn_point_stream *s, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return attn_fail(s->ctx, ATTN_EINVAL, "%s: line %lld: %s", s->name, (long long)s->set->line, sentence);
}

attn_status attn_point_fail_word(const struct attn_point_stream *s, const char *place, int64_t number, const char *begin, const char *end) {
    char shown[ATTN_WORD_SHOWN];
    return attn_fail(s->ctx, ATTN_EINVAL, "%s: line %lld, %s %lld: found \"%s\", expected a finite number", s->name,
                     (long long)s->set->line, place, (long long)number, attn_word_shown(begin, end, shown));
}

static attn_status grow_line(struct attn_point_stream *s) {
    const size_t room = s->text_room == 0 ? LINE_FIRST : 2 * s->text_room;
    if (room > ATTN_POINTS_LINE) return attn_point_fail(s, "found more than %zu bytes, expected a shorter line", s->text_room);
    char *text = attn_alloc(s->ctx, room);
    if (!text) return attn_no_memory(s->ctx, s->name, room);
    if (s->length > 0) memcpy(text, s->text, s->length);
    attn_free(s->ctx, s->text);
    s->text = text;
    s->text_room = room;
    return ATTN_OK;
}

/* What is no text, by a byte 0 in it or by how it begins. */
static attn_status check_text(const struct attn_point_stream *s, int c) {
    const bool packed = s->set->line == 1 && s->length == 2 && memcmp(s->text, "\x1F\x8B", 2) == 0;
    if (packed) return attn_point_fail(s, "found data packed by gzip, expected text: unpack it first, as by gzip -dc");
    return c == '\0' ? attn_point_fail(s, "found a byte 0, expected text") : ATTN_OK;
}

attn_status attn_point_line(struct attn_point_stream *s) {
    attn_status status = ATTN_OK;
    int c;
    s->length = 0;
    s->set->line++;
    flockfile(s->in);
    while ((c = getc_unlocked(s->in)) != EOF && c != '\n') {
        if (s->length + 1 >= s->text_room) status = grow_line(s);
        if (!status) status = check_text(s, c);
        if (status) break;
        s->text[s->length++] = (char)c;
    }
    funlockfile(s->in);
    if (!status && c == EOF && ferror(s->in))
        status = attn_fail(s->ctx, ATTN_ESYSTEM, "%s: line %lld: reading failed: %s", s->name, (long long)s->set->line, strerror(errno));
    if (!status && s->text_room == 0) status = grow_line(s);
    if (status) return status;
    s->ended = c == EOF && s->length == 0;
    if (s->ended) s->set->line--;
    if (s->length > 0 && s->text[s->length - 1] == '\r') s->length--;
    s->text[s->length] = '\0';
    if (s->set->line == 1 && strncmp(s->text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
        s->length -= 3;
        memmove(s->text, s->text + 3, s->length + 1);
    }
    return ATTN_OK;
}

bool attn_point_line_blank(const struct attn_point_stream *s) {
    return s->text[strspn(s->text, " \t")] == '\0';
}

bool attn_point_line_comment(const struct attn_point_stream *s) {
    return s->text[strspn(s->text, " \t")] == '#';
}

attn_status attn_point_add(struct attn_point_stream *s, double x, double y) {
    struct attn_point_set *set = s->set;
    if (set->n == ATTN_POINTS_MOST)
        return attn_point_fail(s, "found more than %d points, expected at most that many in a set", ATTN_POINTS_MOST);
    if ((size_t)set->n == s->room) {
        const size_t room = s->room == 0 ? POINTS_FIRST : 2 * s->room, bytes = 2 * room * sizeof(double);
        double *xy = attn_alloc(s->ctx, bytes);
        if (!xy) return attn_no_memory(s->ctx, s->name, bytes);
        if (set->n > 0) memcpy(xy, set->xy, 2 * (size_t)set->n * sizeof(double));
        attn_free(s->ctx, set->xy);
        set->xy = xy;
        s->room = room;
    }
    set->xy[2 * set->n] = x;
    set->xy[2 * set->n + 1] = y;
    set->n++;
    return ATTN_OK;
}

bool attn_point_number(const char **at, char stop, double *value) {
    const char *end = attn_number_read(*at, value);
    if (!end || !isfinite(*value) || (*end && *end != ' ' && *end != '\t' && *end != stop)) return false;
    *at = end;
    return true;
}
