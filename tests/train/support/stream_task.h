/* A task for tests of streams: rows of two numbers, a and b, go through a stack of three blocks with any mixer, and two numbers come out. */
#ifndef TEST_TRAIN_SUPPORT_STREAM_TASK_H
#define TEST_TRAIN_SUPPORT_STREAM_TASK_H

#include "train/model_stream.h"

enum { TEST_STREAM_COLUMNS = 2, TEST_STREAM_LENGTH = 64 };

/* "test/stream": a is asked for (NaN: ATTN_EINVAL), b that is not known is 0. With a dropout of 0.9 it says that rows have an end. Where a is 999, memory is said to be over. */
extern const struct attn_task test_stream_task;
const struct attn_task *test_stream_find(attn_ctx *ctx, const char *name);

/* A mixer, "whole", that has no form token by token. */
extern const attn_mixer_kind *const test_stream_kinds[1];

/* A model of these words with random weights, saved at `path`; "none ..." of a task that is no stream. */
void test_stream_write(attn_ctx *ctx, const char *words, uint64_t seed, const char *path);

/* All answers to `rows` rows at once, as the batch sees them: out [rows, 2]. */
void test_stream_batch(attn_model_stream *stream, int64_t rows, const double *in, double *out);

#endif
