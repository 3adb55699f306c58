/* Forecasts behind a table of the user's own, as CSV; with --check rows at its end are held out and stand beside the forecast. */
#include "system/aaren/forecast.h"

#include "io/date.h"
#include "io/table.h"
#include "io/vocabulary.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { PIECE = 1 << 16 };

/* What is asked: `held` rows behind the past are known. */
struct question {
    struct attn_job *job;
    const struct attn_forecast_series *series; /* in the units of the file */
    int64_t begin, held, interval;
    double *past, *forecast; /* standardised, [length, channels]; as the file, [horizon, channels] */
    attn_real *mark;         /* [length + horizon, marks] */
};

/* Everything that is to come, as bytes; freed by attn_free. */
static attn_status read_all(attn_ctx *ctx, FILE *in, const char *name, uint8_t **out, size_t *size) {
    uint8_t *bytes = NULL;
    size_t room = 0;
    attn_status status = ATTN_OK;
    *size = 0;
    for (size_t got = 1; got > 0 && !status; *size += got) {
        got = 0;
        status = *size < ATTN_TABLE_BYTES - PIECE ? attn_grow(ctx, "a table", (void **)&bytes, &room, *size + PIECE, 1)
                                                  : attn_fail(ctx, ATTN_EINVAL, "%s: found more than %d bytes, expected a smaller table",
                                                              name, ATTN_TABLE_BYTES - PIECE);
        if (!status) got = fread(bytes + *size, 1, PIECE, in);
    }
    if (!status && ferror(in)) status = attn_fail(ctx, ATTN_ESYSTEM, "%s: it cannot be read", name);
    *out = bytes;
    if (status) attn_free(ctx, bytes);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ asking */

/* Of row number i of the past and the horizon: its own time, behind the table's last row an interval more each. */
static int64_t second_of(const struct question *q, int64_t i) {
    const struct attn_forecast_series *s = q->series;
    const int64_t beyond = attn_max64(0, q->begin + i - (s->rows - 1));
    return s->second[q->begin + i - beyond] + beyond * q->interval;
}

static attn_status ask(struct question *q) {
    struct attn_forecast_task *s = q->job->self;
    const struct attn_forecast_shape *shape = &s->shape;
    const int64_t channels = shape->channels, marks = q->series->second ? shape->marks : 0;
    for (int64_t i = 0; i < shape->length * channels; i++) {
        const int64_t c = i % channels;
        q->past[i] = (q->series->value[q->begin * channels + i] - s->units.mean[c]) / s->units.deviation[c];
    }
    for (int64_t i = 0; marks > 0 && i < shape->length + shape->horizon; i++)
        attn_forecast_marks(second_of(q, i), marks, q->mark + i * marks);
    attn_forecast_fill(&s->asked, 0, q->past, marks > 0 ? q->mark : NULL, false);
    s->asked.count = 1;
    attn_tape_reset(attn_model_tape(q->job->model));
    attn_tensor *y = attn_forecast_model_forward(&s->model, &s->asked, false);
    if (!y) return attn_tape_status(attn_model_tape(q->job->model));
    for (int64_t i = 0; i < shape->horizon * channels; i++)
        q->forecast[i] = (double)attn_data(y)[i] * s->units.deviation[i % channels] + s->units.mean[i % channels];
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- answering */

/* A cell of text, quoted where it must be. */
static void put_text(FILE *out, const char *text, const char *behind) {
    const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted) fputc('"', out);
    for (const char *at = text; *at; at++) {
        if (*at == '"') fputc('"', out);
        fputc(*at, out);
    }
    fputs(behind, out);
    if (quoted) fputc('"', out);
}

static void put_header(const struct question *q, bool check, FILE *out) {
    const struct attn_forecast_task *s = q->job->self;
    fputs(q->series->second ? "date" : "row", out);
    for (int64_t c = 0; c < s->shape.channels; c++) {
        fputc(',', out);
        put_text(out, s->units.name[c], "");
        if (check) fputc(',', out);
        if (check) put_text(out, s->units.name[c], "_true");
    }
    fputc('\n', out);
}

static void put_row(const struct question *q, int64_t row, bool check, FILE *out) {
    const struct attn_forecast_task *s = q->job->self;
    const int64_t channels = s->shape.channels, at = q->begin + s->shape.length + row;
    char text[ATTN_DATE_TEXT];
    if (q->series->second) {
        const struct attn_date date = attn_date_of(second_of(q, s->shape.length + row));
        fputs(attn_date_text(&date, text), out);
    } else {
        fprintf(out, "%lld", (long long)at + 1);
    }
    for (int64_t c = 0; c < channels; c++) {
        fprintf(out, ",%.7g", q->forecast[row * channels + c]);
        if (check && row < q->held) fprintf(out, ",%.7g", q->series->value[at * channels + c]);
        if (check && row >= q->held) fputc(',', out);
    }
    fputc('\n', out);
}

/* The last channel: in the benchmarks' tables it is the target. */
static attn_status draw(const struct question *q, struct attn_picture *picture) {
    const struct attn_forecast_task *s = q->job->self;
    const int64_t channels = s->shape.channels;
    const bool whole = q->held == s->shape.horizon;
    return attn_forecast_draw(q->job->ctx, s, channels - 1, q->series->value + q->begin * channels, q->forecast,
                              whole ? q->series->value + (q->begin + s->shape.length) * channels : NULL, picture);
}

static attn_status answer(struct question *q, const struct attn_predict_options *options, FILE *out) {
    attn_ctx *ctx = q->job->ctx;
    const struct attn_forecast_task *s = q->job->self;
    attn_status status = ask(q);
    if (status) return status;
    put_header(q, options->check, out);
    for (int64_t i = 0; i < s->shape.horizon && !ferror(out); i++) put_row(q, i, options->check, out);
    errno = 0;
    if (fflush(out) != 0 || ferror(out))
        return attn_fail(ctx, ATTN_ESYSTEM, "the forecast cannot be written: %s", errno ? strerror(errno) : "a part of it was refused");
    return options->picture ? draw(q, options->picture) : ATTN_OK;
}

static attn_status open_question(struct question *q, const struct attn_predict_options *options) {
    const struct attn_forecast_task *s = q->job->self;
    const struct attn_forecast_shape *shape = &s->shape;
    const int64_t rows = q->series->rows, length = shape->length, own = attn_forecast_interval(q->series);
    attn_ctx *ctx = q->job->ctx;
    if (rows < length + (options->check ? 1 : 0))
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %lld rows, expected at least %lld: the model looks at length=%lld%s", options->input,
                         (long long)rows, (long long)length + (options->check ? 1 : 0), (long long)length,
                         options->check ? ", and --check holds some out behind them" : "");
    q->held = options->check ? attn_min64(shape->horizon, rows - length) : 0;
    q->begin = rows - q->held - length;
    q->interval = own > 0 ? own : s->units.interval;
    q->past = attn_alloc(ctx, (size_t)(length * shape->channels) * sizeof *q->past);
    q->forecast = attn_alloc(ctx, (size_t)(shape->horizon * shape->channels) * sizeof *q->forecast);
    q->mark = attn_alloc(ctx, (size_t)((length + shape->horizon) * shape->marks) * sizeof *q->mark);
    return q->past && q->forecast && q->mark ? ATTN_OK
                                             : attn_no_memory(ctx, "a forecast", (size_t)(length * shape->channels) * sizeof *q->past);
}

attn_status attn_forecast_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_forecast_task *s = job->self;
    attn_ctx *ctx = job->ctx;
    struct attn_forecast_series series = {.rows = 0};
    struct question q = {.job = job, .series = &series};
    uint8_t *bytes;
    size_t size;
    attn_status status = read_all(ctx, in, options->input, &bytes, &size);
    if (status) return status;
    status = attn_forecast_parse(ctx, options->input, bytes, size, s->missing, &series);
    attn_free(ctx, bytes);
    if (!status) status = attn_forecast_units_match(ctx, &s->units, options->input, &series);
    if (!status) status = open_question(&q, options);
    if (!status) status = answer(&q, options, out);
    attn_free(ctx, q.past);
    attn_free(ctx, q.forecast);
    attn_free(ctx, q.mark);
    attn_forecast_series_free(ctx, &series);
    return status;
}
