/* The same questions asked of a list, and areas in 128 bits: a 2^40 x 2^40 mask has more pairs than 63 bits count. */
#ifndef ATTN_MASK_STRETCH_H
#define ATTN_MASK_STRETCH_H

#include "mask/mask.h"

__extension__ typedef __int128 attn_wide;

/* The number of the first span of segment n that ends after y at row x; that of the next segment if there is none. */
int64_t attn_side_first_after(const struct attn_side *side, int64_t n, int64_t x, int64_t y);
bool attn_side_next(const struct attn_side *side, int64_t x0, int64_t x1, int64_t from, int64_t *y0, int64_t *y1);
attn_wide attn_side_area(const struct attn_side *side, int64_t x0, int64_t x1, int64_t y0, int64_t y1);
attn_wide attn_view_area(const struct attn_mask_view *v, int64_t q0, int64_t q1, int64_t k0, int64_t k1);

#endif
