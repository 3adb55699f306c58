/* What people ask of a mask: how much of it there is, in pairs, tiles and keys of a row, and what other libraries call it. */
#ifndef ATTN_MASK_FIGURES_H
#define ATTN_MASK_FIGURES_H

#include "mask/view.h"

struct attn_mask_figures {
    struct attn_mask_view view;                         /* of the whole compiled mask */
    int64_t tile, tiles[3];                             /* tiles of tile x tile: empty, full, partial */
    int64_t keys_min, keys_median, keys_max, intervals; /* of a row; intervals: the most */
    int64_t rows;                                       /* that were counted: all, or 2^20 evenly spread ones */
    double pairs, density;
    bool as_is;                  /* can be executed without being compiled */
    bool window;                 /* a single band around the query's own key, with a limit on some side */
    int64_t left, right;         /* of the band: keys to either side, -1 without limit */
    char flash[80], hugging[80]; /* what flash-attention and Hugging Face call it; empty: nothing */
};

/* `compiled` is the compiled form of `mask`. The tile is doubled until there are at most 2^22 of them. ATTN_ENOMEM with a sentence. */
attn_status attn_mask_figures_of(attn_ctx *ctx, const attn_mask *mask, const attn_mask *compiled, int64_t tile,
                                 struct attn_mask_figures *out);

#endif
