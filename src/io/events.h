/* Sequences of events from tables of text, one event a row:
 *
 *   sequence_id,time,mark
 *   0,1325376181.5,14
 *   0,1325618974.4,10
 *   0,1325650000,
 *   1,...
 *
 * Rows of a sequence lie one behind the other, and its times never fall (`sort` puts them in order); equal times are events at once. A row whose mark is
 * empty is no event: it says up to when the sequence was watched, and is its last. Other columns are passed over. CSV or TSV, plain or packed by gzip
 * (io/table.h).
 *
 * A time is a number in any unit, or a date, which is read in days since 1970: MM/DD/YYYY, or what io/date.h reads; both may come, with fractions of
 * seconds, which count here, and a 'Z' at the end. A file has numbers or dates, as its first row says. */
#ifndef ATTN_IO_EVENTS_H
#define ATTN_IO_EVENTS_H

#include "base/file.h"
#include "io/vocabulary.h"

enum { ATTN_EVENTS_MARKS = 65536, ATTN_EVENTS_BOUNDS = 64, ATTN_EVENTS_COLUMN = 128, ATTN_EVENTS_END = -1 };

struct attn_events_options {
    /* Columns by name, or by number from 1. sequence "": all rows are one sequence; mark "": all events have the mark "event". */
    char sequence[ATTN_EVENTS_COLUMN], time[ATTN_EVENTS_COLUMN], mark[ATTN_EVENTS_COLUMN];
    /* Where there are bounds, a mark is a number, and what counts is how many bounds are at most as great; they rise. */
    double bound[ATTN_EVENTS_BOUNDS];
    int bounds;
    bool sort; /* rows of a sequence may come in any order, and are put in that of their times; else times that fall are refused */
};
void attn_events_options_init(struct attn_events_options *options); /* "sequence_id", "time", "mark"; no bounds */
/* Bounds from a text, "6+6.5+7"; false: they are none that rise. "" has none. */
bool attn_events_bounds(const char *text, struct attn_events_options *options);

/* All zeros: nothing. Freed by attn_events_free. */
struct attn_events {
    int64_t sequences, events;    /* events: rows, with those that end a sequence */
    int64_t *first;               /* [sequences + 1]: where sequence i begins; it ends where the next begins */
    double *time;                 /* [events] */
    int32_t *mark;                /* [events]: a number of `marks`, or ATTN_EVENTS_END */
    struct attn_vocabulary names; /* of sequences, in the file's order */
    struct attn_vocabulary marks; /* numbers in rising order where all are whole numbers, else in the order in which they came */
};

/* known: the marks that there may be, which `marks` becomes a copy of; NULL: those that come. ATTN_EINVAL, with line and column: no such column, a time
 * that is none or falls, a sequence that goes on behind another, a mark that is not known, an end that nothing is before, or something behind it; no row
 * at all; more marks than ATTN_EVENTS_MARKS. */
attn_status attn_events_read(attn_ctx *ctx, const char *path, const struct attn_events_options *options,
                             const struct attn_vocabulary *known, struct attn_events *out);
/* The same from the bytes of such a file; `name` stands for it in messages. */
attn_status attn_events_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, const struct attn_events_options *options,
                              const struct attn_vocabulary *known, struct attn_events *out);
/* For times that are known to `span` alone, as dates are to a day: moves each event by a random part of it, and rows that end a sequence by all of it, and
 * puts rows in order again. What was at once lies apart then, and densities of times between events are of something. ATTN_ENOMEM. */
attn_status attn_events_jitter(attn_ctx *ctx, struct attn_events *events, double span, uint64_t seed);
void attn_events_free(attn_ctx *ctx, struct attn_events *events);

/* A time as above, in a cell's text. *date: it is a date. */
bool attn_event_time(const char *text, double *time, bool *date);

/* The mark of a number under bounds. */
int32_t attn_event_class(const struct attn_events_options *options, double value);
/* Names of classes in their order: "below 6", "6 to 6.5", "from 7". */
attn_status attn_event_class_names(attn_ctx *ctx, const struct attn_events_options *options, struct attn_vocabulary *out);

#endif
