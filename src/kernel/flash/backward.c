/* The backward loop of the flash schedule (Dao 2023, alg. 2): for each key tile, for each query tile that sees it,
 *
 *   P  = exp2(log2(e) scale Q K^T - log2(e) LSE)        dV += P^T dO
 *   dS = P (scale dO V^T - scale delta)                 dK += dS^T Q      dQ += dS K
 *
 * The scales are folded into the packed K^T and V^T; LSE and delta are subtracted after the products, LSE with what it lost in rounding.
 * dK and dV of the key tile are summed in the caller's rows, or in the worker's buffers where these lie apart; dQ is summed over key
 * tiles in rising order. Nothing is transposed but K and V, once for each key tile. Rows of 16-bit types are copied into floats; gradients
 * of such types are summed in floats in the worker's memory, dQ of one head, dK and dV of all keys of a group of heads, and written once.
 *
 * A partial tile computes only the spans of rows that the mask leaves; there P and dS are selected to 0 by the mask's bits, and a
 * row of it that is NaN or infinite is added pair by pair, so that no excluded 0 * NaN arises.
 */
#include "base/parallel.h"
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

#include <math.h>
#include <string.h>

/* A stretch of rows that a tile covers, and where the search goes on. */
struct cursor {
    int64_t at, end;
};

static bool next_tile(const struct attn_backward_head *head, int64_t k0, int keys, struct cursor *c, int64_t *i0, int *rows) {
    if (c->at >= c->end && !attn_mask_next_queries(&head->view, k0, k0 + keys, c->end, &c->at, &c->end)) return false;
    const int64_t left = c->end - c->at;
    *i0 = c->at;
    *rows = (int)attn_min64(left, ATTN_BACKWARD_QUERIES);
    if (left > ATTN_BACKWARD_QUERIES && left < 2 * ATTN_BACKWARD_QUERIES) /* two halves rather than a tile and a sliver */
        *rows = (int)(attn_div_up(left, 2 * ATTN_ROW_BLOCK) * ATTN_ROW_BLOCK);
    c->at += *rows;
    return true;
}

/* ---- the rows of a query tile ---- */

static struct attn_rows rows_of(const struct attn_backward_head *head, const struct attn_array *a, int64_t at, bool in_place, int rows,
                                int dim, int pad, float *copy) {
    if (in_place) return (struct attn_rows){(const float *)a->data + at, a->t};
    attn_flash_read_rows(head->s->x->convert, copy, pad, a, at, rows, dim);
    return (struct attn_rows){copy, pad};
}

/* Returns whether delta is finite for all rows. */
static bool starts(const struct attn_backward_head *head, int64_t i0, int rows) {
    const int64_t stride = head->s->x->lse.t;
    const struct attn_backward_worker *w = head->w;
    bool finite = true;
    for (int r = 0; r < rows; r++) {
        const float lse = head->lse[(i0 + r) * stride], delta = head->delta[i0 + r];
        const double start = -ATTN_LOG2E * (double)lse;
        w->start_p[r] = isfinite(lse) ? (float)start : -fabsf(lse); /* a row of no keys has no weights; NaN stays */
        w->start_rest[r] = isfinite(lse) ? (float)(start - (double)w->start_p[r]) : 0.0f;
        w->start_ds[r] = (float)(-head->s->v_factor * (double)delta);
        finite = finite && isfinite(delta);
    }
    return finite;
}

static void clear_row(float *row, int64_t d, int dim) {
    if (d == 1)
        memset(row, 0, (size_t)dim * sizeof *row);
    else
        for (int c = 0; c < dim; c++) row[c * d] = 0.0f;
}

/* dQ of rows that no key tile has touched becomes 0. */
static void clear_untouched(const struct attn_backward_head *head, int64_t i0, int64_t rows) {
    for (int64_t i = i0; i < i0 + rows; i++)
        if (!head->touched[i]) clear_row(head->dq + i * head->dq_t, head->dq_d, head->s->x->shape->dim);
}

