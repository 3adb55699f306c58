/* attn_cache.h - keys and values of sequences that grow, kept in pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A cache holds the keys and values of several sequences for decoding: a pool of blocks of block_tokens tokens each, and for every
 * sequence the list of its blocks. Sequences share blocks by reference (fork); a shared block is copied when one of them writes to it. The
 * numbers may be stored in fewer bits than float32; queries and outputs stay float32.
 *
 *   attn_cache_append    adds the keys and values of new tokens, rotated if asked
 *   attn_cache_execute   runs a plan on the sequences: problem.dtype ATTN_F32; kv_dtype, block_tokens, kv_heads, dim and v_dim as the
 *                        cache's; batch and kv_len at least what is executed (max_tokens is safe); no ATTN_BACKWARD
 *
 * A sequence is a number from 0 to sequences - 1; all exist from the beginning, with no tokens. No function allocates but create, the
 * functions of files, and what executing a plan says of itself. A call that fails changes nothing. Functions that change a cache must
 * have it for themselves; all others may run at the same time.
 *
 * Statuses: ATTN_EINVAL (NULL, a number that is no size), ATTN_ESHAPE (a sequence or token that is not there, more than max_tokens, a plan of
 * another shape), ATTN_EFULL (the pool has too few free blocks), ATTN_EUNSUPPORTED (saved in a version of the form that this one does not
 * read), ATTN_ENOMEM, ATTN_ESYSTEM (files); of executing those of attn_forward.
 */
#ifndef ATTN_CACHE_H
#define ATTN_CACHE_H

#include "attn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rotary position embedding of keys (Su et al. 2021, eq. 34): of the first rotary_dim numbers of a row, pair i is turned by the angle
 * position * rotary_base^(-2 i / rotary_dim).
 *   ATTN_ROTARY_INTERLEAVED  pair i is (2 i, 2 i + 1), as in the paper and in GPT-J
 *   ATTN_ROTARY_HALVES       pair i is (i, i + rotary_dim / 2), as in GPT-NeoX and Llama's published weights */
typedef enum attn_rotary { ATTN_ROTARY_NONE = 0, ATTN_ROTARY_INTERLEAVED = 1, ATTN_ROTARY_HALVES = 2 } attn_rotary;

typedef struct attn_cache_config {
    size_t size; /* sizeof(attn_cache_config), set by attn_cache_config_init */

    int32_t kv_heads, dim; /* G, D; must be set */
    int32_t v_dim;         /* E; default -1: as dim */
    attn_dtype dtype;      /* stored as: ATTN_F32 (default), ATTN_BF16, ATTN_F16, ATTN_Q8_0 (dim and v_dim multiples of 32) */
    int32_t block_tokens;  /* default 64 */
    int64_t blocks;        /* of the pool; must be set */
    int32_t sequences;     /* default 1 */
    int64_t max_tokens;    /* of a sequence; default -1: as many as the pool holds */

    attn_rotary rotary; /* of keys; default ATTN_ROTARY_NONE: they come rotated, or need no rotation */
    double rotary_base; /* default 10000 */
    int32_t rotary_dim; /* even, at most dim; default -1: dim */

    void *memory; /* attn_cache_bytes bytes, aligned to 64, that outlive the cache; NULL (default): the context's allocator's */
    size_t memory_bytes;
} attn_cache_config;

/* Sets every field to its default. */
ATTN_API void attn_cache_config_init(attn_cache_config *config);

/* Bytes of a cache, all of it. */
ATTN_API attn_status attn_cache_bytes(attn_ctx *ctx, const attn_cache_config *config, size_t *bytes) ATTN_CHECKED;

typedef struct attn_cache attn_cache;

/* Makes an empty cache. *out is owned by the caller: attn_cache_destroy, before the context's. */
ATTN_API attn_status attn_cache_create(attn_ctx *ctx, const attn_cache_config *config, attn_cache **out) ATTN_CHECKED;
ATTN_API void attn_cache_destroy(attn_cache *cache); /* NULL is allowed */

/* Tokens of a sequence; the position that its next token will have; -1 for a sequence that is not there. */
ATTN_API int64_t attn_cache_length(const attn_cache *cache, int32_t sequence);
ATTN_API int64_t attn_cache_position(const attn_cache *cache, int32_t sequence);

/* Blocks that no sequence holds. */
ATTN_API int64_t attn_cache_free_blocks(const attn_cache *cache);

/* Adds `tokens` tokens at the end of a sequence. k is [tokens, G, D] and v [tokens, G, E], float32; k_stride and v_stride elements lie between
 * tokens (0: contiguous). Keys are rotated by their positions: `position` (at most 2^40) and the following ones; -1: the sequence's
 * next ones. Then both are rounded to the stored type; in ATTN_Q8_0 finite numbers beyond 127 * 65504 are cut to it, a NaN or an infinity
 * makes its block of 32 NaN, and a block of numbers up to 127 * 2^-25 becomes 0. */
