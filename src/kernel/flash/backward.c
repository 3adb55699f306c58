/* The backward loop of the flash schedule (Dao 2023, alg. 2): for each key tile, for each query tile that sees it,
 *
 *   P  = exp2(log2(e) scale Q K^T - log2(e) LSE)        dV += P^T dO
 *   dS = P (scale dO V^T - scale delta)                 dK += dS^T Q      dQ += dS K
 *
 * The scales are folded into the packed K^T and V^T; LSE and delta are subtracted after the products, LSE with what it lost in rounding.
 * dK and dV of the key tile stay in the worker's buffers, dQ is summed over key tiles in rising order. Nothing is transposed but K and V,
 * once for each key tile.
 *
 * A partial tile computes only the spans of rows that the mask leaves; there P and dS are selected to 0 by the mask's bits, and a
 * row of it that is NaN or infinite is added pair by pair, so that no excluded 0 * NaN arises.
 */
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

#include <math.h>
#include <string.h>

/* What is fixed for one key tile of one kv head. */
struct key_tile {
    int64_t b, k0;
    int32_t kv_head;
    int keys;
    bool finite;
    struct attn_seq seq;
    int64_t first_row, first_tile; /* of the sequence, in delta and in touched */
};

/* What is fixed for one query head of it. */
struct head {
    const struct attn_backward *s;
    struct attn_backward_worker *w;
    const struct key_tile *key;
    int32_t h;
    struct attn_mask_view view;
    const float *q, *d_o, *lse, *delta;
    float *dq;
    int64_t dq_t, dq_d;
    uint8_t *touched;
    double *d_slope;
    bool q_in_place, do_in_place, dq_in_place, keep_dq; /* keep_dq: what is in dq is to be added to */
};

/* The rows of the tile after this one, to be fetched meanwhile; data NULL: none. */
struct ahead {
    struct attn_rows q, d_o, dq;
};

/* A stretch of rows that a tile covers, and where the search goes on. */
struct cursor {
    int64_t at, end;
};

static bool next_tile(const struct head *head, struct cursor *c, int64_t *i0, int *rows) {
    const struct key_tile *key = head->key;
    if (c->at >= c->end && !attn_mask_next_queries(&head->view, key->k0, key->k0 + key->keys, c->end, &c->at, &c->end)) return false;
    const int64_t left = c->end - c->at;
    *i0 = c->at;
    *rows = (int)attn_min64(left, ATTN_BACKWARD_QUERIES);
    if (left > ATTN_BACKWARD_QUERIES && left < 2 * ATTN_BACKWARD_QUERIES) /* two halves rather than a tile and a sliver */
        *rows = (int)(attn_div_up(left, 2 * ATTN_ROW_BLOCK) * ATTN_ROW_BLOCK);
    c->at += *rows;
    return true;
}

/* ---- the rows of a query tile ---- */

static struct attn_rows rows_of(const struct attn_array *x, const float *data, bool in_place, int64_t i0, int rows, int dim, int pad,
                                float *copy) {
    if (in_place) return (struct attn_rows){data + i0 * x->t, x->t};
    attn_flash_copy_rows(copy, pad, data + i0 * x->t, x->t, x->d, rows, dim);
    return (struct attn_rows){copy, pad};
}

static void starts(const struct head *head, int64_t i0, int rows) {
    const int64_t stride = head->s->x->lse.t;
    const struct attn_backward_worker *w = head->w;
    for (int r = 0; r < rows; r++) {
        const float lse = head->lse[(i0 + r) * stride];
        const double start = -ATTN_LOG2E * (double)lse;
        w->start_p[r] = isfinite(lse) ? (float)start : -fabsf(lse); /* a row of no keys has no weights; NaN stays */
        w->start_rest[r] = isfinite(lse) ? (float)(start - (double)w->start_p[r]) : 0.0f;
        w->start_ds[r] = (float)(-head->s->v_factor * (double)head->delta[i0 + r]);
    }
}

