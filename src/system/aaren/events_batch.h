/* A batch of pieces of sequences, as models of events take it: padded on the right, with a list of what is to be said, and from where. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_BATCH_H
#define ATTN_SYSTEM_AAREN_EVENTS_BATCH_H

#include "attn_train.h"
#include "system/aaren/events_set.h"

/* How times of a file become a model's. */
struct attn_event_clock {
    double unit, least; /* by which times are divided; of times between events, the least that counts */
    bool absolute;      /* times count from the file's own 0, not from a piece's first event */
};

/* log of a time between events, in units. */
double attn_event_log_span(const struct attn_event_clock *clock, double span);

/* Numbers of a token beside its mark: encodings (Vaswani et al. 2017; Zuo et al. 2020) of a time, numbers 2 i and 2 i + 1 its sine and cosine over
 * 10000^(2 i / width); or, for recurrent encoders, a logarithm. */
enum attn_event_coding {
    ATTN_CODE_TIME, /* the time, from the piece's 0 on */
    ATTN_CODE_SPAN, /* the time since the event before */
    ATTN_CODE_BOTH, /* the time in the first half of the numbers, that since the event before in the second */
    ATTN_CODE_LOG   /* the logarithm of the time since the event before; width is 1 */
};
struct attn_event_code {
    struct attn_event_clock clock;
    int64_t width;
    enum attn_event_coding coding;
};
/* time: since the piece's 0; span: since the event before, below 0 of a piece's first; both in the file's unit. */
void attn_event_encode(const struct attn_event_code *code, double time, double span, attn_real *out);

struct attn_event_batch {
    int64_t count, tokens, rows; /* B; T: of the longest; R: targets in all */
    int32_t *mark;               /* [B, T]: from 1 on; 0: padding */
    attn_real *code;             /* [B, T, width]; zeros behind its end */
    int32_t *from;               /* [R]: which of the B T tokens says it */
    int32_t *next;               /* [R]: the mark that comes; -1: none that counts */
    double *y;                   /* [R]: attn_event_log_span of the time until then */
    double *span;                /* [R]: that time, in the file's units */
    int32_t *piece;              /* [R]: which of the batch's it belongs to */
    enum attn_event_target *target;
    int64_t room, width; /* tokens of B T that there is room for */
};

/* Begins a batch of `count` pieces of at most `tokens` tokens; memory grows where it must. Closed also after a failure. */
attn_status attn_event_batch_begin(attn_ctx *ctx, struct attn_event_batch *batch, const struct attn_event_code *code, int64_t count,
                                   int64_t tokens);
void attn_event_batch_close(attn_ctx *ctx, struct attn_event_batch *batch);

/* Puts the piece's events in, but the last row, and asks for what is behind each of them. Pieces come in their order, from 0 on. */
void attn_event_batch_put(struct attn_event_batch *batch, int64_t index, const struct attn_event_code *code,
                          const struct attn_event_part *part, const struct attn_event_piece *piece, enum attn_event_last last);
/* Puts `count` events in and asks what comes behind the last. */
void attn_event_batch_ask(struct attn_event_batch *batch, int64_t index, const struct attn_event_code *code,
                          const struct attn_events *events, int64_t first, int64_t count);

#endif
