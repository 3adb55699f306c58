/* A table's rows become sequences, from the first on. */
#include "io/events.h"

#include "base/random.h"
#include "io/number.h"
#include "io/table.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1 /* a column that is not asked for */ };

struct reading {
    attn_ctx *ctx;
    const struct attn_events_options *options;
    const struct attn_vocabulary *known;
    struct attn_table table;
    int64_t sequence, time, mark; /* columns */
    bool dates;                   /* the first row's time is one */
    struct attn_events *out;
};

void attn_events_options_init(struct attn_events_options *options) {
    *options = (struct attn_events_options){.sequence = "sequence_id", .time = "time", .mark = "mark"};
}

void attn_events_free(attn_ctx *ctx, struct attn_events *events) {
    attn_free(ctx, events->first);
    attn_free(ctx, events->time);
    attn_free(ctx, events->mark);
    attn_vocabulary_free(ctx, &events->names);
    attn_vocabulary_free(ctx, &events->marks);
    *events = (struct attn_events){.sequences = 0};
}

static attn_status wrong(const struct reading *r, size_t row, int64_t column, const char *expected) {
    char shown[ATTN_WORD_SHOWN];
    const char *text = column == NONE ? "" : attn_table_text(&r->table, row, (size_t)column);
    return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %u, column %lld: found '%s', expected %s", r->table.name, r->table.line[row],
                     (long long)column + 1, attn_word_shown(text, text + strlen(text), shown), expected);
}

/* ------------------------------------------------------------------------------------------------------------- cells */

static attn_status take_time(struct reading *r, size_t row) {
    double *time = &r->out->time[row];
    bool date;
    if (!attn_event_time(attn_table_text(&r->table, row, (size_t)r->time), time, &date))
        return wrong(r, row, r->time, "a number of at most 1e30, or a date as 12/31/1999 or 1999-12-31");
    if (row == 0) r->dates = date;
    if (date != r->dates) return wrong(r, row, r->time, r->dates ? "a date, as in the first row" : "a number, as in the first row");
    return ATTN_OK;
}

/* The list of known marks, as far as it is short. */
static attn_status unknown_mark(const struct reading *r, size_t row) {
    char expected[256] = "";
    attn_append(expected, sizeof expected, "one of %d marks:", r->known->count);
    for (int32_t i = 0; i < r->known->count && i < 24; i++) {
        size_t length;
        const char *name = attn_vocabulary_get(r->known, i, &length);
        attn_append(expected, sizeof expected, "%s %.*s", i > 0 ? "," : "", (int)length, name);
    }
    if (r->known->count > 24) attn_append(expected, sizeof expected, ", ...");
    return wrong(r, row, r->mark, expected);
}

static attn_status take_class(const struct reading *r, size_t row, int32_t *mark) {
    const char *text = attn_table_text(&r->table, row, (size_t)r->mark);
    double value;
    const char *end = attn_number_read(text, &value);
    if (!end || *end || !isfinite(value)) return wrong(r, row, r->mark, "a number, as marks are classes of numbers");
    *mark = attn_event_class(r->options, value);
    return ATTN_OK;
}

