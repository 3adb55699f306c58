/* attn_search.h - exact search: the keys of greatest dot product with each query.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * For each query i the `top` keys j of its range that have the greatest scores
 *
 *   s_ij = q_i . k_j        without a scale: a positive one would not change the order
 *
 * sorted by descending score, equal scores by rising index. It is how items of a long history are selected before they are attended to
 * (the top K of Feng et al. 2025, DARE). Nothing is approximated: no index is built, every key of the range is scored, with 2 D FLOPs for
 * each query and key. One query is about as fast as memory is read; from about 32 on the multiply-adds are the limit.
 *
 * A score is a sum in float32, in an order that depends on the instruction set, on D, and on whether at most four queries share a key range
 * (neighbours in the call). So scores and indices are the same bits for any number of threads, for a key range or the same keys as an array
 * of their own (indices then count from its first key), and for one query or four, or for five or more, however they are spread over calls.
 * A query alone and the same query among many differ by roundings, which can exchange keys of nearly equal scores.
 *
 * A NaN score is never chosen. -0 counts and is returned as 0. Where there are fewer keys than `top` (or fewer whose score is a number), the
 * rest has index -1 and score -inf; the score of a chosen key may be -inf too, so look at the index.
 */
#ifndef ATTN_SEARCH_H
#define ATTN_SEARCH_H

#include "attn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_SEARCH_TOP 16384 /* the greatest `top` */

/* What is searched for, where, and where the answer goes. Set by attn_search_init; then fill in. */
typedef struct attn_search {
    size_t size; /* sizeof(attn_search), set by attn_search_init */

    int64_t queries, keys; /* n, S; at most 2^31 - 1 each; no default: must be set. 0 is allowed */
    int32_t dim;           /* D; no default: must be set; any size from 1 up */
    int32_t top;           /* keys wanted for each query, 1 to ATTN_SEARCH_TOP; no default: must be set */

    const float *q, *k;         /* [n, D], [S, D]; each row contiguous */
    int64_t q_stride, k_stride; /* elements from row to row; 0 (default): D. Rows may overlap */

    /* [n] each: query i is compared with the keys ends[i] > j >= begins[i] only, a history of its own in an array of many. NULL (default):
     * with all keys. Indices count from the array's first key all the same. Neighbours of the same range are searched together, so
     * queries of one history belong one after the other. */
    const int64_t *begins, *ends;

    int64_t *index; /* [n, top]: out */
    float *score;   /* [n, top]: out; NULL: not wanted */

    int threads;        /* greatest number of workers, at most the context's; 0 (default): the context's */
    const char *kernel; /* NULL (default): the fastest on the context's instruction set; "naive": the reference, sums in double */

    void *workspace; /* attn_search_workspace bytes, aligned to 64; one for each call at once */
    size_t workspace_bytes;
} attn_search;

/* Sets every field to its default. */
ATTN_API void attn_search_init(attn_search *search);

/* Bytes of workspace that attn_search_run needs: a multiple of 64, for these numbers of queries and keys and fewer, dim, top, threads and
 * kernel. About threads * (64 * D * 4 + lists * 8 * (2 top + 64, at least top + 128)) bytes, with a list for each query, but no more than 1024
 * of them, nor than 2 MiB hold, or 16. No array is read. Statuses: ATTN_EINVAL, ATTN_ESHAPE. */
ATTN_API attn_status attn_search_workspace(attn_ctx *ctx, const attn_search *search, size_t *bytes) ATTN_CHECKED;

/* Searches. Allocates nothing. Thread-safe with a workspace for each call. Outputs must not overlap any other array of the call.
 * Statuses: ATTN_EINVAL, ATTN_ESHAPE (a range that is not within the keys), ATTN_EWORKSPACE. */
ATTN_API attn_status attn_search_run(attn_ctx *ctx, const attn_search *search) ATTN_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
