/* The five products of one tile: P and dS of its spans, what they add to dV and dK of the key tile, and to dQ of its rows. */
#include "base/half.h"
#include "kernel/convert/convert.h"
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

#include <string.h>

/* P and dS of one span. */
static void score_span(const struct attn_backward_head *head, const struct attn_backward_tile *tile, int panel,
                       const struct attn_row_span *span, struct attn_rows q, struct attn_rows d_o, struct attn_ahead *ahead) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_shape *shape = s->x->shape;
    const int64_t at = (int64_t)span->begin * ATTN_TILE_STRIDE + panel * ATTN_PANEL;
    struct attn_panel_product t = {.rows = span->end - span->begin,
                                   .dim = shape->dim,
                                   .a = q.data + span->begin * q.stride,
                                   .a_stride = q.stride,
                                   .b = w->kt + (int64_t)panel * ATTN_PANEL * shape->dim,
                                   .start = w->start_p + span->begin,
                                   .start_rest = w->start_rest + span->begin,
                                   .words = span->full ? NULL : w->words + panel * ATTN_BACKWARD_QUERIES + span->begin,
                                   .out = w->p + at,
                                   .out_stride = ATTN_TILE_STRIDE};
    attn_ahead_next(ahead, &t);
    (s->l.general ? s->ops->logits : s->ops->weights)(&t);
    t.dim = shape->v_dim;
    t.a = d_o.data + span->begin * d_o.stride;
    t.a_stride = d_o.stride;
    t.b = w->vt + (int64_t)panel * ATTN_PANEL * shape->v_dim;
    t.start = w->start_ds + span->begin;
    t.p = w->p + at;
    t.out = w->ds + at;
    attn_ahead_next(ahead, &t);
    (s->l.general ? s->ops->logits : s->ops->gradients)(&t);
    if (s->l.general) attn_backward_features(s, w, tile, panel, span);
}

/* dV += P^T dO, dK += dS^T Q for `keys` keys from `key` on and the rows [first, last); begun: there are sums to add to. A row more that
 * shares a pair has P = dS = 0. */
static void add_to_keys(const struct attn_backward_head *head, const struct attn_tile_operands *o, int key, int keys, int first, int last,
                        bool begun) {
    const struct attn_backward *s = head->s;
    const int from = first >> o->shift;
    const int64_t at = (int64_t)from * ATTN_TILE_STRIDE + key;
    struct attn_tile_product t = {.rows = keys,
                                  .columns = s->l.e_pad,
                                  .depth = ((last + o->shift) >> o->shift) - from,
                                  .add = begun,
                                  .a = o->p + at,
                                  .a_stride = ATTN_TILE_STRIDE,
                                  .b = o->d_o.data + from * o->d_o.stride,
                                  .b_stride = o->d_o.stride,
                                  .c = head->key->dv + (int64_t)key * s->l.e_pad,
                                  .c_stride = s->l.e_pad};
    o->by_keys(&t);
    t.columns = s->l.d_pad;
    t.a = o->ds + at;
    t.b = o->q.data + from * o->q.stride;
    t.b_stride = o->q.stride;
    t.c = head->key->dk + (int64_t)key * s->l.d_pad;
    t.c_stride = s->l.d_pad;
    o->by_keys(&t);
}

/* The rows of a span that see one of the lanes. */
static void rows_of_lanes(const struct attn_row_span *span, const uint32_t *words, uint32_t lanes, int *first, int *last) {
    *first = span->first;
    *last = span->last;
    while (*first < *last && !(words[*first] & lanes)) ++*first;
    while (*last > *first && !(words[*last - 1] & lanes)) --*last;
}

/* The lanes of a group of keys: as many as AVX-512's microkernel has rows. */
static uint32_t group_lanes(int at) {
    return ((1u << ATTN_ROW_BLOCK) - 1) << at;
}

/* One panel of a span that is not full: groups of keys by the rows that see them. */
static void add_to_panel(const struct attn_backward_head *head, const struct attn_backward_tile *tile, const struct attn_tile_operands *o,
                         int panel, const struct attn_row_span *span, bool begun) {
    const uint32_t *words = head->w->words + panel * ATTN_BACKWARD_QUERIES;
    const int left = tile->keys - panel * ATTN_PANEL, keys = left < ATTN_PANEL ? left : ATTN_PANEL;
    int first, last, next_first, next_last;
    rows_of_lanes(span, words, group_lanes(0), &first, &last);
    for (int at = 0, end; at < keys; at = end, first = next_first, last = next_last) {
        next_first = next_last = 0;
        for (end = at + ATTN_ROW_BLOCK; end < keys; end += ATTN_ROW_BLOCK) {
            rows_of_lanes(span, words, group_lanes(end), &next_first, &next_last);
            if (next_first != first || next_last != last) break;
        }
        add_to_keys(head, o, panel * ATTN_PANEL + at, (end < keys ? end : keys) - at, first, last, begun);
    }
}

