/* Lines in, answers out: the loop of every attn_task.predict. */
#ifndef ATTN_TRAIN_ANSWERS_H
#define ATTN_TRAIN_ANSWERS_H

#include "base/context.h"

#include <stdio.h>

enum { ATTN_ANSWER_LINE = 1 << 20 }; /* bytes of a line at most */

/* Writes the answer to a line of `bytes` bytes, without its end and with a 0 behind them, which it may cut up. */
typedef attn_status (*attn_answer_fn)(void *user, char *line, size_t bytes, FILE *out);

/* Answers the lines of `in` one by one, each as soon as it is read, up to the first that cannot be answered: its status, and its sentence with `name`, which
 * stands for the stream (NULL: it has none), and the number of the line. ATTN_EINVAL: no line, or one that is too long; ATTN_ESYSTEM: a stream failed, as where a disk is full or nobody reads. */
attn_status attn_answer_lines(attn_ctx *ctx, const char *name, FILE *in, FILE *out, attn_answer_fn answer, void *user);

#endif
