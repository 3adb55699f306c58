/* A sequence's beginning: events on the axis, and how many the model expects a time from each on, until the next; the true number beside it where a process is
 * known. */
#include "system/aaren/events_forecast.h"
#include "system/aaren/events_loss.h"

#include <math.h>
#include <string.h>

enum { MOST_EVENTS = 40, STEPS = 600 };

/* What is drawn: events first .. first + count - 1, from the first to the last one's time. */
struct drawing {
    struct attn_job *job;
    const struct attn_events *events;
    const struct attn_process *truth;
    const attn_real *times; /* the mixtures behind each event but the last */
    int64_t first, count;
    double begin, end;
};

/* The model's intensity behind event i, f / S. */
static double intensity_at(const struct drawing *d, int64_t i, double time) {
    const struct attn_event_task *s = d->job->self;
    const struct attn_event_clock *clock = &s->model.code.clock;
    struct attn_log_normals m;
    attn_event_mixture(s->model.components, d->times + i * 3 * s->model.components, &m);
    const double y = attn_event_log_span(clock, time - d->events->time[d->first + i]);
    return exp(attn_log_normals_density(&m, y) - attn_log_normals_survival(&m, y)) / clock->unit;
}

static void fill_model(const struct drawing *d, double *xy) {
    int64_t i = 0;
    for (int k = 0; k < STEPS; k++) {
        const double time = d->begin + (d->end - d->begin) * (k + 0.5) / STEPS;
        while (i + 2 < d->count && d->events->time[d->first + i + 1] <= time) i++;
        xy[2 * k] = time;
        xy[2 * k + 1] = intensity_at(d, i, time);
    }
}

static void fill_truth(const struct drawing *d, double *xy) {
    struct attn_process_past past = {.time = 0};
    double each[ATTN_PROCESS_MARKS];
    int64_t row = d->first;
    for (int k = 0; k < STEPS; k++) {
        const double time = xy[2 * k];
        for (; d->events->time[row] <= time && d->events->mark[row] >= 0; row++) {
            attn_process_pass(d->truth, &past, d->events->time[row]);
            attn_process_happen(&past, d->events->mark[row]);
        }
        attn_process_pass(d->truth, &past, time);
        xy[2 * k + 1] = attn_process_intensity(d->truth, &past, each);
    }
}

/* Densities that a mixture heaps up at a point would leave no room for the rest. */
static void cut_off(double *xy, double most) {
    for (int k = 0; k < STEPS; k++) xy[2 * k + 1] = fmin(xy[2 * k + 1], most);
}

static attn_status put_events(const struct drawing *d, struct attn_picture *out) {
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < d->count && !status; i++)
        if (d->events->mark[d->first + i] >= 0)
            status = attn_picture_points(d->job->ctx, out, (double[]){d->events->time[d->first + i], 0}, 1, false);
    return status;
}

static attn_status put_lines(const struct drawing *d, struct attn_picture *out) {
    double xy[2 * STEPS];
    const double most = 10 * (double)d->count / (d->end - d->begin);
    attn_status status = ATTN_OK;
    fill_model(d, xy);
    cut_off(xy, most);
    status = attn_picture_line(d->job->ctx, out, ATTN_PICTURE_PREDICTED, false, xy, NULL, STEPS);
    if (status || !d->truth) return status;
    fill_truth(d, xy);
    cut_off(xy, most);
    return attn_picture_line(d->job->ctx, out, ATTN_PICTURE_TRUTH, false, xy, NULL, STEPS);
}

static void describe(const struct drawing *d, int64_t sequence, struct attn_picture *out) {
    size_t length;
    const char *name = attn_vocabulary_get(&d->events->names, (int32_t)sequence, &length);
    if (d->truth) /* generated ones have numbers for names */
        attn_append(out->title, sizeof out->title, "Generated sequence %lld", (long long)sequence + 1);
    else
        attn_append(out->title, sizeof out->title, "Sequence %.*s", (int)attn_min64((int64_t)length, 64), name);
    attn_append(out->title, sizeof out->title, ": intensity of its first %lld events", (long long)d->count - 1);
    attn_append(out->caption, sizeof out->caption, "Events a time that are expected, given the events before; points are events.%s",
                d->truth ? " The truth is that of the process that the events were drawn from." : "");
    attn_append(out->description, sizeof out->description, "A curve over time that jumps at each of %lld events, from %.6g to %.6g.",
                (long long)d->count - 1, d->begin, d->end);
    strcpy(out->row_title, "events a time");
    strcpy(out->column_title, "time");
    out->apart = true;
}

attn_status attn_event_draw(struct attn_job *job, const struct attn_events *events, int64_t sequence, const struct attn_process *truth,
                            struct attn_picture *out) {
    struct attn_event_task *s = job->self;
    attn_tensor *marks = NULL;
    struct attn_event_part part = {.pieces = 0};
    struct drawing d = {.job = job, .events = events, .truth = truth, .first = events->first[sequence]};
    d.count = attn_min64(attn_min64(events->first[sequence + 1] - d.first, s->length), MOST_EVENTS + 1);
    if (d.count < 2) return ATTN_OK;
    d.begin = events->time[d.first];
    d.end = events->time[d.first + d.count - 1];
    if (!(d.end > d.begin)) return ATTN_OK;
    const struct attn_event_piece piece = {d.first, d.count, sequence, false};
    part.events = events;
    attn_status status = attn_event_batch_begin(job->ctx, &s->batch, &s->model.code, 1, d.count - 1);
    if (status) return status;
    attn_event_batch_put(&s->batch, 0, &s->model.code, &part, &piece, s->last);
    status = attn_event_say(job, &d.times, &marks);
    if (!status) describe(&d, sequence, out);
    if (!status) status = put_events(&d, out);
    return status ? status : put_lines(&d, out);
}

/* The first sequences of the test that have something to show. */
attn_status attn_event_picture(struct attn_job *job, int64_t index, struct attn_picture *out) {
    const struct attn_event_task *s = job->self;
    enum { PICTURES = 3 };
    const attn_status status = attn_event_task_load(job);
    if (status || index >= PICTURES) return status;
    const struct attn_event_part *test = &s->part[2];
    int64_t seen = -1;
    for (int64_t p = 0; p < test->pieces; p++)
        if ((p == 0 || test->piece[p].sequence != test->piece[p - 1].sequence) && ++seen == index)
            return attn_event_draw(job, test->events, test->piece[p].sequence, s->generated ? &s->process : NULL, out);
    return ATTN_OK;
}
