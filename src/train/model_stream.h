/* Streams of saved models (attn_model_stream.h), for those who say where tasks are found. */
#ifndef ATTN_TRAIN_MODEL_STREAM_H
#define ATTN_TRAIN_MODEL_STREAM_H

#include "attn_model_stream.h"
#include "train/work.h"

/* As attn_model_stream_open, with mixers of plugins. */
attn_status attn_model_stream_find(attn_ctx *ctx, attn_task_find_fn find, const char *path, const attn_mixer_kind *const *kinds,
                                   int kind_count, int64_t tokens, attn_model_stream **out);

/* What the stream's model is. */
const struct attn_job *attn_model_stream_job(const attn_model_stream *stream);

#endif
