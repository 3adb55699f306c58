/* attn_model_stream.h - saved models as streams: a row of numbers in, a row of answers out, one after another, as they come.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 *   attn_model_stream *stream;
 *   if (attn_model_stream_open(ctx, "model.safetensors", 0, &stream)) return attn_ctx_error(...);
 *   double in[2] = {...}, out[2];                                     (attn_model_stream_inputs, attn_model_stream_outputs)
 *   while (read_row(in))
 *       if (attn_model_stream_push(stream, in, out) == ATTN_OK) use(out);
 *   attn_model_stream_close(stream);
 *
 * The answer to a row is that of the model to all rows so far, as it would be to all of them at once, up to roundings (Feng et al. 2024, "Attention as an
 * RNN", sec. 3.3, for models of the mixer aaren). What the model knows of the rows is its state. Where the state has the same size after any number
 * of rows (aaren, recurrences, windows) a stream goes on for ever in the same memory, and a row takes the same time at any position; a model that must
 * keep what it has seen (attention) is a stream of at most as many rows as attn_model_stream_open was told.
 *
 * Units are those of the files that the model was trained on; a number that is not known is NaN, whose meaning is the task's.
 *
 * Threads: streams of one model, beside each other, share its memory and are used by one thread at a time, all of them together. Streams of separate
 * attn_model_stream_open are independent. Answers are the same bits for any number of the context's threads. Errors are in the context's sentence.
 */
#ifndef ATTN_MODEL_STREAM_H
#define ATTN_MODEL_STREAM_H

#include "attn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_model_stream attn_model_stream;

/* Loads the model of a file that `attn train` has saved, and makes a stream without rows. tokens: the most rows that it will take; 0: no limit, for models
 * whose state has a constant size. *out is closed by attn_model_stream_close, before the context is destroyed. ATTN_EINVAL: no such file or model, a
 * negative number, or 0 where the state grows; ATTN_EUNSUPPORTED: a task or a mixer that is no stream; ATTN_ENOMEM. */
ATTN_API attn_status attn_model_stream_open(attn_ctx *ctx, const char *path, int64_t tokens, attn_model_stream **out) ATTN_CHECKED;

/* Another stream of the same model and limit, without rows, in the memory of a state alone: a thousand sensors need one model. Closed like the first, in any
 * order. */
ATTN_API attn_status attn_model_stream_open_beside(attn_model_stream *stream, attn_model_stream **out) ATTN_CHECKED;

/* Frees the stream, and with the last one its model. NULL is allowed. */
ATTN_API void attn_model_stream_close(attn_model_stream *stream);

/* Numbers of a row and of an answer, and their names, which live as long as the model. NULL: there is no such column. */
ATTN_API int attn_model_stream_inputs(const attn_model_stream *stream);
ATTN_API int attn_model_stream_outputs(const attn_model_stream *stream);
ATTN_API const char *attn_model_stream_input_name(const attn_model_stream *stream, int column);
ATTN_API const char *attn_model_stream_output_name(const attn_model_stream *stream, int column);

/* Bytes of the state, and the most rows; 0: no limit. */
ATTN_API size_t attn_model_stream_state_bytes(const attn_model_stream *stream);
ATTN_API int64_t attn_model_stream_limit(const attn_model_stream *stream);

/* Takes a row, in [inputs], and writes the answer, out [outputs]. Allocates nothing after the first. ATTN_EINVAL: the model cannot take this row; ATTN_ESHAPE:
 * the stream has all rows that it may take. Both leave the stream as it was. After any other failure it takes no row until it is reset or restored. */
ATTN_API attn_status attn_model_stream_push(attn_model_stream *stream, const double *in, double *out) ATTN_CHECKED;

/* Rows taken since the stream was made or reset. */
ATTN_API int64_t attn_model_stream_rows(const attn_model_stream *stream);

/* Forgets all rows. */
ATTN_API void attn_model_stream_reset(attn_model_stream *stream);

/* Saving. The bytes are little-endian: "ATTNMSTR", in 32 bits the version 1 and the bytes of a number of the state (4: float), in 64 bits the hash of the
 * model's recipe and weights, the limit, the rows and the numbers of the state; those numbers, IEEE; the CRC-32 of all that. `bytes` must be
 * attn_model_stream_save_bytes. ATTN_EINVAL, also of a stream that a failure has broken. */
ATTN_API size_t attn_model_stream_save_bytes(const attn_model_stream *stream);
ATTN_API attn_status attn_model_stream_save(const attn_model_stream *stream, void *to, size_t bytes) ATTN_CHECKED;

/* Sets a stream of the same model and limit to what was saved: its next answers are bit for bit those that it would have given then. Bytes that are not such a
 * stream's, are cut or damaged are ATTN_EINVAL with a sentence, and the stream stays as it was. Any bytes may be given. */
ATTN_API attn_status attn_model_stream_restore(attn_model_stream *stream, const void *from, size_t bytes) ATTN_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
