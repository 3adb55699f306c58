/* What is done with a model from its training to its streams, for tests in which some of it fails: each gives the first status that is not ATTN_OK. */
#ifndef TEST_TRAIN_SUPPORT_USES_H
#define TEST_TRAIN_SUPPORT_USES_H

#include "train/job.h"

/* The second micro-batch of two of the first step, forward and backward. */
attn_status test_use_step(struct attn_job *job);
/* From here on nothing is recorded. file: NULL: the recipe's data. */
attn_status test_use_evaluate(struct attn_job *job, const char *file);
/* Answers to this text, with a picture of the first. */
attn_status test_use_predict(struct attn_job *job, const char *text, bool check);
/* At most so many of its pictures. */
attn_status test_use_pictures(struct attn_job *job, int most);
/* Two rows of a stream of at most `tokens`, both `in`. */
attn_status test_use_stream(struct attn_job *job, int64_t tokens, const double *in);
/* The text that is saved with it. */
attn_status test_use_extra(struct attn_job *job);

/* A job of the task's defaults with these words, "width=4 layers=1", over them, opened, used, and closed; then its references. saved: as in attn_job_open. */
attn_status test_use(attn_ctx *ctx, const struct attn_task *task, const char *words, const char *saved,
                     attn_status (*use)(struct attn_job *job));

#endif
