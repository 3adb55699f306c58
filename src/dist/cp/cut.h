/* A mask of the whole sequence, as queries at some places and keys at some places see it: bands cut by pairs of runs and counted from the places
 * (benchmark specification, sec. 7.8). Runs of one call all have the same stride. Places that no run covers are padding: excluded. */
#ifndef ATTN_DIST_CP_CUT_H
#define ATTN_DIST_CP_CUT_H

#include "dist/cp/shard.h"

struct attn_places {
    const struct attn_run *run; /* by rising place, disjoint */
    int64_t runs, places;       /* places: length of the axis */
};

/* May this mask be cut? ATTN_EMASK with a sentence: an expression that is not compiled, other lengths, a stack of sequences. The functions below
 * expect that it may. */
attn_status attn_cut_check(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len);

/* Allowed pairs, summed over `heads` query heads: times heads, or of a stack by heads the areas of each head's member. mask: of T x T, compiled, a
 * single band or a stack of such with batch 1; NULL: full. Time O(runs log), and what of the mask they touch. */
double attn_cut_area(const attn_mask *mask, int64_t mask_len, int32_t heads, const struct attn_places *q, const struct attn_places *k);
bool attn_cut_empty(const attn_mask *mask, int64_t mask_len, const struct attn_places *q, const struct attn_places *k);

/* The mask of q->places x k->places, compiled. Of a stack by heads: a stack of its members [first_member, first_member + members), of which the caller
 * knows whether they go with key/value or with query heads; of any other mask both are not read. *out NULL with ATTN_OK: nothing is allowed. */
attn_status attn_cut_mask(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, int32_t first_member, int32_t members,
                          const struct attn_places *q, const struct attn_places *k, attn_mask **out);

#endif
