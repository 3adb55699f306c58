#include "system/aaren/events_process.h"

#include "base/hash.h"
#include "base/random.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double base_rate = 0.1, hawkes_decay = 1, radius = 0.6, sine_share = 0.9;
static const uint64_t matrix_seed = 6;

/* The greatest eigenvalue of a positive matrix (Perron and Frobenius), by powers. */
static double spectral_radius(const struct attn_process *p) {
    enum { POWERS = 200 };
    double x[ATTN_PROCESS_MARKS], norm = 0;
    for (int m = 0; m < p->marks; m++) x[m] = 1;
    for (int i = 0; i < POWERS; i++) {
        double y[ATTN_PROCESS_MARKS];
        norm = 0;
        for (int m = 0; m < p->marks; m++) {
            y[m] = 0;
            for (int k = 0; k < p->marks; k++) y[m] += p->branching[m][k] * x[k];
            norm = fmax(norm, y[m]);
        }
        for (int m = 0; m < p->marks; m++) x[m] = y[m] / norm;
    }
    return norm;
}

void attn_process_make(enum attn_process_kind kind, int marks, double horizon, struct attn_process *out) {
    struct attn_random random;
    *out = (struct attn_process){.kind = kind, .marks = kind == ATTN_PROCESS_SINE ? 1 : marks, .horizon = horizon};
    assert(marks >= 1 && marks <= ATTN_PROCESS_MARKS);
    if (kind == ATTN_PROCESS_SINE) return;
    out->base = base_rate;
    out->decay = hawkes_decay;
    attn_random_init(&random, matrix_seed);
    for (int m = 0; m < marks; m++)
        for (int k = 0; k < marks; k++) out->branching[m][k] = attn_random_uniform(&random) + 0x1p-53; /* above 0 */
    const double scale = radius / spectral_radius(out);
    for (int m = 0; m < marks; m++)
        for (int k = 0; k < marks; k++) out->branching[m][k] *= scale;
}

/* -------------------------------------------------------------------------------------------------------- intensity */

double attn_process_intensity(const struct attn_process *p, const struct attn_process_past *past, double *each) {
    double total = 0;
    if (p->kind == ATTN_PROCESS_SINE) return each[0] = 1 + sine_share * sin(past->time);
    for (int m = 0; m < p->marks; m++) {
        double excited = 0;
        for (int k = 0; k < p->marks; k++) excited += p->branching[m][k] * past->sum[k];
        total += each[m] = p->base + p->decay * excited;
    }
    return total;
}

double attn_process_integral(const struct attn_process *p, const struct attn_process_past *past, int mark, double time) {
    const double span = time - past->time, faded = -expm1(-p->decay * span);
    if (p->kind == ATTN_PROCESS_SINE) return span + sine_share * (cos(past->time) - cos(time));
    double excited = 0;
    for (int k = 0; k < p->marks; k++) excited += p->branching[mark][k] * past->sum[k];
    return p->base * span + faded * excited;
}

double attn_process_pass(const struct attn_process *p, struct attn_process_past *past, double time) {
    double total = 0;
    for (int m = 0; m < p->marks; m++) total += attn_process_integral(p, past, m, time);
    for (int k = 0; k < p->marks; k++) past->sum[k] *= exp(-p->decay * (time - past->time));
    past->time = time;
    return total;
}

void attn_process_happen(struct attn_process_past *past, int mark) {
    assert(mark >= 0 && mark < ATTN_PROCESS_MARKS);
    past->sum[mark] += 1;
}

double attn_process_log_likelihood(const struct attn_process *p, int64_t n, const double *time, const int32_t *mark) {
    struct attn_process_past past = {.time = 0};
    double each[ATTN_PROCESS_MARKS], sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double passed = attn_process_pass(p, &past, time[i]);
        if (i > 0) sum -= passed;
        if (mark[i] < 0) break;
        attn_process_intensity(p, &past, each);
        if (i > 0) sum += log(each[mark[i]]);
        attn_process_happen(&past, mark[i]);
    }
    return sum;
}