/* Marks the query tiles of these rows; a tile that is met for the first time is set to 0, unless the caller overwrites the whole of it.
 * Returns whether sums are to be added to what is there. */
static bool touch(const struct head *head, int64_t i0, int rows, bool whole) {
    const int64_t first = i0 / ATTN_BACKWARD_QUERIES, last = (i0 + rows - 1) / ATTN_BACKWARD_QUERIES;
    bool add = true;
    for (int64_t tile = first; tile <= last; tile++) {
        if (head->touched[tile]) continue;
        head->touched[tile] = 1;
        if (head->keep_dq) continue;
        const int64_t begin = tile * ATTN_BACKWARD_QUERIES, end = attn_min64(begin + ATTN_BACKWARD_QUERIES, head->key->seq.q_len);
        if (whole && begin == i0 && end == i0 + rows) {
            add = false;
            continue;
        }
        for (int64_t i = begin; i < end; i++)
            for (int c = 0; c < head->s->x->shape->dim; c++) head->dq[i * head->dq_t + c * head->dq_d] = 0.0f;
    }
    return add;
}

/* ---- the five products ---- */

/* The lines of the next tile's rows that one panel's product fetches: each panel takes its share of every row. */
static void fetch(struct attn_panel_product *t, int slot, struct attn_rows ahead, int row, int panel, int dim) {
    t->next[slot] = ahead.data ? (const char *)(ahead.data + row * ahead.stride) + panel * dim : NULL;
    t->next_stride[slot] = ahead.stride * (int64_t)sizeof(float);
    t->next_lines = (dim + 63) / 64;
}

/* P and dS of one span. */
static void score_span(const struct head *head, const struct attn_backward_tile *tile, int panel, const struct attn_span *span,
                       struct attn_rows q, struct attn_rows d_o, const struct ahead *ahead) {
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
    fetch(&t, 0, ahead->q, span->begin, panel, shape->dim);
    fetch(&t, 1, ahead->dq, span->begin, panel, shape->dim);
    (s->l.general ? s->ops->logits : s->ops->weights)(&t);
    t.dim = shape->v_dim;
    t.a = d_o.data + span->begin * d_o.stride;
    t.a_stride = d_o.stride;
    t.b = w->vt + (int64_t)panel * ATTN_PANEL * shape->v_dim;
    t.start = w->start_ds + span->begin;
    t.p = w->p + at;
    t.out = w->ds + at;
    fetch(&t, 0, ahead->d_o, span->begin, panel, shape->v_dim);
    t.next[1] = NULL;
    (s->l.general ? s->ops->logits : s->ops->gradients)(&t);
    if (s->l.general) attn_backward_features(s, w, tile, panel, span);
}

/* dV += P^T dO, dK += dS^T Q for `panels` panels that have the span in common. */
static void add_to_keys(const struct head *head, const struct attn_backward_tile *tile, int panel, int panels, const struct attn_span *span,
                        struct attn_rows q, struct attn_rows d_o) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const int key = panel * ATTN_PANEL, keys = tile->keys - key;
    const int64_t at = (int64_t)span->first * ATTN_TILE_STRIDE + key;
    struct attn_tile_product t = {.rows = keys < panels * ATTN_PANEL ? keys : panels * ATTN_PANEL,
                                  .columns = s->l.e_pad,
                                  .depth = span->last - span->first,
                                  .add = true,
                                  .a = w->p + at,
                                  .a_stride = ATTN_TILE_STRIDE,
                                  .b = d_o.data + span->first * d_o.stride,
                                  .b_stride = d_o.stride,
                                  .c = w->dv + (int64_t)key * s->l.e_pad,
                                  .c_stride = s->l.e_pad};
    s->ops->by_keys(&t);
    t.columns = s->l.d_pad;
    t.a = w->ds + at;
    t.b = q.data + span->first * q.stride;
    t.b_stride = q.stride;
    t.c = w->dk + (int64_t)key * s->l.d_pad;
    t.c_stride = s->l.d_pad;
    s->ops->by_keys(&t);
}