/* Marks these rows. Returns whether dQ holds something in all of them that is to be added to; else the caller must write the whole. */
static bool touch(const struct attn_backward_head *head, int64_t i0, int rows) {
    uint8_t *touched = head->touched + i0;
    int before = 0;
    for (int r = 0; r < rows; r++) before += touched[r];
    if (!head->keep_dq && before > 0 && before < rows) clear_untouched(head, i0, rows);
    memset(touched, 1, (size_t)rows);
    return head->keep_dq || before > 0;
}

/* All products of a tile in floats. finite: of the key tile and of the rows' deltas. */
static void float_tile(const struct attn_backward_head *head, const struct attn_backward_tile *tile, struct attn_ahead *ahead, bool finite,
                       float *dq, int64_t stride, bool add) {
    const struct attn_backward *s = head->s;
    const struct attn_exec *x = s->x;
    const struct attn_backward_worker *w = head->w;
    const int rows = tile->rows, dim = x->shape->dim, v_dim = x->shape->v_dim;
    const int64_t q_at = head->q + tile->i0 * x->q.t, do_at = head->d_o + tile->i0 * x->d_o.t;
    const struct attn_rows q = rows_of(head, &x->q, q_at, head->q_in_place, rows, dim, s->l.d_pad, w->q_rows);
    const struct attn_rows d_o = rows_of(head, &x->d_o, do_at, head->do_in_place, rows, v_dim, s->l.e_pad, w->do_rows);
    const bool exact = !tile->full && !(finite && s->ops->finite(q.data, q.stride, rows, dim));
    const struct attn_tile_operands o = attn_backward_operands(head, q, d_o, head->key->k);
    attn_backward_scores(head, tile, q, d_o, ahead);
    if (exact)
        attn_backward_exact_products(head, tile, dq, stride, add);
    else
        attn_backward_products(head, tile, &o, dq, stride, add);
}

static void query_tile(const struct attn_backward_head *head, int64_t i0, int rows, struct attn_ahead *ahead) {
    const struct attn_backward *s = head->s;
    struct attn_backward_worker *w = head->w;
    const struct attn_key_tile *key = head->key;
    const struct attn_shape *shape = s->x->shape;
    struct attn_backward_tile tile = {.b = key->b,
                                      .h = head->h,
                                      .i0 = i0,
                                      .k0 = key->k0,
                                      .rows = rows,
                                      .keys = key->keys,
                                      .panels = (key->keys + ATTN_PANEL - 1) / ATTN_PANEL};
    attn_backward_spans(&tile, &head->view, w->words);
    attn_ahead_spread(ahead, &tile);
    tile.alibi_shift = attn_exec_alibi_shift(s->x, &key->seq);
    tile.d_slope = head->d_slope;
    /* A row of dO with a NaN or infinity has a delta that is one too: no finite O makes the sum of its products finite again. */
    const bool finite = starts(head, i0, rows) && key->finite;
    float *dq = head->dq_in_place ? head->dq + i0 * head->dq_t : w->dq_rows;
    const int64_t stride = head->dq_in_place ? head->dq_t : s->l.d_pad;
    const bool add = touch(head, i0, rows);
    if (s->pairs)
        attn_backward_pair_tile(head, &tile, ahead, finite, dq, stride, add && head->dq_in_place);
    else
        float_tile(head, &tile, ahead, finite, dq, stride, add && head->dq_in_place);
    if (!head->dq_in_place) {
        const struct attn_array_out to = {.data = head->dq, .t = head->dq_t, .d = head->dq_d, .type = ATTN_F32};
        attn_flash_write_rows(s->x->convert, &to, i0 * to.t, dq, s->l.d_pad, rows, shape->dim, add);
    }
}

/* ---- one query head under one key tile ---- */

/* Rows of the caller's that may be used as they are: whole vectors of floats, one after the other. */
static bool in_place(attn_dtype type, int64_t t, int64_t d, int dim, int pad) {
    return type == ATTN_F32 && d == 1 && t == pad && dim == pad;
}

