/* TSPLIB (Reinelt 1991): "KEYWORD: value" lines, then sections of numbers. Of distances only those in the plane are of points that can be drawn. */
#include "io/number.h"
#include "system/pointer/point_stream.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 32 };

static const char section[] = "NODE_COORD_SECTION";

/* What no tour of points in the plane depends on. */
static const char *const passed_over[] = {"COMMENT", "DISPLAY_DATA_TYPE", "EDGE_WEIGHT_FORMAT", "EDGE_DATA_FORMAT", NULL};
/* Keywords with one value that is read. */
static const struct {
    const char *word, *value, *expected;
} required[] = {{"TYPE", "TSP", "TSP"},
                {"EDGE_WEIGHT_TYPE", "EUC_2D", "EUC_2D, distances in the plane, which alone are supported"},
                {"NODE_COORD_TYPE", "TWOD_COORDS", "TWOD_COORDS"}};

struct header {
    int64_t dimension; /* 0: not yet said */
    bool plane;        /* EDGE_WEIGHT_TYPE has been read */
};

static size_t keyword_length(const char *line) {
    size_t n = 0;
    while (isupper((unsigned char)line[n]) || line[n] == '_' || (n > 0 && isdigit((unsigned char)line[n]))) n++;
    return n;
}

/* A keyword and ':', or the name of a section. */
bool attn_points_tsplib_begins(const char *line) {
    line += strspn(line, " \t");
    const size_t length = keyword_length(line);
    const char *behind = line + length + strspn(line + length, " \t");
    return length > 1 && (*behind == ':' || (length == sizeof section - 1 && strncmp(line, section, length) == 0));
}

/* Cuts the line into keyword and value, in place. */
static attn_status cut(struct attn_point_stream *s, char word[WORD], char **value) {
    char *line = s->text + strspn(s->text, " \t"), shown[ATTN_WORD_SHOWN], *end;
    const size_t length = keyword_length(line);
    *value = line;
    if (length == 0 || length >= WORD)
        return attn_point_fail(s, "found \"%s\", expected a keyword of TSPLIB, as NODE_COORD_SECTION", attn_word_shown(line, NULL, shown));
    memcpy(word, line, length);
    word[length] = '\0';
    *value += length + strspn(line + length, " \t");
    if (**value == ':') ++*value;
    *value += strspn(*value, " \t");
    for (end = *value + strlen(*value); end > *value && (end[-1] == ' ' || end[-1] == '\t'); end--) end[-1] = '\0';
    return ATTN_OK;
}

static attn_status take_dimension(const struct attn_point_stream *s, const char *value, struct header *h) {
    char shown[ATTN_WORD_SHOWN], *end;
    const long long count = strtoll(value, &end, 10);
    if (end == value || *end || count < 1 || count > ATTN_POINTS_MOST)
        return attn_point_fail(s, "found DIMENSION \"%s\", expected a number of cities from 1 to %d", attn_word_shown(value, NULL, shown),
                               ATTN_POINTS_MOST);
    h->dimension = count;
    return ATTN_OK;
}

static void take_name(struct attn_point_set *set, const char *value) {
    size_t n = 0;
    for (; n < sizeof set->name - 1 && value[n]; n++) set->name[n] = value[n] >= ' ' && value[n] < 0x7F ? value[n] : '?';
    set->name[n] = '\0';
}

static attn_status take_keyword(const struct attn_point_stream *s, const char *word, const char *value, struct header *h) {
    char shown[ATTN_WORD_SHOWN];
    if (strcmp(word, "NAME") == 0) {
        take_name(s->set, value);
        return ATTN_OK;
    }
    if (strcmp(word, "DIMENSION") == 0) return take_dimension(s, value, h);
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (strcmp(word, required[i].word) != 0) continue;
        if (strcmp(value, required[i].value) != 0)
            return attn_point_fail(s, "found %s \"%s\", expected %s", word, attn_word_shown(value, NULL, shown), required[i].expected);
        h->plane = h->plane || strcmp(word, "EDGE_WEIGHT_TYPE") == 0;
        return ATTN_OK;
    }
    for (const char *const *p = passed_over; *p; p++)
        if (strcmp(word, *p) == 0) return ATTN_OK;
    return attn_point_fail(s, "found %s, expected NAME, TYPE, COMMENT, DIMENSION, EDGE_WEIGHT_TYPE or NODE_COORD_SECTION", word);
}

/* Keywords up to NODE_COORD_SECTION. */
static attn_status take_header(struct attn_point_stream *s, struct header *h) {
    for (;;) {
        char word[WORD] = "", *value = s->text;
        attn_status status = ATTN_OK;
        if (s->ended) return attn_point_fail(s, "found the end, expected NODE_COORD_SECTION behind this line");
        if (!attn_point_line_blank(s) && !attn_point_line_comment(s)) {
            status = cut(s, word, &value);
            if (!status && strcmp(word, section) == 0) break;
            if (!status) status = take_keyword(s, word, value, h);
        }
        if (!status) status = attn_point_line(s);
        if (status) return status;
    }
    if (!h->plane) return attn_point_fail(s, "found NODE_COORD_SECTION, expected EDGE_WEIGHT_TYPE: EUC_2D before it");
    if (h->dimension == 0) return attn_point_fail(s, "found NODE_COORD_SECTION, expected DIMENSION before it");
    return ATTN_OK;
}

/* "3 345.0 750.0", of the city that is next. */
static attn_status take_city(struct attn_point_stream *s) {
    char shown[ATTN_WORD_SHOWN];
    const char *at = s->text;
    double value[3];
    for (int i = 0; i < 3; i++) {
        at += strspn(at, " \t");
        if (!*at) return attn_point_fail(s, "found %d numbers, expected 3: a city's number, x and y", i);
        if (!attn_point_number(&at, '\0', &value[i])) return attn_point_fail_word(s, "column", i + 1, at, NULL);
    }
    at += strspn(at, " \t");
    if (*at)
        return attn_point_fail(s, "found \"%s\" behind a city's coordinates, expected the line's end", attn_word_shown(at, NULL, shown));
    if (value[0] != (double)(s->set->n + 1))
        return attn_point_fail(s, "found city %.17g, expected %lld: cities stand in the order of their numbers, from 1", value[0],
                               (long long)s->set->n + 1);
    return attn_point_add(s, value[1], value[2]);
}

attn_status attn_points_take_tsplib(struct attn_point_stream *s) {
    struct header h = {0, false};
    attn_status status = take_header(s, &h);
    while (!status && !(status = attn_point_line(s)) && !s->ended) {
        char word[WORD], *value;
        if (attn_point_line_blank(s) || attn_point_line_comment(s)) continue;
        if (keyword_length(s->text + strspn(s->text, " \t")) > 0) {
            status = cut(s, word, &value);
            if (!status && strcmp(word, "EOF") == 0) break;
            if (!status) status = attn_point_fail(s, "found %s, expected EOF behind the cities", word);
        } else if (s->set->n == h.dimension) {
            status = attn_point_fail(s, "found a city more, expected %lld, as DIMENSION says", (long long)h.dimension);
        } else {
            status = take_city(s);
        }
    }
    if (!status && s->set->n != h.dimension)
        status = attn_point_fail(s, "found the end behind %lld cities, expected %lld, as DIMENSION says", (long long)s->set->n,
                                 (long long)h.dimension);
    return status;
}
