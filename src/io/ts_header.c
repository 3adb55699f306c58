/* The header of a .ts file: one function a key. */
#include "base/nearest.h"
#include "io/number.h"
#include "io/ts_lines.h"
#include "io/utf8.h"
#include "io/vocabulary.h"

#include <string.h>
#include <strings.h>

struct words {
    const char *at, *end;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* The next word; false: there is none. */
static bool next_word(struct words *w, const char **word, size_t *length) {
    while (w->at < w->end && is_blank(*w->at)) w->at++;
    *word = w->at;
    while (w->at < w->end && !is_blank(*w->at)) w->at++;
    *length = (size_t)(w->at - *word);
    return *length > 0;
}

static bool is_word(const char *word, size_t length, const char *other) {
    return strlen(other) == length && strncasecmp(word, other, length) == 0;
}

/* What stands where something else was expected, or "nothing". */
static const char *shown(const char *word, size_t length, char text[ATTN_WORD_SHOWN]) {
    return length > 0 ? attn_word_shown(word, word + length, text) : "nothing";
}

static attn_status take_truth(const struct attn_ts_lines *p, struct words *w, const char *key, bool *truth) {
    const char *word;
    size_t length;
    char text[ATTN_WORD_SHOWN];
    next_word(w, &word, &length);
    *truth = is_word(word, length, "true");
    if (*truth || is_word(word, length, "false")) return ATTN_OK;
    return attn_ts_fail(p, ATTN_EINVAL, "@%s: found %s, expected true or false", key, shown(word, length, text));
}

static attn_status take_whole(const struct attn_ts_lines *p, struct words *w, const char *key, int64_t most, int64_t *whole) {
    const char *word;
    size_t length, i = 0;
    char text[ATTN_WORD_SHOWN];
    *whole = 0;
    next_word(w, &word, &length);
    for (; i < length && word[i] >= '0' && word[i] <= '9' && *whole <= most; i++) *whole = 10 * *whole + (word[i] - '0');
    if (length > 0 && i == length && *whole >= 1 && *whole <= most) return ATTN_OK;
    return attn_ts_fail(p, ATTN_EINVAL, "@%s: found %s, expected a whole number from 1 to %lld", key, shown(word, length, text),
                        (long long)most);
}

static attn_status problem_name(struct attn_ts_lines *p, struct words *w) {
    const char *word;
    size_t length;
    next_word(w, &word, &length);
    if (length >= sizeof p->ts->problem) length = sizeof p->ts->problem - 1;
    memcpy(p->ts->problem, word, length);
    p->ts->problem[length] = '\0';
    return ATTN_OK;
}

static attn_status time_stamps(struct attn_ts_lines *p, struct words *w) {
    bool truth;
    const attn_status status = take_truth(p, w, "timeStamps", &truth);
    if (status || !truth) return status;
    return attn_ts_fail(p, ATTN_EUNSUPPORTED, "@timeStamps true: series with timestamps are not read, expected values at equal distances");
}

static attn_status target_label(struct attn_ts_lines *p, struct words *w) {
    bool truth;
    const attn_status status = take_truth(p, w, "targetLabel", &truth);
    if (status || !truth) return status;
    return attn_ts_fail(p, ATTN_EUNSUPPORTED, "@targetLabel true: numbers to be predicted are not read, expected classes (@classLabel)");
}

static attn_status missing(struct attn_ts_lines *p, struct words *w) {
    bool truth;
    return take_truth(p, w, "missing", &truth);
}

static attn_status equal_length(struct attn_ts_lines *p, struct words *w) {
    bool truth;
    return take_truth(p, w, "equalLength", &truth);
}

static attn_status series_length(struct attn_ts_lines *p, struct words *w) {
    int64_t whole;
    return take_whole(p, w, "seriesLength", INT32_MAX, &whole);
}

static attn_status univariate(struct attn_ts_lines *p, struct words *w) {
    return take_truth(p, w, "univariate", &p->univariate);
}

static attn_status dimensions(struct attn_ts_lines *p, struct words *w) {
    return take_whole(p, w, "dimensions", ATTN_TS_DIMENSIONS, &p->ts->dimensions);
}

static attn_status add_class(struct attn_ts_lines *p, const char *word, size_t length) {
    struct attn_ts *ts = p->ts;
    void *names = ts->class_name;
    char text[ATTN_WORD_SHOWN];
    if (length >= ATTN_TS_NAME || attn_utf8_valid((const uint8_t *)word, length) != length)
        return attn_ts_fail(p, ATTN_EINVAL, "@classLabel: found '%s', expected names of at most %d bytes in UTF-8",
                            shown(word, length, text), ATTN_TS_NAME - 1);
    if (ts->classes == ATTN_TS_CLASSES)
        return attn_ts_fail(p, ATTN_EINVAL, "@classLabel: found more than %d classes, expected at most as many", ATTN_TS_CLASSES);
    for (int64_t i = 0; i < ts->classes; i++)
        if (strlen(ts->class_name[i]) == length && memcmp(ts->class_name[i], word, length) == 0)
            return attn_ts_fail(p, ATTN_EINVAL, "@classLabel: found '%s' twice, expected different names", ts->class_name[i]);
    const attn_status status =
        attn_grow(p->ctx, "names of classes", &names, &p->class_room, (size_t)ts->classes + 1, sizeof *ts->class_name);
    if (status) return status;
    ts->class_name = names;
    memcpy(ts->class_name[ts->classes], word, length);
    ts->class_name[ts->classes++][length] = '\0';
    return ATTN_OK;
}

static attn_status class_label(struct attn_ts_lines *p, struct words *w) {
    const char *word;
    size_t length;
    bool truth;
    attn_status status = take_truth(p, w, "classLabel", &truth);
    p->ts->classes = 0;
    while (!status && truth && next_word(w, &word, &length)) status = add_class(p, word, length);
    if (!status && truth && p->ts->classes == 0)
        status = attn_ts_fail(p, ATTN_EINVAL, "@classLabel true: found no names behind it, expected those of all classes");
    return status;
}

static attn_status data(struct attn_ts_lines *p, struct words *w) {
    (void)w;
    if (p->univariate && p->ts->dimensions > 1)
        return attn_ts_fail(p, ATTN_EINVAL, "found @univariate true and @dimensions %lld, expected one of them",
                            (long long)p->ts->dimensions);
    if (p->univariate) p->ts->dimensions = 1;
    p->in_data = true;
    return ATTN_OK;
}

static const struct {
    const char *name;
    attn_status (*take)(struct attn_ts_lines *p, struct words *w);
} keys[] = {{"problemName", problem_name},
            {"timeStamps", time_stamps},
            {"missing", missing},
            {"univariate", univariate},
            {"dimensions", dimensions},
            {"dimension", dimensions},
            {"equalLength", equal_length},
            {"seriesLength", series_length},
            {"classLabel", class_label},
            {"targetLabel", target_label},
            {"data", data}};
enum { KEYS = sizeof keys / sizeof keys[0] };

attn_status attn_ts_take_header(struct attn_ts_lines *p, const char *at, const char *end) {
    struct words w = {at + 1, end};
    const char *word, *names[KEYS], *nearest = NULL;
    char text[ATTN_WORD_SHOWN];
    size_t length;
    next_word(&w, &word, &length);
    for (int i = 0; i < KEYS; i++) {
        names[i] = keys[i].name;
        if (is_word(word, length, keys[i].name)) return keys[i].take(p, &w);
    }
    shown(word, length, text);
    if (length > 0) nearest = attn_nearest(text, names, KEYS);
    return attn_ts_fail(p, ATTN_EINVAL, "found '@%s', expected a key of a .ts file's header%s%s%s", length > 0 ? text : "",
                        nearest ? "; did you mean '@" : ", as @classLabel or @data", nearest ? nearest : "", nearest ? "'?" : "");
}