ATTN_API attn_status attn_cache_append(attn_cache *cache, int32_t sequence, int64_t tokens, const float *k, int64_t k_stride,
                                       const float *v, int64_t v_stride, int64_t position) ATTN_CHECKED;

/* Rotates queries as append rotates keys, in place: x is [tokens, heads, D], `stride` elements between tokens (0: contiguous), token t at
 * position + t: for the query of a token, what attn_cache_position was before the token was appended. Without rotary it does nothing. */
ATTN_API attn_status attn_cache_rotate(const attn_cache *cache, int64_t tokens, int32_t heads, float *x, int64_t stride,
                                       int64_t position) ATTN_CHECKED;

/* Reads tokens [begin, end) back as float32: k [tokens, G, D], v [tokens, G, E], contiguous; either may be NULL. */
ATTN_API attn_status attn_cache_read(const attn_cache *cache, int32_t sequence, int64_t begin, int64_t end, float *k,
                                     float *v) ATTN_CHECKED;

/* Keeps the first `length` tokens; the next position goes back by the number of tokens that are dropped. */
ATTN_API attn_status attn_cache_truncate(attn_cache *cache, int32_t sequence, int64_t length) ATTN_CHECKED;

/* Drops tokens [begin, end) of a sequence: with begin the number of sinks, end - begin the tokens that leave the window, what stays is sinks
 * and window (Xiao et al. 2023). Stored keys keep their rotation and the next position stays what it was, so rotary distances are still those
 * of the whole text. Masks and ALiBi count what is left: token `end` is now token `begin`. Costs a copy of the tokens behind, and free
 * blocks for those of their places that are shared; where end - begin is a multiple of block_tokens, of the tokens of one block at most, and
 * of none where begin is a multiple too. */
ATTN_API attn_status attn_cache_evict(attn_cache *cache, int32_t sequence, int64_t begin, int64_t end) ATTN_CHECKED;

/* Makes sequence `to` the same as `from`, sharing its blocks. Needs no free block; what `to` held is dropped. */
ATTN_API attn_status attn_cache_fork(attn_cache *cache, int32_t from, int32_t to) ATTN_CHECKED;

/* Beams: sequence i becomes what sequence from[i] was, for i < count, all at once. Needs no free block. */
ATTN_API attn_status attn_cache_reorder(attn_cache *cache, const int32_t *from, int32_t count) ATTN_CHECKED;

/* A sequence as bytes: a header with version and shape, keys and values as they are stored, a checksum; little-endian. Block tokens and
 * number of blocks may differ where it is loaded, everything else must be the same. attn_cache_save writes attn_cache_save_bytes bytes.
 * Loading checks all of it first, then takes the place of what `sequence` held. The text of a mistake says what was found. */
ATTN_API size_t attn_cache_save_bytes(const attn_cache *cache, int32_t sequence);
ATTN_API attn_status attn_cache_save(const attn_cache *cache, int32_t sequence, void *to, size_t bytes) ATTN_CHECKED;
ATTN_API attn_status attn_cache_load(attn_cache *cache, int32_t sequence, const void *from, size_t bytes) ATTN_CHECKED;

/* The same with a file, which is replaced as a whole or not at all. */
ATTN_API attn_status attn_cache_save_file(const attn_cache *cache, int32_t sequence, const char *path) ATTN_CHECKED;
ATTN_API attn_status attn_cache_load_file(attn_cache *cache, int32_t sequence, const char *path) ATTN_CHECKED;

/* Points args->k, v, kv_lens, block_table, max_blocks and blocks at the sequences [first, first + count), sets args->batch to count and
 * args->kv_starts to NULL. args->kv_len stays as it is; -1, its default, will do: the lengths are those of the sequences. It holds until the
 * cache is changed. */
ATTN_API attn_status attn_cache_bind(const attn_cache *cache, int32_t first, int32_t count, attn_args *args) ATTN_CHECKED;

/* attn_forward of a plan on those sequences: `args` as for attn_forward, with q, o, lse, mask, lengths of queries, workspace; what attn_cache_bind
 * sets is set in a copy. Query i of a sequence of S tokens that has T queries stands for token S - T + i with the mask
 * causal:bottom-right. Without a mask every query sees all tokens of its sequence, those appended after its own too: right for one
 * query of the newest token; several at once (a prompt, drafted tokens) need causal:bottom-right. A sequence without tokens is allowed: its
 * rows are O = 0, LSE = -inf (with a sink: the sink's logit). */
ATTN_API attn_status attn_cache_execute(const attn_cache *cache, const attn_plan *plan, int32_t first, int32_t count,
                                        const attn_args *args) ATTN_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
