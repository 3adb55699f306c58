/* Events in, one after another; out what is expected behind each. The first numbers of the state are times: a double as three floats, each what the ones
 * before leave of it, so that times of any size lose nothing. */
#include "system/aaren/events_forecast.h"

#include "system/aaren/events_loss.h"
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 3, BEFORE = 0 /* the event before */, ZERO = PARTS /* from which times count */, TIMES = 2 * PARTS, FORECAST = 2 };

static void put_time(attn_real *to, double time) {
    for (int i = 0; i < PARTS; i++) {
        to[i] = (attn_real)time;
        time -= (double)to[i];
    }
}

static double take_time(const attn_real *from) {
    double time = 0;
    for (int i = PARTS - 1; i >= 0; i--) time += (double)from[i];
    return time;
}

/* ------------------------------------------------------------------------------------------------------------ the face */

/* Whether every mark's name is a number, by which it is then given; else it is given by its place in the list, from 1 on. */
static bool marks_are_numbers(const struct attn_event_task *s) {
    for (int32_t m = 0; m < s->marks.count; m++) {
        size_t length;
        const char *name = attn_vocabulary_get(&s->marks, m, &length);
        for (size_t i = 0; i < length; i++)
            if ((name[i] < '0' || name[i] > '9') && (i > 0 || name[i] != '-' || length == 1)) return false;
    }
    return true;
}

void attn_event_face_close(attn_ctx *ctx, struct attn_event_face *face) {
    attn_free(ctx, face->name);
    attn_free(ctx, face->text);
    attn_free(ctx, face->code);
    *face = (struct attn_event_face){.name = NULL};
}

static attn_status make_face(struct attn_job *job, struct attn_event_task *s) {
    struct attn_event_face *face = &s->face;
    const size_t count = FORECAST + (size_t)s->marks.count;
    size_t bytes = 0, used = 0;
    for (int32_t m = 0; m < s->marks.count; m++) {
        size_t length;
        attn_vocabulary_get(&s->marks, m, &length);
        bytes += length + sizeof "p_";
    }
    face->name = attn_alloc(job->ctx, count * sizeof *face->name);
    face->text = attn_alloc(job->ctx, bytes);
    face->code = attn_alloc(job->ctx, (size_t)s->model.code.width * sizeof *face->code);
    if (!face->name || !face->text || !face->code) {
        attn_event_face_close(job->ctx, face);
        return attn_no_memory(job->ctx, "a stream", bytes);
    }
    face->name[0] = "expected_time";
    face->name[1] = "median_time";
    for (int32_t m = 0; m < s->marks.count; m++) {
        size_t length;
        const char *name = attn_vocabulary_get(&s->marks, m, &length);
        face->name[FORECAST + m] = face->text + used;
        used += (size_t)snprintf(face->text + used, bytes - used, "p_%.*s", (int)length, name) + 1;
    }
    return ATTN_OK;
}

attn_status attn_event_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out) {
    static const char *const numbers[] = {"time", "mark"}, *const places[] = {"time", "mark_number"};
    struct attn_event_task *s = job->self;
    const int64_t state = attn_event_model_state(&s->model, tokens);
    if (FORECAST + s->marks.count > ATTN_STREAM_COLUMNS)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "stream: the model has %d marks, expected at most %d", s->marks.count,
                         ATTN_STREAM_COLUMNS - FORECAST);
    const attn_status status = s->face.name ? ATTN_OK : make_face(job, s);
    if (status) return status;
    *out = (struct attn_stream_face){.inputs = s->options.mark[0] ? 2 : 1,
                                     .outputs = FORECAST + s->marks.count,
                                     .input_name = s->options.bounds > 0 || marks_are_numbers(s) ? numbers : places,
                                     .output_name = s->face.name,
                                     .state = state < 0 ? -1 : TIMES + state,
                                     .constant = attn_event_model_constant(&s->model)};
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- a row */

static attn_status take_mark(struct attn_job *job, double value, int32_t *mark) {
    const struct attn_event_task *s = job->self;
    char text[32];
    *mark = -1;
    if (isfinite(value) && s->options.bounds > 0) {
        *mark = attn_event_class(&s->options, value);
    } else if (isfinite(value) && marks_are_numbers(s)) {
        const int length = snprintf(text, sizeof text, "%.15g", value);
        *mark = attn_vocabulary_find(&s->marks, text, (size_t)length);
    } else if (value >= 1 && value <= s->marks.count && value == floor(value)) {
        *mark = (int32_t)value - 1;
    }
    if (*mark >= 0) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "found the mark %g, expected one of the %d that the model has learned", value, s->marks.count);
}

static attn_status take_row(struct attn_job *job, const double *in, const attn_real *state, int64_t position, int32_t *mark) {
    const struct attn_event_task *s = job->self;
    const double before = take_time(state + BEFORE);
    *mark = 0;
    if (!(fabs(in[0]) <= 1e30)) return attn_fail(job->ctx, ATTN_EINVAL, "found the time %g, expected a number within 1e30 of 0", in[0]);
    if (position > 0 && in[0] < before)
        return attn_fail(job->ctx, ATTN_EINVAL, "found the time %.12g behind %.12g, expected times that never fall", in[0], before);
    return s->options.mark[0] ? take_mark(job, in[1], mark) : ATTN_OK;
}

static attn_status answer(struct attn_job *job, attn_tensor *hidden, double time, double *out) {
    struct attn_event_task *s = job->self;
    struct attn_log_normals mixture;
    struct attn_event_forecast forecast;
    attn_tensor *times = attn_event_model_times(&s->model, hidden), *marks = attn_event_model_marks(&s->model, hidden);
    if (!times || !marks) return attn_tape_status(s->model.tape);
    attn_event_mixture(s->model.components, attn_data(times), &mixture);
    attn_event_forecast_of(&mixture, &s->model.code.clock, 0, &forecast);
    out[0] = time + forecast.mean;
    out[1] = time + forecast.median;
    attn_event_shares(attn_data(marks), s->marks.count, out + FORECAST);
    return ATTN_OK;
}

attn_status attn_event_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out) {
    struct attn_event_task *s = job->self;
    const struct attn_event_clock *clock = &s->model.code.clock;
    attn_tape *tape = s->model.tape;
    int32_t mark;
    attn_status status = take_row(job, in, state, position, &mark);
    if (status) return status;
    if (position == 0) put_time(state + ZERO, clock->absolute ? 0 : in[0]);
    const double span = position > 0 ? in[0] - take_time(state + BEFORE) : -1;
    put_time(state + BEFORE, in[0]);
    attn_event_encode(&s->model.code, in[0] - take_time(state + ZERO), span, s->face.code);
    const bool record = tape->record;
    attn_tape_reset(tape);
    attn_tape_record(tape, false);
    mark++;
    status = answer(job, attn_event_model_step(&s->model, &mark, s->face.code, state + TIMES, tokens, position), in[0], out);
    attn_tape_record(tape, record);
    return status;
}