/* ---------------------------------------------------------------------------------------------------------- drawing */

/* The next event's time and mark, or false: none comes before the horizon. Candidates come at a rate that the intensity does not exceed: that of now, as a
 * Hawkes process fades until the next event, or the sine's greatest. */
static bool next_event(const struct attn_process *p, struct attn_process_past *past, struct attn_random *random, int32_t *mark) {
    double each[ATTN_PROCESS_MARKS];
    double bound = attn_process_intensity(p, past, each);
    for (;;) {
        if (p->kind == ATTN_PROCESS_SINE) bound = 1 + sine_share;
        const double time = past->time - log1p(-attn_random_uniform(random)) / bound;
        if (!(time < p->horizon)) return false;
        attn_process_pass(p, past, time);
        const double total = attn_process_intensity(p, past, each);
        double chosen = attn_random_uniform(random) * bound;
        for (*mark = 0; *mark < p->marks && chosen >= each[*mark]; ++*mark) chosen -= each[*mark];
        if (*mark < p->marks) return true;
        bound = total;
    }
}

struct drawing {
    attn_ctx *ctx;
    struct attn_events *out;
    size_t room_first, room_time, room_mark;
};

static attn_status put_row(struct drawing *d, double time, int32_t mark) {
    struct attn_events *out = d->out;
    void *times = out->time, *marks = out->mark;
    const size_t need = (size_t)out->events + 1;
    attn_status status = attn_grow(d->ctx, "generated events", &times, &d->room_time, need, sizeof *out->time);
    out->time = times;
    if (!status) status = attn_grow(d->ctx, "generated events", &marks, &d->room_mark, need, sizeof *out->mark);
    out->mark = marks;
    if (status) return status;
    out->time[out->events] = time;
    out->mark[out->events++] = mark;
    return ATTN_OK;
}

static attn_status begin_sequence(struct drawing *d, int64_t index) {
    char name[24];
    int32_t number;
    struct attn_events *out = d->out;
    void *first = out->first;
    attn_status status = attn_grow(d->ctx, "generated events", &first, &d->room_first, (size_t)out->sequences + 2, sizeof *out->first);
    out->first = first;
    if (status) return status;
    out->first[out->sequences++] = out->events;
    snprintf(name, sizeof name, "%lld", (long long)index);
    return attn_vocabulary_add(d->ctx, &out->names, name, strlen(name), &number);
}

static attn_status draw_sequence(struct drawing *d, const struct attn_process *p, uint64_t seed, int64_t index) {
    struct attn_random random;
    struct attn_process_past past = {.time = 0};
    int64_t events = 0;
    int32_t mark;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &index, sizeof index));
    attn_status status = begin_sequence(d, index);
    for (; !status && next_event(p, &past, &random, &mark); events++) {
        attn_process_happen(&past, mark);
        status = put_row(d, past.time, mark);
    }
    return !status && events > 0 ? put_row(d, p->horizon, ATTN_EVENTS_END) : status;
}

static attn_status name_marks(struct drawing *d, int marks) {
    attn_status status = ATTN_OK;
    for (int m = 0; m < marks && !status; m++) {
        char name[16];
        int32_t number;
        snprintf(name, sizeof name, "%d", m + 1);
        status = attn_vocabulary_add(d->ctx, &d->out->marks, name, strlen(name), &number);
    }
    return status;
}

attn_status attn_process_draw(attn_ctx *ctx, const struct attn_process *p, uint64_t seed, int64_t first, int64_t count,
                              struct attn_events *out) {
    struct drawing d = {.ctx = ctx, .out = out};
    *out = (struct attn_events){.sequences = 0};
    attn_status status = name_marks(&d, p->marks);
    for (int64_t i = 0; i < count && !status; i++) status = draw_sequence(&d, p, seed, first + i);
    if (status)
        attn_events_free(ctx, out);
    else if (out->sequences > 0)
        out->first[out->sequences] = out->events;
    return status;
}
