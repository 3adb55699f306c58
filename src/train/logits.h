/* The logits of a model at tokens from a file, for other programs to compare or to use. */
#ifndef ATTN_TRAIN_LOGITS_H
#define ATTN_TRAIN_LOGITS_H

#include "train/job.h"

/* Reads tokens [B, T] or [T] of whole numbers from an .npy file, and writes logits [B, T, vocabulary] or [T, vocabulary] of float32 to another, one sequence
 * at a time. Statuses: ATTN_EINVAL: no such file, no tokens of the model's, more than it was made for; ATTN_EUNSUPPORTED: the task has no tokens. */
attn_status attn_logits_write(struct attn_job *job, const char *tokens, const char *logits);

#endif
