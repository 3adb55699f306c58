/* aaren/forecast as a stream: a row of channels in, the forecast of the next rows out. What is known of the past is in the state, in this order: weight, means and
 * squares of the running normalisation, the last row, each number as the sum of two, so that many rows add up in float, too; the normalised rows before the next
 * token's own; whether there is a time, its day and its second of the day; the blocks' state. */
#include "system/aaren/forecast.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

enum { PAIR = 2, TIMES = 3, DAY = 86400 };
static const double earliest = -62135596800.0, latest = 253402300799.0; /* of years 1 to 9999, seconds since 1970 */

void attn_forecast_stream_free(attn_ctx *ctx, struct attn_forecast_stream *x) {
    attn_free(ctx, x->name);
    attn_free(ctx, x->text);
    attn_free(ctx, x->row);
    attn_free(ctx, x->last);
    attn_free(ctx, x->token);
    attn_free(ctx, x->running.mean);
    attn_free(ctx, x->running.square);
    *x = (struct attn_forecast_stream){.name = NULL};
}

/* ---------------------------------------------------------------------------------------------------------------- face */

/* Room for a row; columns: of names. */
static attn_status open_stream(attn_ctx *ctx, const struct attn_forecast_task *s, struct attn_forecast_stream *x) {
    const size_t columns = (size_t)(s->shape.channels * (1 + s->stream_steps) + 1), row = (size_t)s->shape.channels * sizeof(double),
                 kernel = (size_t)s->shape.kernel;
    x->name = attn_alloc(ctx, columns * sizeof *x->name);
    x->text = attn_alloc(ctx, columns * sizeof *x->text);
    x->row = attn_alloc(ctx, row);
    x->last = attn_alloc(ctx, row);
    x->token = attn_alloc(ctx, kernel * row);
    x->running.mean = attn_alloc(ctx, row);
    x->running.square = attn_alloc(ctx, row);
    if (x->name && x->text && x->row && x->last && x->token && x->running.mean && x->running.square) return ATTN_OK;
    attn_forecast_stream_free(ctx, x);
    return attn_no_memory(ctx, "a stream", columns * sizeof *x->text + kernel * row);
}

/* "OT" in, and "unix_time" where the model is told of time; "OT+1" out, the forecast of the next row. */
static void name_columns(const struct attn_forecast_task *s, int64_t inputs, struct attn_forecast_stream *x) {
    const int64_t channels = s->shape.channels;
    for (int64_t i = 0; i < inputs + s->stream_steps * channels; i++) {
        const int64_t output = i - inputs, step = output / channels + 1;
        char *text = x->text[i];
        text[0] = '\0';
        if (output >= 0)
            attn_append(text, sizeof x->text[i], "%s+%lld", s->units.name[output % channels], (long long)step);
        else
            attn_append(text, sizeof x->text[i], "%s", i < channels ? s->units.name[i] : "unix_time");
        x->name[i] = text;
    }
}

static int64_t own_state(const struct attn_forecast_task *s) {
    return PAIR * (1 + 3 * s->shape.channels) + (s->shape.kernel - 1) * s->shape.channels + TIMES;
}

bool attn_forecast_streams(const struct attn_forecast_task *s) {
    return s->shape.label < 0 && s->shape.normal != ATTN_FORECAST_WINDOW && !s->shape.circular;
}

int64_t attn_forecast_state(const struct attn_forecast_task *s, int64_t tokens) {
    const int64_t blocks = attn_aaren_stack_state(s->model.stack, tokens);
    return blocks < 0 ? -1 : own_state(s) + blocks;
}

attn_status attn_forecast_stream_face(struct attn_job *job, int64_t tokens, struct attn_stream_face *out) {
    struct attn_forecast_task *s = job->self;
    const int64_t inputs = s->shape.channels + (s->shape.marks > 0), outputs = s->stream_steps * s->shape.channels;
    if (!attn_forecast_streams(s))
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "stream: found a model that needs its whole window at once, expected form=encoder, normalize=running or none, and "
                         "padding=causal");
    if (inputs > ATTN_STREAM_COLUMNS || outputs > ATTN_STREAM_COLUMNS)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "stream: found %lld columns in and %lld out, expected at most %d", (long long)inputs,
                         (long long)outputs, ATTN_STREAM_COLUMNS);
    const attn_status status = s->stream.name ? ATTN_OK : open_stream(job->ctx, s, &s->stream);
    if (status) return status;
    name_columns(s, inputs, &s->stream);
    *out = (struct attn_stream_face){.inputs = (int)inputs,
                                     .outputs = (int)outputs,
                                     .input_name = s->stream.name,
                                     .output_name = s->stream.name + inputs,
                                     .state = attn_forecast_state(s, tokens),
                                     .constant = attn_aaren_stack_constant(s->model.stack)};
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------------- state */

/* Numbers in turn. */
static attn_real *get(attn_real *state, int64_t count, double *to) {
    for (int64_t i = 0; i < count; i++, state += PAIR) to[i] = (double)state[0] + (double)state[1];
    return state;
}

static attn_real *put(attn_real *state, int64_t count, const double *from) {
    for (int64_t i = 0; i < count; i++, state += PAIR) {
        state[0] = (attn_real)from[i];
        state[1] = (attn_real)(from[i] - (double)state[0]);
    }
    return state;
}