static bool same_span(const struct attn_backward_tile *tile, int a, int b) {
    return tile->span_count[a] == 1 && tile->span_count[b] == 1 && tile->spans[a][0].first == tile->spans[b][0].first &&
           tile->spans[a][0].last == tile->spans[b][0].last;
}

static void key_products(const struct head *head, const struct attn_backward_tile *tile, struct attn_rows q, struct attn_rows d_o) {
    for (int panel = 0, panels; panel < tile->panels; panel += panels) {
        panels = 1;
        while (panel + panels < tile->panels && same_span(tile, panel, panel + panels)) panels++;
        for (int i = 0; i < tile->span_count[panel]; i++) add_to_keys(head, tile, panel, panels, &tile->spans[panel][i], q, d_o);
    }
}

/* dQ += dS K over the panels [panel, panel + panels) for rows [begin, end). */
static void add_to_queries(const struct head *head, const struct attn_backward_tile *tile, int begin, int end, int panel, int panels,
                           float *dq, int64_t stride, bool add) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const int key = panel * ATTN_PANEL, keys = tile->keys - key;
    const struct attn_tile_product t = {.rows = end - begin,
                                        .columns = s->l.d_pad,
                                        .depth = keys < panels * ATTN_PANEL ? keys : panels * ATTN_PANEL,
                                        .add = add,
                                        .a = w->ds + (int64_t)begin * ATTN_TILE_STRIDE + key,
                                        .a_stride = ATTN_TILE_STRIDE,
                                        .b = w->k_rows + (int64_t)key * s->l.d_pad,
                                        .b_stride = s->l.d_pad,
                                        .c = dq + begin * stride,
                                        .c_stride = stride};
    s->ops->by_queries(&t);
}

/* Blocks of rows that see the same panels go together; a gap between panels ends a product. */
static void query_products(const struct head *head, const struct attn_backward_tile *tile, float *dq, int64_t stride, bool add) {
    if (tile->full) {
        add_to_queries(head, tile, 0, tile->rows, 0, tile->panels, dq, stride, add);
        return;
    }
    unsigned seen[ATTN_TILE_BLOCKS + 1] = {0};
    const int blocks = (tile->rows + ATTN_ROW_BLOCK - 1) / ATTN_ROW_BLOCK;
    for (int panel = 0; panel < tile->panels; panel++)
        for (int i = 0; i < tile->span_count[panel]; i++)
            for (int block = tile->spans[panel][i].begin / ATTN_ROW_BLOCK; block * ATTN_ROW_BLOCK < tile->spans[panel][i].end; block++)
                seen[block] |= 1u << panel;
    for (int block = 0, end; block < blocks; block = end) {
        end = block + 1;
        while (end < blocks && seen[end] == seen[block]) end++;
        const int last_row = end * ATTN_ROW_BLOCK < tile->rows ? end * ATTN_ROW_BLOCK : tile->rows;
        for (int panel = 0, panels; panel < tile->panels; panel += panels) {
            panels = 1;
            if (!(seen[block] >> panel & 1u)) continue;
            while (seen[block] >> (panel + panels) & 1u) panels++;
            add_to_queries(head, tile, block * ATTN_ROW_BLOCK, last_row, panel, panels, dq, stride, true);
        }
    }
}

/* Marks the rows that hold a NaN or infinity, and sets them to 0. */
static void take_out(const struct attn_backward *s, float *x, int pad, int rows, int dim, bool *out) {
    for (int r = 0; r < rows; r++) {
        out[r] = !s->ops->finite(x + (int64_t)r * pad, pad, 1, dim);
        if (out[r]) memset(x + (int64_t)r * pad, 0, (size_t)dim * sizeof *x);
    }
}