static void head_init(struct attn_backward_head *head, const struct attn_backward *s, struct attn_backward_worker *w,
                      struct attn_key_tile *key, int32_t h, int64_t chunk) {
    const struct attn_exec *x = s->x;
    const struct attn_seq *seq = &key->seq;
    const int64_t plane = chunk * x->shape->heads + h;
    *head = (struct attn_backward_head){.s = s, .w = w, .key = key, .h = h};
    attn_exec_view(x, key->b, h, seq, &head->view);
    head->q = key->b * x->q.b + h * x->q.h + seq->q_row * x->q.t;
    head->d_o = key->b * x->d_o.b + h * x->d_o.h + seq->q_row * x->d_o.t;
    head->lse = (const float *)x->lse.data + key->b * x->lse.b + h * x->lse.h + seq->q_row * x->lse.t;
    head->delta = s->delta + h * s->l.rows + key->first_row;
    head->touched = s->touched + plane * s->l.rows + key->first_row;
    head->d_slope = !x->alibi.data ? NULL : s->dalibi + (key->b * x->shape->heads + h) * s->l.chunks + chunk;
    head->q_in_place = in_place(x->q.type, x->q.t, x->q.d, x->shape->dim, s->l.d_pad);
    head->do_in_place = in_place(x->d_o.type, x->d_o.t, x->d_o.d, x->shape->v_dim, s->l.e_pad);
    if (s->l.chunks > 1 || s->l.dq_apart) {
        head->dq = s->l.dq_apart ? w->dq_sums : s->dq + (plane * s->l.rows + key->first_row) * s->l.d_pad;
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

static void add_queries_ahead(const struct attn_backward_head *head, int64_t i0, int rows, struct attn_ahead *ahead) {
    const struct attn_exec *x = head->s->x;
    const struct attn_array dq = {.data = head->dq, .t = head->dq_t, .d = head->dq_d, .type = ATTN_F32};
    attn_ahead_add(ahead, &x->q, head->q + i0 * x->q.t, rows, x->shape->dim);
    attn_ahead_add(ahead, &x->d_o, head->d_o + i0 * x->d_o.t, rows, x->shape->v_dim);
    attn_ahead_add(ahead, &dq, i0 * dq.t, rows, x->shape->dim);
}

/* What the first query tile of the key tile [k0, k0 + keys) will want. */
static void add_keys_ahead(const struct attn_backward_head *head, int64_t k0, int keys, struct attn_ahead *ahead) {
    const struct attn_exec *x = head->s->x;
    const struct attn_key_tile next = {.b = head->key->b, .k0 = k0, .kv_head = head->key->kv_head, .seq = head->key->seq};
    struct cursor cursor = {0, 0};
    int64_t i0;
    int rows;
    attn_ahead_add(ahead, &x->k, attn_first_key(&x->k, &next), keys, x->shape->dim);
    attn_ahead_add(ahead, &x->v, attn_first_key(&x->v, &next), keys, x->shape->v_dim);
    if (next_tile(head, k0, keys, &cursor, &i0, &rows)) add_queries_ahead(head, i0, rows, ahead);
}

/* The query tiles of a key tile; next_keys: of the key tile after it, 0 if there is none. */
static void head_tiles(const struct attn_backward_head *head, int next_keys) {
    const struct attn_key_tile *key = head->key;
    struct cursor cursor = {0, 0};
    int64_t i0, next_i0 = 0;
    int rows, next_rows = 0;
    bool more = next_tile(head, key->k0, key->keys, &cursor, &i0, &rows);
    while (more) {
        struct attn_ahead ahead = {.parts = 0};
        more = next_tile(head, key->k0, key->keys, &cursor, &next_i0, &next_rows);
        if (more)
            add_queries_ahead(head, next_i0, next_rows, &ahead);
        else if (next_keys)
            add_keys_ahead(head, key->k0 + key->keys, next_keys, &ahead);
        query_tile(head, i0, rows, &ahead);
        attn_parallel_between();
        i0 = next_i0;
        rows = next_rows;
    }
}

/* ---- key tiles ---- */

static void load_keys(const struct attn_backward *s, struct attn_backward_worker *w, struct attn_key_tile *key) {
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim;
    const int64_t k_at = attn_first_key(&x->k, key), v_at = attn_first_key(&x->v, key);
    const bool v_in_place = x->v.type == ATTN_F32 && x->v.d == 1;
    key->k = (const float *)x->k.data + k_at;
    if (!in_place(x->k.type, x->k.t, x->k.d, dim, s->l.d_pad)) {
        attn_flash_read_rows(x->convert, w->k_rows, s->l.d_pad, &x->k, k_at, key->keys, dim);
        key->k = w->k_rows;
    }
    key->finite = s->ops->finite(key->k, s->l.d_pad, key->keys, dim);
    for (int l = 0; l < key->keys; l += ATTN_PANEL) {
        const int keys = key->keys - l < ATTN_PANEL ? key->keys - l : ATTN_PANEL;
        const int64_t panel = v_at + l * x->v.t;
        struct attn_rows v = {w->do_rows, s->l.e_pad}; /* the buffer of dO is free here, and holds a panel's rows of this size */
        if (v_in_place)
            v = (struct attn_rows){(const float *)x->v.data + panel, x->v.t};
        else
            attn_flash_read_rows(x->convert, w->do_rows, s->l.e_pad, &x->v, panel, keys, v_dim);
        s->ops->pack(key->k + (int64_t)l * s->l.d_pad, s->l.d_pad, keys, dim, s->k_factor, w->kt + (int64_t)l * dim);
        s->ops->pack(v.data, v.stride, keys, v_dim, s->v_factor, w->vt + (int64_t)l * v_dim);
    }
}

void attn_begin_sums(const struct attn_backward *s, struct attn_key_tile *key) {
    for (int panel = 0; panel * ATTN_PANEL < key->keys; panel++) {
        const int at = panel * ATTN_PANEL, n = key->keys - at < ATTN_PANEL ? key->keys - at : ATTN_PANEL;
        if (key->begun >> panel & 1u) continue;
        memset(key->dk + (int64_t)at * s->l.d_pad, 0, (size_t)(n * s->l.d_pad) * sizeof *key->dk);
        memset(key->dv + (int64_t)at * s->l.e_pad, 0, (size_t)(n * s->l.e_pad) * sizeof *key->dv);
    }
    key->begun = UINT32_MAX;
}

/* Where the sums of a tile go, and then the caller's rows: straight there, if they can. */
static float *sums_of(const struct attn_array_out *a, int64_t at, int dim, int pad, bool add, float *apart) {
    return !add && in_place(a->type, a->t, a->d, dim, pad) ? (float *)a->data + at : apart;
}

/* One query head g of the group: the first one's sums may go straight into the caller's rows, the others' are added to them. Sums apart are
 * those of all heads, and stay where they are. */
static void one_key_tile(const struct attn_backward_head *head, int g, int next_keys) {
    const struct attn_backward *s = head->s;
    struct attn_backward_worker *w = head->w;
    struct attn_key_tile *key = head->key;
    const struct attn_exec *x = s->x;
    const int dim = x->shape->dim, v_dim = x->shape->v_dim, d_pad = s->l.d_pad, e_pad = s->l.e_pad;
    const bool add_dk = g > 0 || (x->accumulate & ATTN_ACCUMULATE_DK), add_dv = g > 0 || (x->accumulate & ATTN_ACCUMULATE_DV);
    const int64_t dk = key->b * x->dk.b + key->kv_head * x->dk.h + (key->seq.k_row + key->k0) * x->dk.t;
    const int64_t dv = key->b * x->dv.b + key->kv_head * x->dv.h + (key->seq.k_row + key->k0) * x->dv.t;
    if (s->pairs)
        attn_backward_pair_keys(head);
    else
        load_keys(s, w, key);
    key->dk = s->l.dkv_apart ? w->dk + key->k0 * d_pad : sums_of(&x->dk, dk, dim, d_pad, add_dk, w->dk);
    key->dv = s->l.dkv_apart ? w->dv + key->k0 * e_pad : sums_of(&x->dv, dv, v_dim, e_pad, add_dv, w->dv);
    key->begun = s->l.dkv_apart && g > 0 ? UINT32_MAX : 0;
    head_tiles(head, next_keys);
    attn_begin_sums(s, key);
    if (s->l.dkv_apart) return;
    if (key->dk == w->dk) attn_flash_write_rows(x->convert, &x->dk, dk, w->dk, d_pad, key->keys, dim, add_dk);
    if (key->dv == w->dv) attn_flash_write_rows(x->convert, &x->dv, dv, w->dv, e_pad, key->keys, v_dim, add_dv);
}

/* dK and dV of the keys [begin, end), summed apart over the heads of the group. */
static void store_keys(const struct attn_backward *s, const struct attn_backward_worker *w, const struct attn_key_tile *key, int64_t begin,
                       int64_t end) {
    const struct attn_exec *x = s->x;
    const int64_t dk = key->b * x->dk.b + key->kv_head * x->dk.h + (key->seq.k_row + begin) * x->dk.t;
    const int64_t dv = key->b * x->dv.b + key->kv_head * x->dv.h + (key->seq.k_row + begin) * x->dv.t;
    attn_flash_write_rows(x->convert, &x->dk, dk, w->dk + begin * s->l.d_pad, s->l.d_pad, end - begin, x->shape->dim,
                          x->accumulate & ATTN_ACCUMULATE_DK);
    attn_flash_write_rows(x->convert, &x->dv, dv, w->dv + begin * s->l.e_pad, s->l.e_pad, end - begin, x->shape->v_dim,
                          x->accumulate & ATTN_ACCUMULATE_DV);
}

/* dQ of a head that was summed apart; to what the caller keeps only rows are added that some key tile has touched. */
static void store_queries(const struct attn_backward_head *head) {
    const struct attn_backward *s = head->s;
    const struct attn_exec *x = s->x;
    const struct attn_key_tile *key = head->key;
    const bool add = x->accumulate & ATTN_ACCUMULATE_DQ;
    const int64_t at = key->b * x->dq.b + head->h * x->dq.h + key->seq.q_row * x->dq.t;
    for (int64_t i = 0, end; i < key->seq.q_len; i = end) {
        end = i + 1;
        while (end < key->seq.q_len && head->touched[end] == head->touched[i]) end++;
        if (!add || head->touched[i])
            attn_flash_write_rows(x->convert, &x->dq, at + i * x->dq.t, head->dq + i * head->dq_t, s->l.d_pad, end - i, x->shape->dim, add);
    }
}

/* How many keys the tile from k0 on has: to the last border of the mask that it can reach, so that documents begin with a panel of their
 * own and short ones have their rows in one tile. The last two tiles are halves rather than a tile and a sliver. */
static int tile_keys(const struct attn_mask_view *view, int64_t k0, int64_t end) {
    const int64_t left = end - k0, half = attn_div_up(left, 2 * ATTN_PANEL) * ATTN_PANEL;
    const int64_t most = left <= ATTN_BACKWARD_KEYS ? end : k0 + attn_min64(half, ATTN_BACKWARD_KEYS);
    return k0 < end ? (int)(attn_mask_key_border(view, k0, most) - k0) : 0;
}

/* Head by head, so that the rows of one head's queries stay in the cache over its key tiles; packing the keys again costs less than half a
 * percent of a long head. */
static void kv_head_chunk(const struct attn_backward *s, struct attn_backward_worker *w, int64_t b, int32_t kv_head, int64_t chunk) {
    const struct attn_shape *shape = s->x->shape;
    struct attn_key_tile key = {.b = b, .kv_head = kv_head, .seq = attn_exec_seq(s->x, b)};
    struct attn_backward_head head;
    key.first_row = shape->packed ? key.seq.q_row : b * shape->q_len;
    const struct attn_chunk keys = attn_backward_chunk(s, b, kv_head, chunk);
    for (int g = 0; g < s->group; g++) {
        head_init(&head, s, w, &key, kv_head * s->group + g, chunk);
        key.k0 = keys.begin;
        key.keys = tile_keys(&head.view, keys.begin, keys.end);
        for (int next; key.keys; key.keys = next) {
            next = tile_keys(&head.view, key.k0 + key.keys, keys.end);
            one_key_tile(&head, g, next);
            key.k0 += key.keys;
        }
        if (s->l.chunks == 1 && !head.keep_dq) clear_untouched(&head, 0, key.seq.q_len);
        if (s->l.dq_apart) store_queries(&head);
    }
    if (s->l.dkv_apart) store_keys(s, w, &key, keys.begin, keys.end);
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
