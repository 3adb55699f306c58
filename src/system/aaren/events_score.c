#include "system/aaren/events_score.h"

#include "system/aaren/events_loss.h"

#include <math.h>
#include <stdio.h>

/* The likeliest mark of training. */
static int32_t most_frequent(const struct attn_event_facts *facts) {
    int32_t best = 0;
    for (int32_t m = 1; m < facts->marks; m++)
        if (facts->share[m] > facts->share[best]) best = m;
    return best;
}

static void add_time(struct attn_event_score *s, const struct attn_event_facts *facts, const struct attn_event_answer *a, bool compat) {
    const double rate = facts->rate * facts->unit, x = a->span / facts->unit;
    const double own = attn_event_time_loss(a->mixture, a->y, a->target, compat);
    const double constant = rate * x - (a->target == ATTN_EVENT_DENSITY ? log(rate) : 0);
    s->time += own;
    s->constant_time += constant;
    s->piece_gain += constant - own;
    s->densities += a->target == ATTN_EVENT_DENSITY;
}

static void add_error(struct attn_event_score *s, const struct attn_event_facts *facts, const struct attn_event_answer *a) {
    const double mean = facts->unit * exp(attn_log_normals_mean(a->mixture, -HUGE_VAL)), error = mean - a->span,
                 median = facts->unit * exp(attn_log_normals_at(a->mixture, log(0.5)));
    s->square += error * error;
    s->error += error;
    s->size += fabs(median - a->span);
    s->constant_square += (facts->mean - a->span) * (facts->mean - a->span);
}

void attn_event_score_add(struct attn_event_score *s, const struct attn_event_facts *facts, const struct attn_event_answer *a,
                          bool compat) {
    add_time(s, facts, a, compat);
    s->events += !a->ends;
    s->piece_events += !a->ends;
    if (a->next < 0) return;
    add_error(s, facts, a);
    s->mark += a->loss;
    s->marks++;
    s->right += a->best == a->next;
    s->constant_mark -= log(facts->share[a->next]);
    s->piece_gain -= log(facts->share[a->next]) + a->loss;
    s->constant_right += a->next == most_frequent(facts);
}

void attn_event_score_end_piece(struct attn_event_score *s, bool first) {
    s->cancelled += s->error * s->error;
    s->error = 0;
    s->gain_gain += s->piece_gain * s->piece_gain;
    s->gain_events += s->piece_gain * (double)s->piece_events;
    s->events_events += (double)s->piece_events * (double)s->piece_events;
    s->piece_gain = 0;
    s->piece_events = 0;
    s->pieces++;
    s->begun += first;
}

/* ------------------------------------------------------------------------------------------------------------ figures */

struct naming {
    const char *prefix;
    struct attn_figures *out;
};

static void tell(const struct naming *n, const char *name, double value) {
    char all[48];
    snprintf(all, sizeof all, "%s%s", n->prefix, name);
    attn_figures_add(n->out, all, value);
}

/* The gain in nats for an event, in standard errors: that of a ratio of two sums over pieces (Cochran 1977, sec. 2.11). At least two pieces. */
static double poisson_errors(const struct attn_event_score *s) {
    const double events = (double)s->events, pieces = (double)s->pieces;
    const double gain = (s->constant_time + s->constant_mark - s->time - s->mark) / events;
    const double squares = s->gain_gain - 2 * gain * s->gain_events + gain * gain * s->events_events;
    return gain * events / sqrt(squares * pieces / (pieces - 1));
}

void attn_event_score_figures(const struct attn_event_score *s, const struct attn_event_facts *facts, const char *prefix, bool all,
                              bool compat, struct attn_figures *out) {
    const struct naming n = {prefix, out};
    const double events = (double)(s->events + (compat ? s->begun : 0)), marks = (double)s->marks;
    const double shift = (double)s->densities * log(facts->unit) / events;
    tell(&n, "nll", (s->time + s->mark) / events);
    tell(&n, "rmse", sqrt((compat ? s->cancelled : s->square) / marks));
    tell(&n, "accuracy", (double)s->right / marks);
    if (!all) return;
    tell(&n, "nll_time", s->time / events);
    tell(&n, "nll_mark", s->mark / events);
    tell(&n, "nll_file", (s->time + s->mark) / events + shift);
    tell(&n, "mae", s->size / marks);
    tell(&n, "events", events);
    tell(&n, "poisson_nll", (s->constant_time + s->constant_mark) / events);
    if (!compat && s->pieces > 1) tell(&n, "poisson_errors", poisson_errors(s));
    tell(&n, "mean_rmse", sqrt(s->constant_square / marks));
    tell(&n, "frequent_accuracy", (double)s->constant_right / marks);
}