static void add_row(float *to, float factor, const float *x, int64_t stride, int dim) {
    for (int c = 0; c < dim; c++) to[c] += factor * x[c * stride];
}

static const float *first_key(const struct attn_exec *x, const struct key_tile *key) {
    return (const float *)x->k.data + key->b * x->k.b + key->kv_head * x->k.h + (key->seq.k_row + key->k0) * x->k.t;
}

/* The three products of a tile that is not full and holds a NaN or infinity. Rows that hold one are taken out of the products, where a
 * weight 0 would make a NaN of them, so that every row keeps the bits it has without them; then they are added to the pairs that are
 * allowed. */
static void exact_products(const struct head *head, const struct attn_backward_tile *tile, float *dq, int64_t stride) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim;
    const float *q = head->q + tile->i0 * x->q.t, *d_o = head->d_o + tile->i0 * x->d_o.t, *key_rows = first_key(x, head->key);
    bool q_out[ATTN_BACKWARD_QUERIES], o_out[ATTN_BACKWARD_QUERIES], k_out[ATTN_BACKWARD_KEYS];
    attn_flash_copy_rows(w->q_rows, s->l.d_pad, q, x->q.t, x->q.d, tile->rows, dim);
    attn_flash_copy_rows(w->do_rows, s->l.e_pad, d_o, x->d_o.t, x->d_o.d, tile->rows, v_dim);
    take_out(s, w->q_rows, s->l.d_pad, tile->rows, dim, q_out);
    take_out(s, w->do_rows, s->l.e_pad, tile->rows, v_dim, o_out);
    take_out(s, w->k_rows, s->l.d_pad, tile->keys, dim, k_out);
    key_products(head, tile, (struct attn_rows){w->q_rows, s->l.d_pad}, (struct attn_rows){w->do_rows, s->l.e_pad});
    query_products(head, tile, dq, stride, true);
    for (int r = 0; r < tile->rows; r++)
        for (int k = 0; k < tile->keys; k++) {
            if (!(w->words[k / ATTN_PANEL * ATTN_BACKWARD_QUERIES + r] >> (k % ATTN_PANEL) & 1u)) continue;
            const float p = w->p[r * ATTN_TILE_STRIDE + k], ds = w->ds[r * ATTN_TILE_STRIDE + k];
            if (o_out[r]) add_row(w->dv + k * s->l.e_pad, p, d_o + r * x->d_o.t, x->d_o.d, v_dim);
            if (q_out[r]) add_row(w->dk + k * s->l.d_pad, ds, q + r * x->q.t, x->q.d, dim);
            if (k_out[k]) add_row(dq + r * stride, ds, key_rows + k * x->k.t, x->k.d, dim);
        }
    attn_flash_copy_rows(w->k_rows, s->l.d_pad, key_rows, x->k.t, x->k.d, tile->keys, dim);
}

