/* attn_stream.h - streams: attention of one learned query for each head over all tokens so far, in constant memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stream takes tokens (k, v) one by one or in blocks and can be read at any time (Feng et al. 2024, "Attention as an RNN", sec. 3.1):
 *
 *   s_j = scale * q_h . k_j,   LSE_h = log sum over the tokens j so far of exp(s_j),   O_h = sum of exp(s_j - LSE_h) v_j
 *
 * which is the last row of a plan with ATTN_SCORE_LEARNED_QUERY over the same tokens, up to rounding. Its state is a maximum m, a sum c and
 * the output itself, as a mean that each token moves, so that no number grows with the length but c <= tokens:
 *
 *   m' = max(m, s),   c' = exp(m - m') c + exp(s - m'),   o' = o + exp(s - m') / c' (v - o)
 *
 * Scores are float32, the state is double: after 10^7 tokens the result is still that of double arithmetic. A push of b tokens gives the
 * same bits as b pushes of one. Memory is 8 H (E + 2) bytes of state and 4 H D of query, whatever the number of tokens; a push costs
 * 2 (D + E) FLOPs and one exponential for each token and head.
 *
 * A token whose score is -inf has no weight, and its v is not read. A NaN in k or v, a score of +inf, and from the next token on an infinity
 * in v make the heads that read it NaN until attn_stream_reset.
 *
 * Threads: one at a time may change a stream; any number may read one that nobody changes. Errors are in the context's sentence.
 */
#ifndef ATTN_STREAM_H
#define ATTN_STREAM_H

#include "attn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_stream attn_stream;

typedef struct attn_stream_config {
    size_t size; /* sizeof(attn_stream_config), set by attn_stream_config_init */

    int32_t heads;    /* H, 1 to 2^20; no default: must be set */
    int32_t kv_heads; /* G, a divisor of H; default -1: as many as heads. Head h reads key/value head h / (H / G) */
    int32_t dim;      /* D, 1 to 2^20; no default: must be set */
    int32_t v_dim;    /* E, 1 to 2^20; default -1: as dim */
    double scale;     /* default NaN: 1 / sqrt(dim); 1 where the query is given scaled */

    const float *q;   /* [H, D], read by attn_stream_init and attn_stream_create only; no default: must be set */
    int64_t q_stride; /* elements from head to head; 0 (default): D */
} attn_stream_config;

/* Sets every field to its default. */
ATTN_API void attn_stream_config_init(attn_stream_config *config);

/* Bytes of memory of a stream, a multiple of 64. ATTN_EINVAL, ATTN_ESHAPE for a wrong configuration (q is not looked at). Thread-safe. */
ATTN_API attn_status attn_stream_bytes(attn_ctx *ctx, const attn_stream_config *config, size_t *bytes) ATTN_CHECKED;

/* Makes a stream without tokens in `memory` of the caller: `bytes` bytes of at least attn_stream_bytes, aligned to 64, which hold the
 * whole stream and stay the caller's. It must not be moved. ATTN_EINVAL, ATTN_ESHAPE, ATTN_EWORKSPACE (the memory). */
ATTN_API attn_status attn_stream_init(attn_ctx *ctx, const attn_stream_config *config, void *memory, size_t bytes,
                                      attn_stream **out) ATTN_CHECKED;

/* The same in memory of the context: free it by attn_stream_destroy, before the context. ATTN_ENOMEM too. */
ATTN_API attn_status attn_stream_create(attn_ctx *ctx, const attn_stream_config *config, attn_stream **out) ATTN_CHECKED;

/* Frees a stream of attn_stream_create; one in the caller's memory is left alone. NULL is allowed. */
ATTN_API void attn_stream_destroy(attn_stream *stream);

/* Takes `tokens` tokens in order: k [tokens, G, D] and v [tokens, G, E], the heads of a token contiguous, tokens k_stride and v_stride
 * elements apart (0: G D, G E). Allocates nothing. On ATTN_EINVAL (NULL, a negative number, a stride below a token's size where there are several) nothing is taken. */
ATTN_API attn_status attn_stream_push(attn_stream *stream, int64_t tokens, const float *k, int64_t k_stride, const float *v,
                                      int64_t v_stride) ATTN_CHECKED;

/* Writes O [H, E] and LSE [H] of all tokens so far; either may be NULL. Without tokens (of a weight) O = 0 and LSE = -inf. */
ATTN_API attn_status attn_stream_read(const attn_stream *stream, float *o, float *lse) ATTN_CHECKED;

/* Number of tokens taken since the stream was made or reset. */
ATTN_API int64_t attn_stream_tokens(const attn_stream *stream);

/* Forgets all tokens; the query stays. */
ATTN_API void attn_stream_reset(attn_stream *stream);

/* Takes all tokens of `from`, which stays as it is, as if they had been pushed: two parts of a sequence can be computed in two places. Both
 * streams must have the same shape and the same scaled query (ATTN_ESHAPE, ATTN_EINVAL). The order of merging matters for the last bits
 * alone. */
ATTN_API attn_status attn_stream_merge(attn_stream *stream, const attn_stream *from) ATTN_CHECKED;

/* Saving. The bytes are little-endian on every machine: "ATTNSTRM", then as unsigned 32-bit numbers the version 1, H, G, D, E and the CRC-32 of
 * the scaled query, the number of tokens in 64 bits, for each head m, c and o[E] as IEEE doubles, and the CRC-32 of all that. `bytes` must
 * be attn_stream_save_bytes, which the shape alone determines. ATTN_EINVAL. */
ATTN_API size_t attn_stream_save_bytes(const attn_stream *stream);
ATTN_API attn_status attn_stream_save(const attn_stream *stream, void *to, size_t bytes) ATTN_CHECKED;

/* Sets a stream of the same shape and query to what was saved: pushing on gives the bits that it would have given then. Bytes that are not
 * such a stream's, are cut or damaged are ATTN_EINVAL with a sentence, and the stream stays as it was. Any bytes may be given. */
ATTN_API attn_status attn_stream_restore(attn_stream *stream, const void *from, size_t bytes) ATTN_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
