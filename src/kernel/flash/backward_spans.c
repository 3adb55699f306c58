/* Which rows of which panels of a tile are computed at all.
 *
 * The mask gives, for each panel of keys, the runs of queries that see some of it. They are widened to blocks of rows (the
 * height of AVX-512's microkernel, which loses nothing by it) and joined where they touch; the words of every row of a span are valid, 0
 * where no pair is.
 */
#include "kernel/flash/backward_tile.h"

static void add_run(struct attn_backward_tile *tile, int panel, const struct attn_mask_run *run) {
    const int begin = run->begin / ATTN_ROW_BLOCK * ATTN_ROW_BLOCK;
    const int up = (run->end + ATTN_ROW_BLOCK - 1) / ATTN_ROW_BLOCK * ATTN_ROW_BLOCK;
    const int end = up < tile->rows ? up : tile->rows;
    struct attn_row_span *last = tile->spans[panel] + tile->span_count[panel] - 1;
    if (tile->span_count[panel] && begin <= last->end) {
        last->end = end;
        last->last = run->end;
        last->full = false;
        return;
    }
    tile->spans[panel][tile->span_count[panel]++] = (struct attn_row_span){
        .begin = begin, .end = end, .first = run->begin, .last = run->end, .full = run->full && begin == run->begin && end == run->end};
}

static void panel_spans(struct attn_backward_tile *tile, int panel, const struct attn_mask_view *view, uint32_t *words) {
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    const int64_t k0 = tile->k0 + panel * ATTN_PANEL;
    const int left = tile->keys - panel * ATTN_PANEL;
    const int count =
        attn_mask_runs_of_queries(view, k0, left < ATTN_PANEL ? left : ATTN_PANEL, tile->i0, tile->i0 + tile->rows, words, runs);
    int row = 0;
    tile->span_count[panel] = 0;
    for (int i = 0; i < count; i++) {
        for (; row < runs[i].begin; row++) words[row] = 0;
        if (runs[i].full)
            for (; row < runs[i].end; row++) words[row] = UINT32_MAX;
        row = runs[i].end;
        add_run(tile, panel, &runs[i]);
    }
    for (; row < tile->rows; row++) words[row] = 0;
}

void attn_backward_spans(struct attn_backward_tile *tile, const struct attn_mask_view *view, uint32_t *words) {
    tile->full = attn_mask_view_tile(view, tile->i0, tile->i0 + tile->rows, tile->k0, tile->k0 + tile->keys) == 1;
    for (int panel = 0; panel < tile->panels; panel++)
        if (tile->full) {
            tile->span_count[panel] = 1;
            tile->spans[panel][0] = (struct attn_row_span){.begin = 0, .end = tile->rows, .first = 0, .last = tile->rows, .full = true};
        } else {
            panel_spans(tile, panel, view, words + panel * ATTN_BACKWARD_QUERIES);
        }
}
