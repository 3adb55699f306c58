/* The products of the backward pass on pairs of bfloat16: operands packed, scores, and what becomes of rows that hold a NaN or infinity. The
 * tile's walk, its spans and the last three products are those of floats.
 *
 * The worker's buffers hold: kt, vt the packed K^T and V^T; k_rows pairs of keys, q_rows and do_rows pairs of queries in their first half, in the
 * second one copies of rows that cannot be used in place; p and ds pairs of queries in their first half, and dS as rows of bfloat16 in the
 * second half of p.
 */
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

#include <string.h>

/* Rows of bfloat16, `stride` elements apart; of an odd size: followed by a 0. */
struct halves {
    const uint16_t *row;
    int64_t stride;
};

static struct halves rows_of(const struct attn_array *a, int64_t at, int64_t n, int dim, uint16_t *copy, int pad) {
    const uint16_t *from = (const uint16_t *)a->data + at;
    if (a->d == 1 && dim % 2 == 0) return (struct halves){from, a->t};
    attn_flash_copy_halves(copy, pad, a, at, n, dim);
    return (struct halves){copy, pad};
}

static uint16_t *second_half(float *words, int64_t count) {
    return (uint16_t *)(words + count / 2);
}

/* Pairs of keys, for dQ. */
static void pack_keys(const struct attn_backward_head *head, struct halves k) {
    const struct attn_backward *s = head->s;
    s->pairs->pack_rows(k.row, k.stride, head->key->keys, s->x->shape->dim, s->l.d_pad, (uint32_t *)head->w->k_rows);
}

static struct halves keys_of(const struct attn_backward_head *head) {
    const struct attn_exec *x = head->s->x;
    const struct attn_key_tile *key = head->key;
    uint16_t *copy = second_half(head->w->k_rows, (int64_t)ATTN_BACKWARD_KEYS * head->s->l.d_pad);
    return rows_of(&x->k, attn_first_key(&x->k, key), key->keys, x->shape->dim, copy, head->s->l.d_pad);
}

void attn_backward_pair_keys(const struct attn_backward_head *head) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_exec *x = s->x;
    struct attn_key_tile *key = head->key;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim;
    const struct halves k = keys_of(head);
    key->finite = s->pairs->finite(k.row, k.stride, key->keys, dim);
    pack_keys(head, k);
    for (int l = 0, panel = 0; l < key->keys; l += ATTN_PANEL, panel++) {
        const int keys = key->keys - l < ATTN_PANEL ? key->keys - l : ATTN_PANEL;
        const int64_t v_at = attn_first_key(&x->v, key) + l * x->v.t;
        const struct halves v = rows_of(&x->v, v_at, keys, v_dim, (uint16_t *)w->do_rows, s->l.e_pad);
        s->pairs->pack_columns(k.row + l * k.stride, k.stride, keys, dim, (uint32_t *)w->kt + panel * ATTN_PANEL * ((dim + 1) / 2));
        s->pairs->pack_columns(v.row, v.stride, keys, v_dim, (uint32_t *)w->vt + panel * ATTN_PANEL * ((v_dim + 1) / 2));
    }
}

/* The rows of one tile. */
struct queries {
    struct halves q, d_o;
    uint32_t *q_pairs, *do_pairs;
    uint16_t *ds_rows;
};

static struct queries queries_of(const struct attn_backward_head *head, const struct attn_backward_tile *tile) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim, d_pad = s->l.d_pad, e_pad = s->l.e_pad;
    struct queries t = {.q_pairs = (uint32_t *)w->q_rows,
                        .do_pairs = (uint32_t *)w->do_rows,
                        .ds_rows = second_half(w->p, ATTN_BACKWARD_QUERIES * ATTN_TILE_STRIDE)};
    t.q = rows_of(&x->q, head->q + tile->i0 * x->q.t, tile->rows, dim, second_half(w->q_rows, ATTN_BACKWARD_QUERIES * d_pad), d_pad);
    t.d_o =
        rows_of(&x->d_o, head->d_o + tile->i0 * x->d_o.t, tile->rows, v_dim, second_half(w->do_rows, ATTN_BACKWARD_QUERIES * e_pad), e_pad);
    s->pairs->pack_rows(t.q.row, t.q.stride, tile->rows, dim, d_pad, t.q_pairs);
    s->pairs->pack_rows(t.d_o.row, t.d_o.stride, tile->rows, v_dim, e_pad, t.do_pairs);
    return t;
}

