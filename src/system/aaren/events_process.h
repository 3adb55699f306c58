/* Processes of events whose intensities are known, to learn from and to measure models by.
 *
 *   ATTN_PROCESS_HAWKES  marks excite each other (Hawkes 1971): lambda_m(t) = base + decay * sum over events i before t of branching[m][mark i]
 *                        e^(-decay (t - t_i)); branching[m][k] is the mean number of events of mark m that one of mark k brings about directly
 *   ATTN_PROCESS_SINE    lambda(t) = 1 + 0.9 sin t, of one mark
 *
 * A sequence is watched from 0 to the horizon, and ends with a row that says so (io/events.h). Events are drawn by thinning (Lewis and Shedler 1979; Ogata
 * 1981), each sequence from its own random numbers. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_PROCESS_H
#define ATTN_SYSTEM_AAREN_EVENTS_PROCESS_H

#include "io/events.h"

enum attn_process_kind { ATTN_PROCESS_HAWKES, ATTN_PROCESS_SINE };

enum { ATTN_PROCESS_MARKS = 32 };

struct attn_process {
    enum attn_process_kind kind;
    int marks;
    double horizon;
    double base, decay, branching[ATTN_PROCESS_MARKS][ATTN_PROCESS_MARKS];
};

/* The process of these marks (of ATTN_PROCESS_SINE: 1). A Hawkes process has base 0.1, decay 1, and one branching matrix for each number of marks, drawn
 * uniformly and scaled to the spectral radius 0.6. */
void attn_process_make(enum attn_process_kind kind, int marks, double horizon, struct attn_process *out);

/* Sequences [first, first + count) of a seed's; one without events has no row. *out is freed by attn_events_free. */
attn_status attn_process_draw(attn_ctx *ctx, const struct attn_process *process, uint64_t seed, int64_t first, int64_t count,
                              struct attn_events *out);

/* What the past brings to time t: of a Hawkes process the sums over events of a mark of e^(-decay (t - t_i)). Begun at 0, without events. */
struct attn_process_past {
    double time, sum[ATTN_PROCESS_MARKS];
};
/* Goes on to a later time; returns the integral of the total intensity between. */
double attn_process_pass(const struct attn_process *process, struct attn_process_past *past, double time);
/* The same of one mark's intensity alone, from past->time on, without going there. */
double attn_process_integral(const struct attn_process *process, const struct attn_process_past *past, int mark, double time);
/* An event at past->time. */
void attn_process_happen(struct attn_process_past *past, int mark);
/* Intensities at past->time, [marks], of the events so far; returns their sum. */
double attn_process_intensity(const struct attn_process *process, const struct attn_process_past *past, double *each);

/* log-likelihood of events 1 .. n - 1 of a sequence given event 0: the sum of log lambda at them, less the total intensity's integral from event 0 to the last
 * row. marks may end with ATTN_EVENTS_END. O(n marks^2), by recursion. */
double attn_process_log_likelihood(const struct attn_process *process, int64_t n, const double *time, const int32_t *mark);

#endif