static void query_tile(const struct head *head, int64_t i0, int rows, const struct ahead *ahead) {
    const struct attn_backward *s = head->s;
    struct attn_backward_worker *w = head->w;
    const struct key_tile *key = head->key;
    const struct attn_shape *shape = s->x->shape;
    struct attn_backward_tile tile = {.b = key->b,
                                      .h = head->h,
                                      .i0 = i0,
                                      .k0 = key->k0,
                                      .rows = rows,
                                      .keys = key->keys,
                                      .panels = (key->keys + ATTN_PANEL - 1) / ATTN_PANEL};
    attn_backward_spans(&tile, &head->view, w->words);
    tile.alibi_shift = attn_exec_alibi_shift(s->x, &key->seq);
    tile.d_slope = head->d_slope;
    const struct attn_rows q = rows_of(&s->x->q, head->q, head->q_in_place, i0, rows, shape->dim, s->l.d_pad, w->q_rows);
    const struct attn_rows d_o = rows_of(&s->x->d_o, head->d_o, head->do_in_place, i0, rows, shape->v_dim, s->l.e_pad, w->do_rows);
    const bool exact = !tile.full && !(key->finite && s->ops->finite(q.data, q.stride, rows, shape->dim) &&
                                       s->ops->finite(d_o.data, d_o.stride, rows, shape->v_dim));
    starts(head, i0, rows);
    for (int panel = 0; panel < tile.panels; panel++)
        for (int i = 0; i < tile.span_count[panel]; i++) score_span(head, &tile, panel, &tile.spans[panel][i], q, d_o, ahead);

    float *to = head->dq + i0 * head->dq_t, *dq = head->dq_in_place ? to : w->dq_rows;
    const int64_t stride = head->dq_in_place ? head->dq_t : s->l.d_pad;
    const bool add = touch(head, i0, rows, tile.full);
    if (!head->dq_in_place && !tile.full) memset(dq, 0, (size_t)(rows * stride) * sizeof *dq);
    if (exact) {
        exact_products(head, &tile, dq, stride);
    } else {
        key_products(head, &tile, q, d_o);
        query_products(head, &tile, dq, stride, add && head->dq_in_place);
    }
    if (!head->dq_in_place) attn_backward_write_rows(to, head->dq_t, head->dq_d, dq, s->l.d_pad, rows, shape->dim, add);
}

/* ---- one query head under one key tile ---- */

static void head_init(struct head *head, const struct attn_backward *s, struct attn_backward_worker *w, const struct key_tile *key,
                      int32_t h, int64_t chunk) {
    const struct attn_exec *x = s->x;
    const struct attn_seq *seq = &key->seq;
    const int64_t plane = chunk * x->shape->heads + h;
    *head = (struct head){.s = s, .w = w, .key = key, .h = h};
    attn_exec_view(x, key->b, h, seq, &head->view);
    head->q = (const float *)x->q.data + key->b * x->q.b + h * x->q.h + seq->q_row * x->q.t;
    head->d_o = (const float *)x->d_o.data + key->b * x->d_o.b + h * x->d_o.h + seq->q_row * x->d_o.t;
    head->lse = (const float *)x->lse.data + key->b * x->lse.b + h * x->lse.h + seq->q_row * x->lse.t;
    head->delta = s->delta + h * s->l.rows + key->first_row;
    head->touched = s->touched + plane * s->l.tiles + key->first_tile;
    head->d_slope = !x->alibi.data ? NULL : s->dalibi + (key->b * x->shape->heads + h) * s->l.chunks + chunk;
    head->q_in_place = x->q.d == 1 && x->q.t == s->l.d_pad && x->shape->dim == s->l.d_pad;
    head->do_in_place = x->d_o.d == 1 && x->d_o.t == s->l.e_pad && x->shape->v_dim == s->l.e_pad;
    if (s->l.chunks > 1) {
        head->dq = s->dq + (plane * s->l.rows + key->first_row) * s->l.d_pad;
        head->dq_t = s->l.d_pad;
        head->dq_d = 1;
        head->dq_in_place = true;
    } else {
        head->dq = (float *)x->dq.data + key->b * x->dq.b + h * x->dq.h + seq->q_row * x->dq.t;
        head->dq_t = x->dq.t;
        head->dq_d = x->dq.d;
        head->dq_in_place = x->dq.d == 1 && x->shape->dim == s->l.d_pad;
        head->keep_dq = x->accumulate & ATTN_ACCUMULATE_DQ;
    }
}

static void head_tiles(const struct head *head) {
    struct cursor cursor = {0, 0};
    const struct attn_exec *x = head->s->x;
    int64_t i0, next_i0 = 0;
    int rows, next_rows = 0;
    bool more = next_tile(head, &cursor, &i0, &rows);
    while (more) {
        more = next_tile(head, &cursor, &next_i0, &next_rows);
        struct ahead ahead = {.q = {NULL, 0}, .d_o = {NULL, 0}, .dq = {NULL, 0}};
        if (more)
            ahead = (struct ahead){.q = {head->q + next_i0 * x->q.t, x->q.t},
                                   .d_o = {head->d_o + next_i0 * x->d_o.t, x->d_o.t},
                                   .dq = {head->dq + next_i0 * head->dq_t, head->dq_t}};
        query_tile(head, i0, rows, &ahead);
        i0 = next_i0;
        rows = next_rows;
    }
}

