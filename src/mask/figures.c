/* Counting a compiled mask for people: see the header. */
#include "mask/figures.h"

#include "base/context.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t ROWS_MOST = 1 << 20, TILES_MOST = 1 << 22;

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Keys and intervals of every row, or of evenly spread ones if there are too many. */
static attn_status count_rows(attn_ctx *ctx, const attn_mask *mask, struct attn_mask_figures *s) {
    const int64_t q_len = s->view.q_len;
    s->rows = q_len < ROWS_MOST ? q_len : ROWS_MOST;
    if (s->rows == 0) return ATTN_OK;
    int64_t *keys = attn_alloc(ctx, (size_t)s->rows * sizeof *keys);
    if (!keys) return attn_no_memory(ctx, "counting the rows of a mask", (size_t)s->rows * sizeof *keys);
    for (int64_t n = 0; n < s->rows; n++) {
        const int64_t q = q_len / s->rows * n + attn_min64(n, q_len % s->rows);
        const int64_t intervals = attn_mask_row(mask, q, NULL, 0);
        keys[n] = attn_mask_view_area(&s->view, q, q + 1, 0, s->view.k_len);
        s->intervals = intervals > s->intervals ? intervals : s->intervals;
    }
    qsort(keys, (size_t)s->rows, sizeof *keys, compare);
    s->keys_min = keys[0];
    s->keys_median = keys[s->rows / 2];
    s->keys_max = keys[s->rows - 1];
    attn_free(ctx, keys);
    return ATTN_OK;
}

/* Classes of all tiles; the tile is doubled until there are not too many. */
static void count_tiles(struct attn_mask_figures *s) {
    const int64_t q_len = s->view.q_len, k_len = s->view.k_len;
    while (q_len > 0 && k_len > 0 && attn_div_up(q_len, s->tile) > TILES_MOST / attn_div_up(k_len, s->tile)) s->tile *= 2;
    for (int64_t q = 0; q < q_len; q += s->tile)
        for (int64_t k = 0; k < k_len; k += s->tile)
            s->tiles[attn_mask_view_tile(&s->view, q, attn_min64(q + s->tile, q_len), k, attn_min64(k + s->tile, k_len))]++;
}

/* What flash-attention and Hugging Face call a single band. Both count from the last query at the last key. */
static void name_window(struct attn_mask_figures *s, const struct attn_mask_view *band) {
    const int64_t q_len = band->q_len, k_len = band->k_len, shift = k_len - q_len;
    const bool left = band->band.low > 1 - q_len, right = band->band.high < k_len - 1;
    s->left = left ? shift - band->band.low : -1;
    s->right = right ? band->band.high - shift : -1;
    s->window = (left && s->left >= 0) || (right && s->right >= 0);
    if (!s->window || (left && s->left < 0) || (right && s->right < 0)) {
        s->window = false;
        return;
    }
    if (!left && s->right == 0)
        snprintf(s->flash, sizeof s->flash, "causal=True");
    else
        snprintf(s->flash, sizeof s->flash, "window_size=(%lld, %lld)", (long long)s->left, (long long)s->right);
    if (s->right == 0 && left)
        snprintf(s->hugging, sizeof s->hugging, "sliding_window=%lld", (long long)s->left + 1);
    else if (s->right == 0)
        snprintf(s->hugging, sizeof s->hugging, "is_causal=True");
}

attn_status attn_mask_figures_of(attn_ctx *ctx, const attn_mask *mask, const attn_mask *compiled, int64_t tile,
                                 struct attn_mask_figures *s) {
    *s = (struct attn_mask_figures){.tile = tile};
    int64_t q_len, k_len;
    struct attn_mask_view band;
    attn_mask_lengths(compiled, &q_len, &k_len);
    attn_mask_view_init(&s->view, compiled, 0, 0, 1, 1, q_len, k_len, 0, 0, q_len, k_len);
    s->as_is = attn_mask_fits(ctx, mask, 0, 1, 1, 1, q_len, k_len, 0, 0, q_len, k_len) == ATTN_OK;
    if (s->as_is) {
        attn_mask_view_init(&band, mask, 0, 0, 1, 1, q_len, k_len, 0, 0, q_len, k_len);
        name_window(s, &band);
    }
    const int64_t area = attn_mask_area(compiled);
    s->pairs = area < INT64_MAX ? (double)area : (double)NAN;
    s->density = q_len > 0 && k_len > 0 ? s->pairs / ((double)q_len * (double)k_len) : 0.0;
    count_tiles(s);
    return count_rows(ctx, compiled, s);
}
