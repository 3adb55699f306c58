/* Answers to a table of the user's own sequences: of each what comes next, or, with --check, of each event what had been expected before it. */
#include "system/aaren/events_forecast.h"

#include "io/table.h"
#include "system/aaren/events_loss.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void attn_event_forecast_of(const struct attn_log_normals *m, const struct attn_event_clock *clock, double waited,
                            struct attn_event_forecast *out) {
    const double from = waited > 0 ? log(waited / clock->unit) : -HUGE_VAL, kept = waited > 0 ? attn_log_normals_survival(m, from) : 0;
    out->mean = clock->unit * exp(attn_log_normals_mean(m, from));
    out->low = clock->unit * exp(attn_log_normals_at(m, kept + log(0.95)));
    out->median = clock->unit * exp(attn_log_normals_at(m, kept + log(0.5)));
    out->high = clock->unit * exp(attn_log_normals_at(m, kept + log(0.05)));
}

void attn_event_shares(const attn_real *logits, int32_t count, double *out) {
    double most = -HUGE_VAL, sum = 0;
    for (int32_t m = 0; m < count; m++) most = fmax(most, (double)logits[m]);
    for (int32_t m = 0; m < count; m++) sum += out[m] = exp((double)logits[m] - most);
    for (int32_t m = 0; m < count; m++) out[m] /= sum;
}

void attn_event_cell(FILE *out, const char *text, size_t length) {
    bool plain = true;
    for (size_t i = 0; i < length; i++) plain = plain && !strchr(",\"\r\n", text[i]);
    if (!plain) fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') fputc('"', out);
        fputc(text[i], out);
    }
    if (!plain) fputc('"', out);
}

/* ------------------------------------------------------------------------------------------------------------- input */

struct bytes {
    uint8_t *at;
    size_t size, room;
};

static attn_status read_all(attn_ctx *ctx, const char *name, FILE *in, struct bytes *out) {
    enum { BLOCK = 1 << 16 };
    for (;;) {
        void *at = out->at;
        const attn_status status = attn_grow(ctx, name, &at, &out->room, out->size + BLOCK, 1);
        out->at = at;
        if (status) return status;
        errno = 0;
        const size_t got = fread(out->at + out->size, 1, BLOCK, in);
        out->size += got;
        if (out->size > ATTN_TABLE_BYTES)
            return attn_fail(ctx, ATTN_EINVAL, "%s: found more than %d bytes, expected a smaller table", name, ATTN_TABLE_BYTES);
        if (got < BLOCK && ferror(in)) return attn_fail(ctx, ATTN_ESYSTEM, "%s: reading failed: %s", name, strerror(errno));
        if (got < BLOCK) return ATTN_OK;
    }
}

/* ----------------------------------------------------------------------------------------------------------- answers */

struct question {
    struct attn_job *job;
    const struct attn_events *events;
    double *share; /* [marks] */
    FILE *out;
};

static void put_mark(const struct question *q, int32_t mark) {
    size_t length;
    const struct attn_event_task *s = q->job->self;
    const char *name = attn_vocabulary_get(&s->marks, mark, &length);
    attn_event_cell(q->out, name, length);
}

static void put_name(const struct question *q, int64_t sequence) {
    size_t length;
    const char *name = attn_vocabulary_get(&q->events->names, (int32_t)sequence, &length);
    attn_event_cell(q->out, name, length);
}

static void put_forecast(const struct question *q, double time, const struct attn_event_forecast *f) {
    fprintf(q->out, ",%.12g,%.12g,%.12g,%.12g", time + f->mean, time + f->median, time + f->low, time + f->high);
}

static attn_status say(struct question *q, const attn_real **times, const attn_real **logits) {
    attn_tensor *marks = NULL;
    const attn_status status = attn_event_say(q->job, times, &marks);
    *logits = attn_data(marks);
    return status;
}

/* What comes behind the last event that is known, of as many events before it as the model takes. */
static attn_status answer_next(struct question *q, int64_t sequence) {
    struct attn_event_task *s = q->job->self;
    const struct attn_events *e = q->events;
    const int64_t begin = e->first[sequence], end = e->first[sequence + 1], events = end - begin - (e->mark[end - 1] < 0),
                  count = attn_min64(events, s->length - 1), last = begin + events - 1;
    const attn_real *times = NULL, *logits = NULL;
    struct attn_log_normals mixture;
    struct attn_event_forecast forecast;
    attn_status status = attn_event_batch_begin(q->job->ctx, &s->batch, &s->model.code, 1, count);
    if (status) return status;
    attn_event_batch_ask(&s->batch, 0, &s->model.code, e, begin + events - count, count);
    status = say(q, &times, &logits);
    if (status) return status;
    attn_event_mixture(s->model.components, times, &mixture);
    attn_event_forecast_of(&mixture, &s->model.code.clock, e->time[end - 1] - e->time[last], &forecast);
    attn_event_shares(logits, s->marks.count, q->share);
    put_name(q, sequence);
    fprintf(q->out, ",%lld,%.12g", (long long)events, e->time[last]);
    put_forecast(q, e->time[last], &forecast);
    for (int32_t m = 0; m < s->marks.count; m++) fprintf(q->out, ",%.6g", q->share[m]);
    fputc('\n', q->out);
    return ATTN_OK;
}

