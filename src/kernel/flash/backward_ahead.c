/* Which lines of the rows that come next each product of a tile fetches: the memory's time passes beside the multiply-adds.
 *
 * Every row that a product computes takes `each` lines of one row of a part; parts follow one another, and within a part the first lines
 * of all its rows, then the next ones. A product that meets the end of a part's rows fetches fewer.
 */
#include "kernel/flash/backward_tile.h"

enum { LINE = 64 };

void attn_ahead_add(struct attn_ahead *ahead, const struct attn_array *a, int64_t at, int rows, int dim) {
    const int64_t bytes = (int64_t)attn_dtype_bytes(a->type);
    if (a->d != 1) return; /* scattered over as many lines as elements */
    ahead->part[ahead->parts].at = (const char *)a->data + at * bytes;
    ahead->part[ahead->parts].stride = a->t * bytes;
    ahead->part[ahead->parts].rows = rows;
    ahead->part[ahead->parts].lines = (int)attn_div_up(dim * bytes, LINE);
    ahead->parts++;
}

void attn_ahead_spread(struct attn_ahead *ahead, const struct attn_backward_tile *tile) {
    int lines = 0, rows = 1;
    for (int i = 0; i < ahead->parts; i++) lines += ahead->part[i].rows * ahead->part[i].lines;
    for (int panel = 0; panel < tile->panels; panel++)
        for (int i = 0; i < tile->span_count[panel]; i++) rows += 2 * (tile->spans[panel][i].end - tile->spans[panel][i].begin);
    ahead->each = (lines + rows - 1) / rows;
    ahead->part_at = ahead->line = ahead->row = 0;
}

void attn_ahead_next(struct attn_ahead *ahead, struct attn_panel_product *t) {
    t->next_rows = 0;
    if (ahead->part_at == ahead->parts) return;
    const int rows = ahead->part[ahead->part_at].rows, lines = ahead->part[ahead->part_at].lines;
    const int left = rows - ahead->row, more = lines - ahead->line;
    t->next_stride = ahead->part[ahead->part_at].stride;
    t->next = ahead->part[ahead->part_at].at + ahead->row * t->next_stride + ahead->line * LINE;
    t->next_rows = left < t->rows ? left : t->rows;
    t->next_lines = more < ahead->each ? more : ahead->each;
    ahead->row += t->next_rows;
    if (ahead->row < rows) return;
    ahead->row = 0;
    ahead->line += ahead->each;
    if (ahead->line < lines) return;
    ahead->line = 0;
    ahead->part_at++;
}
