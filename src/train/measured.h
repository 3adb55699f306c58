/* Runs of tasks that are measured, not trained (attn_task.measure): what a machine does with an algorithm, kept as runs so that a store, its claims and its
 * reports take them as they take trained ones. A run is one repeat: one step, no parameters, its figures on the line "done". */
#ifndef ATTN_TRAIN_MEASURED_H
#define ATTN_TRAIN_MEASURED_H

#include "train/job.h"
#include "train/run.h"

/* Measures and writes the run's lines; one that was halted is stopped, and `resume` begins such a one anew. */
attn_status attn_measure_run(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe, struct attn_run *run,
                             bool resume, struct attn_halt *halt);

#endif
