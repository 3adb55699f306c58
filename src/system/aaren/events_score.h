/* Figures of a model of events on a part of the data, and of what it is compared with.
 *
 *   nll          the mean over predicted events of -log of: densities of the times, survival of the last times, probabilities of the marks; times in units
 *                (attn_event_facts). A sequence's first event is given, not predicted
 *   nll_time     of times alone, nll_mark: of marks alone
 *   nll_file     nll in the file's own unit of time: it differs by log of the unit for each density
 *   rmse, mae    root of the mean square of the time until the next event less the mixture's mean, and mean size of it less the median, in the file's unit
 *   accuracy     share of marks that were the likeliest
 *   poisson_errors  by how many standard errors nll is below that of a Poisson process; pieces are the draws, both nll of each are paired
 *
 * In the public code's way (compat): marks of last events count, whose times do not; nll is divided by the number of all events, the first ones too; errors
 * are summed over a piece before they are squared, so that those of both signs cancel. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_SCORE_H
#define ATTN_SYSTEM_AAREN_EVENTS_SCORE_H

#include "metric/log_normal.h"
#include "system/aaren/events_set.h"
#include "train/job.h"

struct attn_event_score {
    int64_t pieces, begun;            /* begun: sequences whose first event is in it */
    int64_t events, densities, marks; /* predicted; with their time; with their mark */
    double time, mark;                /* losses */
    double square, size, cancelled;   /* of errors; cancelled: squares of pieces' sums */
    double error;                     /* of the piece so far */
    /* Of the piece so far, the Poisson process's loss less the model's, and its events; of pieces the sums of squares and products of the two. */
    double piece_gain, gain_gain, gain_events, events_events;
    int64_t piece_events;
    int64_t right;
    double constant_time, constant_mark,
        constant_square; /* of a Poisson process with training's rate, training's shares of marks, training's mean time */
    int64_t constant_right;
};

/* One target: what the model said, what came. `span` is in the file's unit, y its logarithm in units. `loss` and `best` are of the mark, where one counts. */
struct attn_event_answer {
    const struct attn_log_normals *mixture;
    enum attn_event_target target;
    double y, span;
    int32_t next; /* -1: no mark counts */
    bool ends;    /* a row without a mark: no event */
    double loss;
    int32_t best;
};
void attn_event_score_add(struct attn_event_score *score, const struct attn_event_facts *facts, const struct attn_event_answer *answer,
                          bool compat);
/* A piece ends; first: it begins with the first event of a sequence. */
void attn_event_score_end_piece(struct attn_event_score *score, bool first);

/* Adds "PREFIXnll" and so on. all: everything, else nll, rmse and accuracy. compat as above. */
void attn_event_score_figures(const struct attn_event_score *score, const struct attn_event_facts *facts, const char *prefix, bool all,
                              bool compat, struct attn_figures *out);

#endif