static void score_span(const struct attn_backward_head *head, const struct queries *t, int panel, const struct attn_row_span *span,
                       struct attn_ahead *ahead) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct attn_shape *shape = s->x->shape;
    const int begin = span->begin;
    struct attn_pair_scores p = {.rows = span->end - begin,
                                 .dim = shape->dim,
                                 .v_dim = shape->v_dim,
                                 .q = t->q.row + begin * t->q.stride,
                                 .q_stride = t->q.stride,
                                 .d_o = t->d_o.row + begin * t->d_o.stride,
                                 .do_stride = t->d_o.stride,
                                 .kt = (uint32_t *)w->kt + panel * ATTN_PANEL * ((shape->dim + 1) / 2),
                                 .vt = (uint32_t *)w->vt + panel * ATTN_PANEL * ((shape->v_dim + 1) / 2),
                                 .p_factor = (float)s->k_factor,
                                 .ds_factor = (float)s->v_factor,
                                 .start_p = w->start_p + begin,
                                 .start_rest = w->start_rest + begin,
                                 .start_ds = w->start_ds + begin,
                                 .words = span->full ? NULL : w->words + panel * ATTN_BACKWARD_QUERIES + begin,
                                 .p = (uint32_t *)w->p + begin / 2 * ATTN_TILE_STRIDE + panel * ATTN_PANEL,
                                 .ds = (uint32_t *)w->ds + begin / 2 * ATTN_TILE_STRIDE + panel * ATTN_PANEL,
                                 .pair_stride = ATTN_TILE_STRIDE,
                                 .ds_rows = t->ds_rows + begin * ATTN_TILE_STRIDE + panel * ATTN_PANEL,
                                 .row_stride = ATTN_TILE_STRIDE};
    for (int i = 0; i < 2; i++) {
        p.next[i].rows = p.rows;
        attn_ahead_next(ahead, &p.next[i]);
    }
    s->pairs->scores(&p);
}

/* The half of a pair that belongs to a row with a NaN or infinity becomes 0. */
static void take_out(const struct attn_backward *s, struct halves x, int rows, int dim, uint32_t *pairs, int pad, bool *out) {
    for (int r = 0; r < rows; r++) {
        out[r] = !s->pairs->finite(x.row + r * x.stride, x.stride, 1, dim);
        for (int c = 0; c < pad && out[r]; c++) pairs[r / 2 * pad + c] &= r & 1 ? 0xffffu : 0xffff0000u;
    }
}

/* As attn_backward_exact_products. */
static void exact_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile, const struct queries *t,
                           const struct attn_tile_operands *o, float *dq, int64_t stride, bool add) {
    const struct attn_backward *s = head->s;
    const int dim = s->x->shape->dim, v_dim = s->x->shape->v_dim;
    struct attn_taken_out out = {.q = {false}};
    const struct halves k = keys_of(head);
    take_out(s, t->q, tile->rows, dim, t->q_pairs, s->l.d_pad, out.q);
    take_out(s, t->d_o, tile->rows, v_dim, t->do_pairs, s->l.e_pad, out.d_o);
    take_out(s, k, tile->keys, dim, (uint32_t *)head->w->k_rows, s->l.d_pad, out.k);
    attn_backward_products(head, tile, o, dq, stride, add);
    attn_backward_add_taken_out(head, tile, o, &out, dq, stride);
    pack_keys(head, k);
}

void attn_backward_pair_tile(const struct attn_backward_head *head, const struct attn_backward_tile *tile, struct attn_ahead *ahead,
                             bool finite, float *dq, int64_t stride, bool add) {
    const struct attn_backward *s = head->s;
    const struct attn_backward_worker *w = head->w;
    const struct queries t = queries_of(head, tile);
    const struct attn_tile_operands o = {.shift = 1,
                                         .by_keys = s->pairs->by_keys,
                                         .by_queries = s->pairs->by_queries,
                                         .p = w->p,
                                         .ds = w->ds,
                                         .q = {w->q_rows, s->l.d_pad},
                                         .d_o = {w->do_rows, s->l.e_pad},
                                         .ds_of_keys = (const float *)t.ds_rows,
                                         .key_stride = ATTN_TILE_STRIDE / 2,
                                         .k = w->k_rows};
    const bool exact = !tile->full && !(finite && s->pairs->finite(t.q.row, t.q.stride, tile->rows, s->x->shape->dim));
    for (int panel = 0; panel < tile->panels; panel++)
        for (int i = 0; i < tile->span_count[panel]; i++) score_span(head, &t, panel, &tile->spans[panel][i], ahead);
    if (tile->keys % 2) /* the lane beyond the last key, which shares its pair */
        for (int r = 0; r < tile->rows; r++) t.ds_rows[r * ATTN_TILE_STRIDE + tile->keys] = 0;
    if (exact)
        exact_products(head, tile, &t, &o, dq, stride, add);
    else
        attn_backward_products(head, tile, &o, dq, stride, add);
}
