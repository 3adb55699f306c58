/* What the kernels see of a mask: one sequence and head, in local indices. This is the only door from kernels to masks.
 *
 * A compiled mask is two lists of segments (segments.h), by rows and by columns: stretches of rows whose intervals of keys follow
 * one law, each bound constant or diagonal; where a mask has no short list, 64 x 64 bitmaps. Both are cut by any rectangle
 * without changing, so offsets, shards and tiles are additions. A span seen along a row gives one interval of keys, along a
 * column one interval of queries: the kernels turn those into lane masks, 32 lanes at most, and never see a T x S object.
 */
#ifndef ATTN_MASK_VIEW_H
#define ATTN_MASK_VIEW_H

#include "attn.h"

#include <stdbool.h>

struct attn_form; /* a compiled mask: its segments by rows and by columns, and bitmaps */

struct attn_mask_view {
    const struct attn_form *form; /* NULL: the single band below is the mask */
    attn_slice band;              /* local indices; cut to the lengths */
    int64_t q_shift, k_shift;     /* local index + shift = index in form */
    int64_t q_len, k_len;         /* local lengths */
};

/* Prepares the view of sequence b and query head h (of `heads`, in kv heads groups `kv_heads`). O(1). mask NULL: full. The lengths
 * were checked by attn_mask_fits. q_off, k_off: global index of local 0; global_q, global_k: global lengths. */
void attn_mask_view_init(struct attn_mask_view *view, const attn_mask *mask, int64_t b, int32_t h, int32_t heads, int32_t kv_heads,
                         int64_t q_len, int64_t k_len, int64_t q_off, int64_t k_off, int64_t global_q, int64_t global_k);

/* Can this mask be executed on sequence b with these lengths? ATTN_OK, or ATTN_EMASK with a sentence in ctx. O(heads of a stack). */
attn_status attn_mask_fits(attn_ctx *ctx, const attn_mask *mask, int64_t b, int64_t batch, int32_t heads, int32_t kv_heads, int64_t q_len,
                           int64_t k_len, int64_t q_off, int64_t k_off, int64_t global_q, int64_t global_k);

/* Extents of a stack of masks; 1 for any other mask, and for NULL. */
int64_t attn_mask_batch(const attn_mask *mask);
int32_t attn_mask_heads(const attn_mask *mask);

/* The next stretch of keys at or after `from` that some row of [q0, q1) may see: [*k0, *k1), maximal, not split. A stretch
 * may hold pairs that do not exist, but a key outside all stretches is seen by no row. False: there is none. */
bool attn_mask_next_keys(const struct attn_mask_view *view, int64_t q0, int64_t q1, int64_t from, int64_t *k0, int64_t *k1);
/* The same with the roles exchanged: the next stretch of queries that see some key of [k0, k1). */
bool attn_mask_next_queries(const struct attn_mask_view *view, int64_t k0, int64_t k1, int64_t from, int64_t *q0, int64_t *q1);

/* A piece of a stretch: elements [begin, end); full: every lane may; else words[] (indexed by element - k0 of the call) say which. */
struct attn_mask_run {
    int32_t begin, end; /* relative to k0 (q0) of the call */
    bool full;
};
enum { ATTN_MASK_RUNS = 64, ATTN_MASK_SPAN = 512 };

/* Keys [k0, k1) as seen by the queries [q0, q0 + lanes), lanes <= 32: bit r of words[j - k0] is set where pair (q0 + r, j) is
 * allowed. Writes sorted disjoint runs, no empty ones; words are valid inside runs that are not full. k1 - k0 <= ATTN_MASK_SPAN;
 * runs has room for ATTN_MASK_RUNS (pieces beyond are joined to partial ones). Returns the number of runs: 0 if nothing is allowed. */
int attn_mask_runs_of_keys(const struct attn_mask_view *view, int64_t q0, int lanes, int64_t k0, int64_t k1, uint32_t *words,
                           struct attn_mask_run *runs);
/* The transpose: queries [q0, q1) as seen by the keys [k0, k0 + lanes): bit r of words[i - q0] is pair (i, k0 + r). */
int attn_mask_runs_of_queries(const struct attn_mask_view *view, int64_t k0, int lanes, int64_t q0, int64_t q1, uint32_t *words,
                              struct attn_mask_run *runs);

/* The greatest key in (k0, k1) that begins something new: no query sees both it and the key before it, as where a document begins. k1 if
 * there is none, or none that is found from the outermost queries of the two keys alone. */
int64_t attn_mask_key_border(const struct attn_mask_view *view, int64_t k0, int64_t k1);

/* 0 empty, 1 full, 2 partial. */
int attn_mask_view_tile(const struct attn_mask_view *view, int64_t q0, int64_t q1, int64_t k0, int64_t k1);
/* Allowed pairs of the rectangle. */
int64_t attn_mask_view_area(const struct attn_mask_view *view, int64_t q0, int64_t q1, int64_t k0, int64_t k1);
/* One pair; slow, for references and tests. */
bool attn_mask_view_allows(const struct attn_mask_view *view, int64_t q, int64_t k);

#endif
