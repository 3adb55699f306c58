/* What a mask allows between runs of queries and runs of keys, piece by piece, in places. Pieces are disjoint and not empty but for bitmaps. */
#ifndef ATTN_DIST_CP_CUT_WALK_H
#define ATTN_DIST_CP_CUT_WALK_H

#include "dist/cp/cut.h"
#include "mask/stretch.h"

/* A band in a rectangle of places; or, bits not NULL, the rectangle's part of a bitmap: query q_begin + a and key k_begin + b may where bit
 * row + a stride of bits[b stride] is set. */
struct attn_cut_piece {
    attn_slice places;
    const uint64_t *bits;
    int64_t row, stride;
};

/* mask: not a stack; NULL: full. visit answers whether to go on; false: it did not. Queries are asked one by one for each strand of keys, which is
 * a stretch of runs whose tokens rise: one strand for a part, a strand for each part where several are gathered. */
typedef bool (*attn_cut_visit_fn)(void *user, const struct attn_cut_piece *piece);
bool attn_cut_walk(const attn_mask *mask, int64_t mask_len, const struct attn_places *q, const struct attn_places *k,
                   attn_cut_visit_fn visit, void *user);

attn_wide attn_cut_piece_area(const struct attn_cut_piece *piece);

/* The member that stands at a place of a stack by heads; the mask itself if it is none. */
static inline const attn_mask *attn_cut_member(const attn_mask *mask, int32_t n) {
    return mask && mask->kind == ATTN_MASK_STACK ? mask->member[n] : mask;
}

/* The cut of a mask that has bitmaps: *out is compiled. */
attn_status attn_cut_by_pairs(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_places *q,
                              const struct attn_places *k, attn_mask **out);

#endif