/* Before the first row the last one is the mean of training. Returns where the rest begins. */
static attn_real *load(struct attn_forecast_task *s, attn_real *state, int64_t position) {
    struct attn_forecast_stream *x = &s->stream;
    const int64_t channels = s->shape.channels;
    if (position == 0) {
        attn_running_begin(&x->running, channels);
        memset(x->last, 0, (size_t)channels * sizeof *x->last);
        return state + PAIR * (1 + 3 * channels);
    }
    state = get(state, 1, &x->running.weight);
    state = get(state, channels, x->running.mean);
    state = get(state, channels, x->running.square);
    return get(state, channels, x->last);
}

static void save(const struct attn_forecast_task *s, attn_real *state) {
    const struct attn_forecast_stream *x = &s->stream;
    const int64_t channels = s->shape.channels;
    state = put(state, 1, &x->running.weight);
    state = put(state, channels, x->running.mean);
    state = put(state, channels, x->running.square);
    put(state, channels, x->last);
}

/* -------------------------------------------------------------------------------------------------------------- pushing */

/* The row in the model's units; what is not known is as it was. */
static attn_status take_row(const struct attn_job *job, const double *in, struct attn_forecast_stream *x) {
    const struct attn_forecast_task *s = job->self;
    for (int64_t c = 0; c < s->shape.channels; c++) {
        if (isinf(in[c]))
            return attn_fail(job->ctx, ATTN_EINVAL, "stream: %s: found %g, expected a finite number, or none where it is not known",
                             s->units.name[c], in[c]);
        x->row[c] = isnan(in[c]) ? x->last[c] : (in[c] - s->units.mean[c]) / s->units.deviation[c];
        if (!(fabs(x->row[c]) < ATTN_AAREN_FARTHEST))
            return attn_fail(job->ctx, ATTN_EINVAL, "stream: %s: found %g, expected a number within %g deviations of training's mean, %g",
                             s->units.name[c], in[c], ATTN_AAREN_FARTHEST, s->units.mean[c]);
    }
    memcpy(x->last, x->row, (size_t)s->shape.channels * sizeof *x->row);
    return ATTN_OK;
}

/* A row's time: its own, else an interval behind that of the row before, else unknown: marks are then zeros. */
static attn_status take_time(const struct attn_job *job, double in, attn_real *state, attn_real *mark) {
    const struct attn_forecast_task *s = job->self;
    const bool given = !isnan(in), known = state[0] > 0;
    double second = given ? floor(in) : (double)state[1] * DAY + (double)state[2] + (double)s->units.interval;
    if (!given && !known) {
        memset(mark, 0, (size_t)s->shape.marks * sizeof *mark);
        return ATTN_OK;
    }
    if (!(second >= earliest && second <= latest))
        return attn_fail(job->ctx, ATTN_EINVAL, "stream: unix_time: found %g, expected seconds since 1970 in the years 1 to 9999", second);
    const double day = floor(second / DAY);
    state[0] = 1;
    state[1] = (attn_real)day;
    state[2] = (attn_real)(second - day * DAY);
    attn_forecast_marks((int64_t)second, s->shape.marks, mark);
    return ATTN_OK;
}

/* The token of a row that is normalised, behind those that were, which it then joins. */
static void take_token(const struct attn_forecast_task *s, attn_real *state) {
    const struct attn_forecast_stream *x = &s->stream;
    const size_t channels = (size_t)s->shape.channels, kept = ((size_t)s->shape.kernel - 1) * channels;
    for (size_t c = 0; c < channels; c++)
        x->token[c] = (attn_real)(s->shape.normal == ATTN_FORECAST_PLAIN
                                      ? x->row[c]
                                      : (x->row[c] - x->running.mean[c]) / attn_running_scale(&x->running, (int64_t)c));
    memcpy(x->token + channels, state, kept * sizeof *state);
    memcpy(state, x->token, kept * sizeof *state);
}

static void turn_back(const struct attn_forecast_task *s, int64_t steps, const attn_real *y, double *out) {
    const struct attn_running *r = &s->stream.running;
    for (int64_t i = 0; i < steps * s->shape.channels; i++) {
        const int64_t c = i % s->shape.channels;
        const double value = s->shape.normal == ATTN_FORECAST_PLAIN ? (double)y[i] : (double)y[i] * attn_running_scale(r, c) + r->mean[c];
        out[i] = value * s->units.deviation[c] + s->units.mean[c];
    }
}

attn_status attn_forecast_push_steps(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, int64_t steps,
                                     const double *in, double *out) {
    struct attn_forecast_task *s = job->self;
    struct attn_forecast_stream *x = &s->stream;
    attn_tape *tape = attn_model_tape(job->model);
    attn_status status = x->name ? ATTN_OK : open_stream(job->ctx, s, x);
    if (status) return status;
    attn_real mark[ATTN_FORECAST_MARKS], *before = load(s, state, position), *time = before + (s->shape.kernel - 1) * s->shape.channels;
    status = take_row(job, in, x);
    if (!status && s->shape.marks > 0) status = take_time(job, in[s->shape.channels], time, mark);
    if (status) return status;
    attn_running_take(&x->running, s->shape.channels, s->shape.length, x->row);
    take_token(s, before);
    const bool record = tape->record;
    attn_tape_reset(tape);
    attn_tape_record(tape, false);
    attn_tensor *y = attn_forecast_model_step(&s->model, x->token, mark, steps, time + TIMES, tokens, position);
    attn_tape_record(tape, record);
    if (!y) return attn_tape_status(tape);
    turn_back(s, steps, attn_data(y), out);
    save(s, state);
    return ATTN_OK;
}

attn_status attn_forecast_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out) {
    return attn_forecast_push_steps(job, state, tokens, position, ((const struct attn_forecast_task *)job->self)->stream_steps, in, out);
}
