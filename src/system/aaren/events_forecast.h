/* What a model says of the next event, in the file's own times. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_FORECAST_H
#define ATTN_SYSTEM_AAREN_EVENTS_FORECAST_H

#include "system/aaren/events_task.h"

#include <stdio.h>

/* Times from the event on: expected, median, and between which 90% of the probability lies. */
struct attn_event_forecast {
    double mean, median, low, high;
};
/* waited: nothing has come for so long; 0: the event is the newest that is known. */
void attn_event_forecast_of(const struct attn_log_normals *mixture, const struct attn_event_clock *clock, double waited,
                            struct attn_event_forecast *out);

/* Probabilities of `count` logits. */
void attn_event_shares(const attn_real *logits, int32_t count, double *out);

/* A cell of a table: in quotes where it must be. */
void attn_event_cell(FILE *out, const char *text, size_t length);

/* Where sequence `sequence` of the events is drawn: its first events on the axis, the intensity that the model expects over their times, and, of a process,
 * the true one. */
attn_status attn_event_draw(struct attn_job *job, const struct attn_events *events, int64_t sequence, const struct attn_process *truth,
                            struct attn_picture *out);

#endif