/* ---- key tiles ---- */

static void load_keys(const struct attn_backward *s, struct attn_backward_worker *w, struct key_tile *key) {
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim;
    const float *k = first_key(x, key);
    const float *v = (const float *)x->v.data + key->b * x->v.b + key->kv_head * x->v.h + (key->seq.k_row + key->k0) * x->v.t;
    attn_flash_copy_rows(w->k_rows, s->l.d_pad, k, x->k.t, x->k.d, key->keys, dim);
    key->finite = s->ops->finite(w->k_rows, s->l.d_pad, key->keys, dim);
    for (int l = 0; l < key->keys; l += ATTN_PANEL) {
        const int keys = key->keys - l < ATTN_PANEL ? key->keys - l : ATTN_PANEL;
        const float *panel = v + l * x->v.t;
        int64_t v_stride = x->v.t;
        if (x->v.d != 1) { /* the buffer of dO is free here, and holds a panel's rows of this size */
            attn_flash_copy_rows(w->do_rows, s->l.e_pad, panel, x->v.t, x->v.d, keys, v_dim);
            panel = w->do_rows;
            v_stride = s->l.e_pad;
        }
        s->ops->pack(w->k_rows + (int64_t)l * s->l.d_pad, s->l.d_pad, keys, dim, s->k_factor, w->kt + (int64_t)l * dim);
        s->ops->pack(panel, v_stride, keys, v_dim, s->v_factor, w->vt + (int64_t)l * v_dim);
    }
    memset(w->dk, 0, (size_t)(key->keys * s->l.d_pad) * sizeof *w->dk);
    memset(w->dv, 0, (size_t)(key->keys * s->l.e_pad) * sizeof *w->dv);
}

/* add: heads of the group before this one have been here. */
static void store_keys(const struct attn_backward *s, const struct attn_backward_worker *w, const struct key_tile *key, bool add) {
    const struct attn_exec *x = s->x;
    float *dk = (float *)x->dk.data + key->b * x->dk.b + key->kv_head * x->dk.h + (key->seq.k_row + key->k0) * x->dk.t;
    float *dv = (float *)x->dv.data + key->b * x->dv.b + key->kv_head * x->dv.h + (key->seq.k_row + key->k0) * x->dv.t;
    attn_backward_write_rows(dk, x->dk.t, x->dk.d, w->dk, s->l.d_pad, key->keys, x->shape->dim,
                             add || (x->accumulate & ATTN_ACCUMULATE_DK));
    attn_backward_write_rows(dv, x->dv.t, x->dv.d, w->dv, s->l.e_pad, key->keys, x->shape->v_dim,
                             add || (x->accumulate & ATTN_ACCUMULATE_DV));
}

static void one_key_tile(const struct attn_backward *s, struct attn_backward_worker *w, struct key_tile *key, int g, int64_t chunk) {
    struct head head;
    load_keys(s, w, key);
    head_init(&head, s, w, key, key->kv_head * s->group + g, chunk);
    head_tiles(&head);
    store_keys(s, w, key, g > 0);
}

/* Key tiles [*begin, *end) of a chunk: borders where the area of the group's first head reaches equal parts; each tile counts one row more
 * than it has, so that empty tiles are spread too. A unit of several sequences or heads, which share columns of dBias, has the same borders in all of
 * them: a column must not belong to two units. */