static attn_status take_mark(struct reading *r, size_t row) {
    const char *text = r->mark == NONE ? "event" : attn_table_text(&r->table, row, (size_t)r->mark);
    int32_t *mark = &r->out->mark[row];
    if (!*text) {
        *mark = ATTN_EVENTS_END;
        return ATTN_OK;
    }
    if (r->options->bounds > 0 && r->mark != NONE) return take_class(r, row, mark);
    if (r->known) {
        *mark = attn_vocabulary_find(r->known, text, strlen(text));
        return *mark < 0 ? unknown_mark(r, row) : ATTN_OK;
    }
    const attn_status status = attn_vocabulary_add(r->ctx, &r->out->marks, text, strlen(text), mark);
    if (!status && r->out->marks.count > ATTN_EVENTS_MARKS) return wrong(r, row, r->mark, "at most 65536 different marks");
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- rows */

/* Whether a sequence begins here. Names that come back are refused: their events might be others'. */
static attn_status take_name(struct reading *r, size_t row, bool *fresh) {
    const char *text = r->sequence == NONE ? "all" : attn_table_text(&r->table, row, (size_t)r->sequence);
    struct attn_vocabulary *names = &r->out->names;
    const int32_t before = names->count;
    int32_t number;
    const attn_status status = attn_vocabulary_add(r->ctx, names, text, strlen(text), &number);
    if (status) return status;
    *fresh = number == before;
    if (number < names->count - 1)
        return wrong(r, row, r->sequence, "rows of a sequence one behind the other, and this one came before another");
    return ATTN_OK;
}

static attn_status take_row(struct reading *r, size_t row) {
    struct attn_events *out = r->out;
    bool fresh = false;
    attn_status status = take_name(r, row, &fresh);
    if (!status) status = take_time(r, row);
    if (!status) status = take_mark(r, row);
    if (status) return status;
    if (fresh) out->first[out->sequences++] = (int64_t)row;
    if (r->options->sort) return ATTN_OK;
    if (fresh) return out->mark[row] == ATTN_EVENTS_END ? wrong(r, row, r->mark, "an event before the end of its sequence") : ATTN_OK;
    if (out->mark[row - 1] == ATTN_EVENTS_END)
        return wrong(r, row, r->mark, "nothing behind the row without a mark, which ends its sequence");
    if (out->time[row] < out->time[row - 1]) return wrong(r, row, r->time, "a time that is not before that of the row above");
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- order */

struct event {
    double time;
    int64_t row;
    int32_t mark;
};

static int by_time(const void *a, const void *b) {
    const struct event *x = a, *y = b;
    if (x->time < y->time || x->time > y->time) return x->time < y->time ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Sequence `sequence`, by means of room for its rows. */
static void sort_sequence(struct attn_events *out, int64_t sequence, struct event *room) {
    const int64_t first = out->first[sequence], count = out->first[sequence + 1] - first;
    for (int64_t i = 0; i < count; i++) room[i] = (struct event){out->time[first + i], i, out->mark[first + i]};
    qsort(room, (size_t)count, sizeof *room, by_time);
    for (int64_t i = 0; i < count; i++) {
        out->time[first + i] = room[i].time;
        out->mark[first + i] = room[i].mark;
    }
}

static attn_status check_end(const struct reading *r, int64_t sequence) {
    const struct attn_events *out = r->out;
    char shown[ATTN_WORD_SHOWN];
    size_t length;
    for (int64_t i = out->first[sequence]; i < out->first[sequence + 1]; i++) {
        const bool first = i == out->first[sequence];
        if (out->mark[first ? i : i - 1] != ATTN_EVENTS_END) continue;
        const char *name = attn_vocabulary_get(&out->names, (int32_t)sequence, &length);
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: sequence '%s': found a row at %.12g %s, expected it behind all events", r->table.name,
                         attn_word_shown(name, name + length, shown), out->time[i],
                         first ? "without a mark" : "behind the row without a mark");
    }
    return ATTN_OK;
}

static attn_status sort_rows(struct reading *r) {
    struct attn_events *out = r->out;
    const size_t bytes = (size_t)out->events * sizeof(struct event);
    struct event *room = attn_alloc(r->ctx, bytes);
    attn_status status = ATTN_OK;
    if (!room) return attn_no_memory(r->ctx, r->table.name, bytes);
    for (int64_t s = 0; s < out->sequences && !status; s++) {
        sort_sequence(out, s, room);
        status = check_end(r, s);
    }
    attn_free(r->ctx, room);
    return status;
}

attn_status attn_events_jitter(attn_ctx *ctx, struct attn_events *events, double span, uint64_t seed) {
    struct attn_random random;
    const size_t bytes = (size_t)events->events * sizeof(struct event);
    struct event *room = attn_alloc(ctx, bytes);
    if (!room) return attn_no_memory(ctx, "times of events", bytes);
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < events->events; i++)
        events->time[i] += span * (events->mark[i] == ATTN_EVENTS_END ? 1 : attn_random_uniform(&random));
    for (int64_t s = 0; s < events->sequences; s++) sort_sequence(events, s, room);
    attn_free(ctx, room);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ marks */

struct numbered {
    double value;
    int32_t number;
};

static int by_value(const void *a, const void *b) {
    const struct numbered *x = a, *y = b;
    if (x->value < y->value || x->value > y->value) return x->value < y->value ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* False: not all of them are whole numbers. */
static bool number_marks(const struct attn_vocabulary *marks, struct numbered *out) {
    for (int32_t i = 0; i < marks->count; i++) {
        char text[32];
        size_t length;
        const char *name = attn_vocabulary_get(marks, i, &length);
        if (length >= sizeof text) return false;
        memcpy(text, name, length);
        text[length] = '\0';
        const char *end = attn_number_read(text, &out[i].value);
        if (!end || *end || !isfinite(out[i].value) || out[i].value != floor(out[i].value)) return false;
        out[i].number = i;
    }
    return true;
}

static attn_status add_copies(attn_ctx *ctx, const struct attn_vocabulary *from, const struct numbered *order, struct attn_vocabulary *to) {
    attn_status status = ATTN_OK;
    for (int32_t i = 0; i < from->count && !status; i++) {
        size_t length;
        int32_t number;
        const char *name = attn_vocabulary_get(from, order ? order[i].number : i, &length);
        status = attn_vocabulary_add(ctx, to, name, length, &number);
    }
    return status;
}

static attn_status sort_marks(struct reading *r) {
    struct attn_events *out = r->out;
    struct attn_vocabulary sorted = {.count = 0};
    const size_t bytes = (size_t)out->marks.count * (sizeof(struct numbered) + sizeof(int32_t));
    struct numbered *order = attn_alloc(r->ctx, bytes);
    if (!order) return attn_no_memory(r->ctx, r->table.name, bytes);
    int32_t *place = (int32_t *)(order + out->marks.count);
    attn_status status = ATTN_OK;
    if (number_marks(&out->marks, order)) {
        qsort(order, (size_t)out->marks.count, sizeof *order, by_value);
        status = add_copies(r->ctx, &out->marks, order, &sorted);
        for (int32_t i = 0; i < out->marks.count; i++) place[order[i].number] = i;
        for (int64_t i = 0; i < out->events && !status; i++)
            if (out->mark[i] >= 0) out->mark[i] = place[out->mark[i]];
        if (status) {
            attn_vocabulary_free(r->ctx, &sorted);
        } else {
            attn_vocabulary_free(r->ctx, &out->marks);
            out->marks = sorted;
        }
    }
    attn_free(r->ctx, order);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- a file */

static attn_status find_column(const struct reading *r, const char *name, int64_t *column) {
    size_t found = 0;
    *column = NONE;
    if (!*name) return ATTN_OK;
    const attn_status status = attn_table_column(r->ctx, &r->table, name, &found);
    if (!status) *column = (int64_t)found;
    return status;
}

static attn_status make_room(const struct reading *r) {
    struct attn_events *out = r->out;
    const size_t rows = r->table.rows;
    out->events = (int64_t)rows;
    out->first = attn_alloc(r->ctx, (rows + 1) * sizeof *out->first);
    out->time = attn_alloc(r->ctx, rows * sizeof *out->time);
    out->mark = attn_alloc(r->ctx, rows * sizeof *out->mark);
    if (out->first && out->time && out->mark) return ATTN_OK;
    return attn_no_memory(r->ctx, r->table.name, rows * (sizeof *out->first + sizeof *out->time + sizeof *out->mark));
}

static attn_status take_table(struct reading *r) {
    const struct attn_events_options *o = r->options;
    struct attn_events *out = r->out;
    attn_status status = find_column(r, o->sequence, &r->sequence);
    if (!status) status = find_column(r, o->time, &r->time);
    if (!status) status = find_column(r, o->mark, &r->mark);
    if (!status && r->time == NONE) status = attn_fail(r->ctx, ATTN_EINVAL, "%s: expected the name of a column of times", r->table.name);
    if (!status && r->table.rows == 0)
        status = attn_fail(r->ctx, ATTN_EINVAL, "%s: found no row, expected an event at least", r->table.name);
    if (!status) status = make_room(r);
    if (!status && r->known) status = add_copies(r->ctx, r->known, NULL, &out->marks);
    if (!status && !r->known && o->bounds > 0 && r->mark != NONE) status = attn_event_class_names(r->ctx, o, &out->marks);
    for (size_t row = 0; row < r->table.rows && !status; row++) status = take_row(r, row);
    if (status) return status;
    assert(out->first); /* there are rows */
    out->first[out->sequences] = out->events;
    if (o->sort) status = sort_rows(r);
    return status || r->known || o->bounds > 0 ? status : sort_marks(r);
}

static attn_status finish(struct reading *r, attn_status status) {
    if (!status) status = take_table(r);
    attn_table_free(r->ctx, &r->table);
    if (status) attn_events_free(r->ctx, r->out);
    return status;
}

attn_status attn_events_read(attn_ctx *ctx, const char *path, const struct attn_events_options *options,
                             const struct attn_vocabulary *known, struct attn_events *out) {
    struct reading r = {.ctx = ctx, .options = options, .known = known, .out = out};
    const struct attn_table_options table = {.header = true};
    *out = (struct attn_events){.sequences = 0};
    return finish(&r, attn_table_read(ctx, NULL, path, &table, &r.table));
}

attn_status attn_events_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, const struct attn_events_options *options,
                              const struct attn_vocabulary *known, struct attn_events *out) {
    struct reading r = {.ctx = ctx, .options = options, .known = known, .out = out};
    const struct attn_table_options table = {.header = true};
    *out = (struct attn_events){.sequences = 0};
    return finish(&r, attn_table_parse(ctx, name, bytes, size, &table, &r.table));
}