static bool same_span(const struct attn_backward_tile *tile, int a, int b) {
    return tile->span_count[a] == 1 && tile->span_count[b] == 1 && tile->spans[a][0].first == tile->spans[b][0].first &&
           tile->spans[a][0].last == tile->spans[b][0].last && tile->spans[a][0].full && tile->spans[b][0].full;
}

static bool same_begun(const struct attn_key_tile *key, int a, int b) {
    return ((key->begun >> a ^ key->begun >> b) & 1u) == 0;
}

/* Full panels that have their span in common go together. Sums that have not begun begin here. */
static void key_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile, const struct attn_tile_operands *o) {
    struct attn_key_tile *sums = head->key;
    for (int panel = 0, panels; panel < tile->panels; panel += panels) {
        panels = 1;
        while (panel + panels < tile->panels && same_span(tile, panel, panel + panels) && same_begun(sums, panel, panel + panels)) panels++;
        const int key = panel * ATTN_PANEL, left = tile->keys - key, keys = left < panels * ATTN_PANEL ? left : panels * ATTN_PANEL;
        for (int i = 0; i < tile->span_count[panel]; i++) {
            const struct attn_row_span *span = &tile->spans[panel][i];
            const bool begun = sums->begun >> panel & 1u;
            if (span->full)
                add_to_keys(head, o, key, keys, span->first, span->last, begun);
            else
                add_to_panel(head, tile, o, panel, span, begun);
            sums->begun |= ((1u << panels) - 1) << panel;
        }
    }
}

/* dQ += dS K over the keys [key, key + keys) for rows [begin, end). A key more that shares a pair has dS = 0. */
static void add_to_queries(const struct attn_backward_head *head, const struct attn_tile_operands *o, int begin, int end, int key, int keys,
                           float *dq, int64_t stride, bool add) {
    const int from = key >> o->shift, d_pad = head->s->l.d_pad;
    const struct attn_tile_product t = {.rows = end - begin,
                                        .columns = d_pad,
                                        .depth = ((key + keys + o->shift) >> o->shift) - from,
                                        .add = add,
                                        .a = o->ds_of_keys + begin * o->key_stride + from,
                                        .a_stride = o->key_stride,
                                        .b = o->k + (int64_t)from * d_pad,
                                        .b_stride = d_pad,
                                        .c = dq + begin * stride,
                                        .c_stride = stride};
    o->by_queries(&t);
}

/* Keys that some row of a block of rows sees: bits of each panel. */
struct seen {
    uint32_t panel[ATTN_TILE_PANELS + 1];
};

static void find_seen(const struct attn_backward_tile *tile, const uint32_t *words, struct seen *seen) {
    for (int panel = 0; panel < tile->panels; panel++)
        for (int i = 0; i < tile->span_count[panel]; i++) {
            const struct attn_row_span *span = &tile->spans[panel][i];
            for (int r = span->begin; r < span->end; r++)
                seen[r / ATTN_ROW_BLOCK].panel[panel] |= span->full ? UINT32_MAX : words[panel * ATTN_BACKWARD_QUERIES + r];
        }
}

/* Blocks of rows that see the same keys go together; a panel that they do not see ends a product. */
static void query_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile, const struct attn_tile_operands *o,
                           float *dq, int64_t stride, bool add) {
    if (tile->full) {
        add_to_queries(head, o, 0, tile->rows, 0, tile->keys, dq, stride, add);
        return;
    }
    struct seen seen[ATTN_TILE_BLOCKS] = {{{0}}};
    const int blocks = (tile->rows + ATTN_ROW_BLOCK - 1) / ATTN_ROW_BLOCK;
    find_seen(tile, head->w->words, seen);
    for (int block = 0, end; block < blocks; block = end) {
        end = block + 1;
        while (end < blocks && memcmp(&seen[end], &seen[block], sizeof *seen) == 0) end++;
        const int last_row = end * ATTN_ROW_BLOCK < tile->rows ? end * ATTN_ROW_BLOCK : tile->rows;
        const uint32_t *bits = seen[block].panel;
        bool there = add;
        for (int panel = 0, last; panel < tile->panels; panel = last + 1) {
            last = panel;
            if (!bits[panel]) continue;
            while (bits[last + 1]) last++;
            const int first_key = panel * ATTN_PANEL + __builtin_ctz(bits[panel]);
            const int end_key = (last + 1) * ATTN_PANEL - __builtin_clz(bits[last]);
            add_to_queries(head, o, block * ATTN_ROW_BLOCK, last_row, first_key, (end_key < tile->keys ? end_key : tile->keys) - first_key,
                           dq, stride, there);
            there = true;
        }
        if (!there) add_to_queries(head, o, block * ATTN_ROW_BLOCK, last_row, 0, 0, dq, stride, false); /* zeros */
    }
}

/* Marks the rows that hold a NaN or infinity, and sets them to 0. */
static void take_out(const struct attn_backward *s, float *x, int pad, int rows, int dim, bool *out) {
    for (int r = 0; r < rows; r++) {
        out[r] = !s->ops->finite(x + (int64_t)r * pad, pad, 1, dim);
        if (out[r]) memset(x + (int64_t)r * pad, 0, (size_t)dim * sizeof *x);
    }
}