static void chunk_tiles(const struct attn_backward *s, const struct key_tile *key, int64_t chunk, int64_t *begin, int64_t *end) {
    const int64_t chunks = s->l.chunks, tiles = attn_div_up(key->seq.k_len, ATTN_BACKWARD_KEYS);
    struct attn_mask_view view;
    *begin = 0;
    *end = tiles;
    if (chunks == 1) return;
    if (s->l.together) {
        const int64_t most = attn_div_up(s->x->shape->kv_len, ATTN_BACKWARD_KEYS);
        *begin = attn_min64(most * chunk / chunks, tiles);
        *end = attn_min64(most * (chunk + 1) / chunks, tiles);
        return;
    }
    attn_exec_view(s->x, key->b, key->kv_head * s->group, &key->seq, &view);
    double total = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0.0;
        *begin = *end = 0;
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t k0 = t * ATTN_BACKWARD_KEYS, k1 = attn_min64(k0 + ATTN_BACKWARD_KEYS, key->seq.k_len);
            const double area = (double)attn_mask_view_area(&view, 0, key->seq.q_len, k0, k1) + ATTN_BACKWARD_KEYS;
            if (pass) {
                const int64_t owner = attn_min64((int64_t)((sum + 0.5 * area) * (double)chunks / total), chunks - 1);
                *begin += owner < chunk;
                *end += owner <= chunk;
            }
            sum += area;
        }
        total = sum;
    }
}

/* dQ of query tiles that no key tile touched, where the unit alone writes dQ. */
static void clear_untouched(const struct attn_backward *s, struct attn_backward_worker *w, const struct key_tile *key) {
    struct head head;
    if (s->l.chunks > 1) return;
    for (int g = 0; g < s->group; g++) {
        head_init(&head, s, w, key, key->kv_head * s->group + g, 0);
        for (int64_t i = 0; i < key->seq.q_len; i += ATTN_BACKWARD_QUERIES) (void)touch(&head, i, 1, false);
    }
}

/* Head by head, so that the rows of one head's queries stay in the cache over its key tiles; packing the keys again costs less than half a percent
 * of a long head. */
static void kv_head_chunk(const struct attn_backward *s, struct attn_backward_worker *w, int64_t b, int32_t kv_head, int64_t chunk) {
    const struct attn_shape *shape = s->x->shape;
    struct key_tile key = {.b = b, .kv_head = kv_head, .seq = attn_exec_seq(s->x, b)};
    key.first_row = shape->packed ? key.seq.q_row : b * shape->q_len;
    key.first_tile = shape->packed ? key.seq.q_row / ATTN_BACKWARD_QUERIES + b : b * attn_div_up(shape->q_len, ATTN_BACKWARD_QUERIES);
    int64_t begin, end;
    chunk_tiles(s, &key, chunk, &begin, &end);
    for (int g = 0; g < s->group; g++)
        for (int64_t t = begin; t < end; t++) {
            key.k0 = t * ATTN_BACKWARD_KEYS;
            key.keys = (int)attn_min64(ATTN_BACKWARD_KEYS, key.seq.k_len - key.k0);
            one_key_tile(s, w, &key, g, chunk);
        }
    clear_untouched(s, w, &key);
}

void attn_backward_unit(const struct attn_backward *s, int64_t unit, struct attn_backward_worker *w) {
    const struct attn_exec *x = s->x;
    const int64_t chunk = unit % s->l.chunks, head_group = unit / s->l.chunks % s->l.head_groups,
                  batch_group = unit / s->l.chunks / s->l.head_groups;
    const bool all_heads = s->l.head_groups != x->shape->kv_heads, all_batch = s->l.batch_groups != x->shape->batch;
    const int64_t b0 = all_batch ? 0 : batch_group, b1 = all_batch ? x->batch : batch_group + 1;
    const int64_t h0 = all_heads ? 0 : head_group, h1 = all_heads ? x->shape->kv_heads : head_group + 1;
    for (int64_t b = b0; b < b1; b++)
        for (int64_t h = h0; h < h1; h++) kv_head_chunk(s, w, b, (int32_t)h, chunk);
}
