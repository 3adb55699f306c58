/* A few steps of a recipe and its evaluation, without a run: what a claim checks at the scale of smoke. */
#ifndef ATTN_TRAIN_TRY_H
#define ATTN_TRAIN_TRY_H

#include "train/job.h"

/* The task's defaults with these assignments (NULL behind the last): gradients of `steps` steps, with no step made of them, then an evaluation; or one
 * measurement. ATTN_EINVAL also where the
 * evaluation's "loss", or where it has none its first figure, is no number. */
attn_status attn_job_try(attn_ctx *ctx, const struct attn_task *task, const char *const *assignments, int64_t steps,
                         struct attn_figures *out);

#endif
