/* What a model takes: operations of an example, and the state that it keeps when it runs token by token. */
#ifndef ATTN_TRAIN_COST_H
#define ATTN_TRAIN_COST_H

#include "io/record.h"
#include "train/job.h"

extern const struct attn_cost attn_cost_unknown;

/* Fills in job->cost, once, by a micro-batch that is computed and forgotten: no number of the training changes. ATTN_ENOMEM, ATTN_ESYSTEM. */
attn_status attn_job_cost(struct attn_job *job);

/* Adds "forward_flops", "step_flops", "state_bytes" and "paper_state_bytes", as far as they are known. */
void attn_cost_record(struct attn_record *record, const struct attn_cost *cost);

#endif