static void answer_event(struct question *q, int64_t sequence, int64_t row, const attn_real *times, const attn_real *logits) {
    const struct attn_event_task *s = q->job->self;
    const struct attn_events *e = q->events;
    struct attn_log_normals mixture;
    struct attn_event_forecast f;
    int32_t best = 0;
    attn_event_mixture(s->model.components, times, &mixture);
    attn_event_forecast_of(&mixture, &s->model.code.clock, 0, &f);
    attn_event_shares(logits, s->marks.count, q->share);
    for (int32_t m = 1; m < s->marks.count; m++)
        if (q->share[m] > q->share[best]) best = m;
    const double before = e->time[row - 1], span = e->time[row] - before;
    put_name(q, sequence);
    fprintf(q->out, ",%lld,%.12g,", (long long)(row - e->first[sequence]) + 1, e->time[row]);
    put_mark(q, e->mark[row]);
    put_forecast(q, before, &f);
    fprintf(q->out, ",%s,", span >= f.low && span <= f.high ? "yes" : "no");
    put_mark(q, best);
    fprintf(q->out, ",%.6g\n", q->share[e->mark[row]]);
}

/* Every event but the first, of piece after piece. */
static attn_status answer_check(struct question *q, int64_t sequence) {
    struct attn_event_task *s = q->job->self;
    const struct attn_events *e = q->events;
    struct attn_event_part part = {.pieces = 0};
    attn_status status = attn_event_part_add(q->job->ctx, e, sequence, sequence + 1, s->length, &part);
    for (int64_t p = 0; p < part.pieces && !status; p++) {
        const struct attn_event_piece *piece = &part.piece[p];
        const attn_real *times = NULL, *logits = NULL;
        status = attn_event_batch_begin(q->job->ctx, &s->batch, &s->model.code, 1, piece->count - 1);
        if (status) break;
        attn_event_batch_put(&s->batch, 0, &s->model.code, &part, piece, s->last);
        status = say(q, &times, &logits);
        for (int64_t i = 0; i < s->batch.rows && !status; i++)
            if (e->mark[piece->first + i + 1] >= 0)
                answer_event(q, sequence, piece->first + i + 1, times + i * 3 * s->model.components, logits + i * s->marks.count);
    }
    attn_event_part_free(q->job->ctx, &part);
    return status;
}

static void put_header(const struct question *q, bool check) {
    const struct attn_event_task *s = q->job->self;
    static const char forecast[] = "expected_time,median_time,low_time,high_time";
    if (check) {
        fprintf(q->out, "sequence_id,event,time,mark,%s,inside,likeliest_mark,p_mark\n", forecast);
        return;
    }
    fprintf(q->out, "sequence_id,events,last_time,%s", forecast);
    for (int32_t m = 0; m < s->marks.count; m++) {
        fputs(",p_", q->out);
        put_mark(q, m);
    }
    fputc('\n', q->out);
}

static attn_status answer_all(struct question *q, const struct attn_predict_options *options) {
    attn_ctx *ctx = q->job->ctx;
    attn_status status = ATTN_OK;
    if (options->picture && attn_picture_empty(options->picture)) status = attn_event_draw(q->job, q->events, 0, NULL, options->picture);
    if (!status) put_header(q, options->check);
    for (int64_t i = 0; i < q->events->sequences && !status; i++) {
        status = options->check ? answer_check(q, i) : answer_next(q, i);
        errno = 0;
        if (!status && (fflush(q->out) != 0 || ferror(q->out)))
            status = attn_fail(ctx, ATTN_ESYSTEM, "the answer cannot be written: %s", errno ? strerror(errno) : "a part of it was refused");
    }
    return status;
}

attn_status attn_event_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_event_task *s = job->self;
    attn_ctx *ctx = job->ctx;
    struct bytes bytes = {.at = NULL};
    struct attn_events events = {.sequences = 0};
    struct question q = {.job = job, .events = &events, .out = out};
    attn_status status = read_all(ctx, options->input, in, &bytes);
    if (!status) status = attn_events_parse(ctx, options->input, bytes.at, bytes.size, &s->options, &s->marks, &events);
    attn_free(ctx, bytes.at);
    const size_t size = (size_t)s->marks.count * sizeof *q.share;
    if (!status) q.share = attn_alloc(ctx, size);
    if (!status && !q.share) status = attn_no_memory(ctx, "an answer", size);
    if (!status) status = answer_all(&q, options);
    attn_free(ctx, q.share);
    attn_events_free(ctx, &events);
    return status;
}
