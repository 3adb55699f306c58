#include "system/aaren/events_batch.h"

#include <math.h>
#include <string.h>

double attn_event_log_span(const struct attn_event_clock *clock, double span) {
    return log(fmax(span, clock->least) / clock->unit);
}

/* Sines and cosines of a time in units. */
static void put_waves(double time, int64_t width, attn_real *out) {
    for (int64_t i = 0; i < width; i += 2) {
        const double angle = time * pow(10000, -(double)i / (double)width);
        out[i] = (attn_real)sin(angle);
        if (i + 1 < width) out[i + 1] = (attn_real)cos(angle);
    }
}

void attn_event_encode(const struct attn_event_code *code, double time, double span, attn_real *out) {
    const int64_t half = code->width / 2;
    const double unit = code->clock.unit;
    switch (code->coding) {
    case ATTN_CODE_TIME:
        put_waves(time / unit, code->width, out);
        break;
    case ATTN_CODE_SPAN:
        put_waves(fmax(span, 0) / unit, code->width, out);
        break;
    case ATTN_CODE_BOTH:
        put_waves(time / unit, half, out);
        put_waves(fmax(span, 0) / unit, code->width - half, out + half);
        break;
    case ATTN_CODE_LOG:
        out[0] = (attn_real)(span >= 0 ? attn_event_log_span(&code->clock, span) : 0);
        break;
    }
}

void attn_event_batch_close(attn_ctx *ctx, struct attn_event_batch *b) {
    void *const arrays[] = {b->mark, b->code, b->from, b->next, b->y, b->span, b->piece, b->target};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
    *b = (struct attn_event_batch){.count = 0};
}

attn_status attn_event_batch_begin(attn_ctx *ctx, struct attn_event_batch *b, const struct attn_event_code *code, int64_t count,
                                   int64_t tokens) {
    const int64_t room = count * tokens;
    if (room > b->room || b->width != code->width) {
        const size_t n = (size_t)room;
        attn_event_batch_close(ctx, b);
        b->mark = attn_alloc(ctx, n * sizeof *b->mark);
        b->code = attn_alloc(ctx, n * (size_t)code->width * sizeof *b->code);
        b->from = attn_alloc(ctx, n * sizeof *b->from);
        b->next = attn_alloc(ctx, n * sizeof *b->next);
        b->y = attn_alloc(ctx, n * sizeof *b->y);
        b->span = attn_alloc(ctx, n * sizeof *b->span);
        b->piece = attn_alloc(ctx, n * sizeof *b->piece);
        b->target = attn_alloc(ctx, n * sizeof *b->target);
        if (!b->mark || !b->code || !b->from || !b->next || !b->y || !b->span || !b->piece || !b->target)
            return attn_no_memory(ctx, "a batch of events", n * (size_t)code->width * sizeof *b->code);
        b->room = room;
        b->width = code->width;
    }
    b->count = count;
    b->tokens = tokens;
    b->rows = 0;
    memset(b->mark, 0, (size_t)room * sizeof *b->mark);
    memset(b->code, 0, (size_t)(room * b->width) * sizeof *b->code);
    return ATTN_OK;
}

static void put_events(struct attn_event_batch *b, int64_t index, const struct attn_event_code *code, const struct attn_events *events,
                       int64_t first, int64_t count) {
    const struct attn_event_clock *clock = &code->clock;
    const double zero = clock->absolute ? 0 : events->time[first];
    for (int64_t i = 0; i < count; i++) {
        const double time = events->time[first + i], span = i > 0 ? time - events->time[first + i - 1] : -1;
        const int64_t token = index * b->tokens + i;
        b->mark[token] = events->mark[first + i] + 1;
        attn_event_encode(code, time - zero, span, b->code + token * b->width);
    }
}

void attn_event_batch_put(struct attn_event_batch *b, int64_t index, const struct attn_event_code *code, const struct attn_event_part *part,
                          const struct attn_event_piece *piece, enum attn_event_last last) {
    const struct attn_events *events = part->events;
    put_events(b, index, code, events, piece->first, piece->count - 1);
    for (int64_t i = 1; i < piece->count; i++) {
        const int64_t row = piece->first + i, at = b->rows++;
        b->from[at] = (int32_t)(index * b->tokens + i - 1);
        b->target[at] = attn_event_target_of(part, piece, i, last);
        b->next[at] = b->target[at] == ATTN_EVENT_SURVIVAL ? -1 : events->mark[row];
        b->span[at] = events->time[row] - events->time[row - 1];
        b->y[at] = attn_event_log_span(&code->clock, b->span[at]);
        b->piece[at] = (int32_t)index;
    }
}

void attn_event_batch_ask(struct attn_event_batch *b, int64_t index, const struct attn_event_code *code, const struct attn_events *events,
                          int64_t first, int64_t count) {
    put_events(b, index, code, events, first, count);
    const int64_t at = b->rows++;
    b->from[at] = (int32_t)(index * b->tokens + count - 1);
    b->target[at] = ATTN_EVENT_SURVIVAL;
    b->next[at] = -1;
    b->span[at] = 0;
    b->y[at] = 0;
    b->piece[at] = (int32_t)index;
}