/* to += factor * the row at element `at`. */
static void add_row(float *to, float factor, const struct attn_array *a, int64_t at, int dim) {
    for (int c = 0; c < dim; c++) to[c] += factor * attn_element_f32(a->type, a->data, at + c * a->d);
}

static float element_of(const float *words, int64_t word, int half, int shift) {
    return shift ? attn_f32_of_bf16(((const uint16_t *)words)[2 * word + half]) : words[word];
}

void attn_backward_add_taken_out(const struct attn_backward_head *head, const struct attn_backward_tile *tile,
                                 const struct attn_tile_operands *o, const struct attn_taken_out *out, float *dq, int64_t stride) {
    const struct attn_backward *s = head->s;
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim;
    const int64_t q = head->q + tile->i0 * x->q.t, d_o = head->d_o + tile->i0 * x->d_o.t, keys = attn_first_key(&x->k, head->key);
    attn_begin_sums(s, head->key);
    for (int r = 0; r < tile->rows; r++)
        for (int k = 0; k < tile->keys; k++) {
            if (!(head->w->words[k / ATTN_PANEL * ATTN_BACKWARD_QUERIES + r] >> (k % ATTN_PANEL) & 1u)) continue;
            const int64_t word = (int64_t)(r >> o->shift) * ATTN_TILE_STRIDE + k;
            const float p = element_of(o->p, word, r & 1, o->shift), ds = element_of(o->ds, word, r & 1, o->shift);
            if (out->d_o[r]) add_row(head->key->dv + k * s->l.e_pad, p, &x->d_o, d_o + r * x->d_o.t, v_dim);
            if (out->q[r]) add_row(head->key->dk + k * s->l.d_pad, ds, &x->q, q + r * x->q.t, dim);
            if (out->k[k]) add_row(dq + r * stride, ds, &x->k, keys + k * x->k.t, dim);
        }
}

struct attn_tile_operands attn_backward_operands(const struct attn_backward_head *head, struct attn_rows q, struct attn_rows d_o,
                                                 const float *k) {
    const struct attn_backward_worker *w = head->w;
    return (struct attn_tile_operands){.by_keys = head->s->ops->by_keys,
                                       .by_queries = head->s->ops->by_queries,
                                       .p = w->p,
                                       .ds = w->ds,
                                       .q = q,
                                       .d_o = d_o,
                                       .ds_of_keys = w->ds,
                                       .key_stride = ATTN_TILE_STRIDE,
                                       .k = k};
}

/* The three products of a tile that is not full and holds a NaN or infinity. Rows that hold one are taken out of the products, where a
 * weight 0 would make a NaN of them, so that every row keeps the bits it has without them; then they are added to the pairs that are
 * allowed. */
void attn_backward_exact_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile, float *dq, int64_t stride,
                                  bool add) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim, d_pad = s->l.d_pad, e_pad = s->l.e_pad;
    const int64_t keys = attn_first_key(&x->k, head->key);
    const struct attn_tile_operands o =
        attn_backward_operands(head, (struct attn_rows){w->q_rows, d_pad}, (struct attn_rows){w->do_rows, e_pad}, w->k_rows);
    struct attn_taken_out out = {.q = {false}};
    attn_flash_read_rows(x->convert, w->q_rows, d_pad, &x->q, head->q + tile->i0 * x->q.t, tile->rows, dim);
    attn_flash_read_rows(x->convert, w->do_rows, e_pad, &x->d_o, head->d_o + tile->i0 * x->d_o.t, tile->rows, v_dim);
    attn_flash_read_rows(x->convert, w->k_rows, d_pad, &x->k, keys, tile->keys, dim);
    take_out(s, w->q_rows, d_pad, tile->rows, dim, out.q);
    take_out(s, w->do_rows, e_pad, tile->rows, v_dim, out.d_o);
    take_out(s, w->k_rows, d_pad, tile->keys, dim, out.k);
    attn_backward_products(head, tile, &o, dq, stride, add);
    attn_backward_add_taken_out(head, tile, &o, &out, dq, stride);
    if (head->key->k == w->k_rows) attn_flash_read_rows(x->convert, w->k_rows, d_pad, &x->k, keys, tile->keys, dim);
}

void attn_backward_scores(const struct attn_backward_head *head, const struct attn_backward_tile *tile, struct attn_rows q,
                          struct attn_rows d_o, struct attn_ahead *ahead) {
    for (int panel = 0; panel < tile->panels; panel++)
        for (int i = 0; i < tile->span_count[panel]; i++) score_span(head, tile, panel, &tile->spans[panel][i], q, d_o, ahead);
}

void attn_backward_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile,
                            const struct attn_tile_operands *o, float *dq, int64_t stride, bool add) {
    key_products(head, tile, o);
    query_products(head, tile, o, dq, stride, add);
}
