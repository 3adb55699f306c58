/* Areas of cuts: sums over pieces, each a closed form, or bits that are counted. Exact in 128 bits until the end. */
#include "dist/cp/cut_walk.h"

#include <assert.h>

attn_wide attn_cut_piece_area(const struct attn_cut_piece *piece) {
    const attn_slice *p = &piece->places;
    if (!piece->bits) {
        const struct attn_mask_view band = {.band = {.low = p->low, .high = attn_min64(p->high, ATTN_FAR - 1)}};
        return attn_view_area(&band, p->q_begin, p->q_end, p->k_begin, p->k_end);
    }
    attn_wide area = 0;
    uint64_t rows = 0;
    for (int64_t a = 0; a < p->q_end - p->q_begin; a++) rows |= (uint64_t)1 << (piece->row + a * piece->stride);
    for (int64_t b = 0; b < p->k_end - p->k_begin; b++) area += __builtin_popcountll(piece->bits[b * piece->stride] & rows);
    return area;
}

static bool add(void *user, const struct attn_cut_piece *piece) {
    *(attn_wide *)user += attn_cut_piece_area(piece);
    return true;
}

double attn_cut_area(const attn_mask *mask, int64_t mask_len, int32_t heads, const struct attn_places *q, const struct attn_places *k) {
    const int32_t members = attn_mask_heads(mask), each = heads / members;
    attn_wide area = 0;
    assert(heads % members == 0 && attn_mask_batch(mask) == 1);
    for (int32_t n = 0; n < members; n++) (void)attn_cut_walk(attn_cut_member(mask, n), mask_len, q, k, add, &area);
    return (double)(area * each);
}

static bool nothing(void *user, const struct attn_cut_piece *piece) {
    (void)user;
    return piece->bits && attn_cut_piece_area(piece) == 0;
}

bool attn_cut_empty(const attn_mask *mask, int64_t mask_len, const struct attn_places *q, const struct attn_places *k) {
    for (int32_t n = 0; n < attn_mask_heads(mask); n++)
        if (!attn_cut_walk(attn_cut_member(mask, n), mask_len, q, k, nothing, NULL)) return false;
    return true;
}
