/* Questions to a compiled mask: lengths, area, rows, columns, tiles, memory. */
#include "mask/stretch.h"

static const attn_mask *first_member(const attn_mask *m) {
    return m && m->kind == ATTN_MASK_STACK ? m->member[0] : m;
}

/* The view of the whole compiled mask; false for any other. */
static bool whole(const attn_mask *m, struct attn_mask_view *view) {
    m = first_member(m);
    if (!m || m->kind != ATTN_MASK_COMPILED) return false;
    attn_mask_view_init(view, m, 0, 0, 1, 1, m->q_len, m->k_len, 0, 0, m->q_len, m->k_len);
    return true;
}

void attn_mask_lengths(const attn_mask *mask, int64_t *q_len, int64_t *kv_len) {
    const attn_mask *m = first_member(mask);
    if (q_len) *q_len = m ? m->q_len : -1;
    if (kv_len) *kv_len = m ? m->k_len : -1;
}

int64_t attn_mask_area(const attn_mask *mask) {
    struct attn_mask_view v;
    return whole(mask, &v) ? attn_mask_view_area(&v, 0, v.q_len, 0, v.k_len) : -1;
}

int attn_mask_allows(const attn_mask *mask, int64_t q, int64_t k) {
    struct attn_mask_view v;
    if (!whole(mask, &v)) return -1;
    return q >= 0 && q < v.q_len && k >= 0 && k < v.k_len && attn_mask_view_allows(&v, q, k);
}

/* Counts the mask and, once for each use, its operands. */
size_t attn_mask_bytes(const attn_mask *mask) {
    if (!mask) return 0;
    size_t bytes = mask->bytes + attn_mask_bytes(mask->parent[0]) + attn_mask_bytes(mask->parent[1]);
    for (int64_t i = 0; mask->kind == ATTN_MASK_STACK && i < mask->batch * mask->heads; i++) bytes += attn_mask_bytes(mask->member[i]);
    return bytes;
}

struct collector {
    int64_t *intervals, capacity, count, last_end;
};

static void collect(struct collector *c, int64_t begin, int64_t end) {
    if (begin >= end) return;
    bool joins = c->count > 0 && begin == c->last_end;
    c->count += !joins;
    c->last_end = end;
    if (c->count > c->capacity) return;
    int64_t *pair = c->intervals + 2 * (c->count - 1);
    pair[0] = joins ? pair[0] : begin;
    pair[1] = end;
}

/* Line x of a list, elements [y0, y1), shown from y0 on. */
static int64_t line(const struct attn_side *side, int64_t x, int64_t y0, int64_t y1, int64_t *intervals, int64_t capacity) {
    struct collector c = {intervals, intervals ? capacity : 0, 0, 0};
    int64_t n = attn_side_find(side, x);
    for (int64_t i = attn_side_first_after(side, n, x, y0); i < side->segment[n + 1].first; i++) {
        const struct attn_span *s = &side->span[i];
        int64_t a = attn_max64(attn_bound_at(s->a, s->a_slope, x), y0), b = attn_min64(attn_bound_at(s->b, s->b_slope, x), y1);
        if (a >= y1) break;
        if (s->tile < 0) collect(&c, a - y0, b - y0);
        for (int64_t y = a; s->tile >= 0 && y < b; y++)
            if (side->bits[s->tile * 64 + y - s->a] >> (x - side->segment[n].begin) & 1) collect(&c, y - y0, y - y0 + 1);
    }
    return c.count;
}

int64_t attn_mask_row(const attn_mask *mask, int64_t q, int64_t *intervals, int64_t capacity) {
    struct attn_mask_view v;
    if (!whole(mask, &v)) return -1;
    if (q < 0 || q >= v.q_len) return 0;
    return line(&v.form->rows, q + v.q_shift, v.k_shift, v.k_shift + v.k_len, intervals, capacity);
}

int64_t attn_mask_column(const attn_mask *mask, int64_t k, int64_t *intervals, int64_t capacity) {
    struct attn_mask_view v;
    if (!whole(mask, &v)) return -1;
    if (k < 0 || k >= v.k_len) return 0;
    return line(&v.form->cols, k + v.k_shift, v.q_shift, v.q_shift + v.q_len, intervals, capacity);
}

int attn_mask_tile(const attn_mask *mask, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    struct attn_mask_view v;
    if (!whole(mask, &v)) return -1;
    q0 = attn_max64(q0, 0);
    k0 = attn_max64(k0, 0);
    q1 = attn_min64(q1, v.q_len);
    k1 = attn_min64(k1, v.k_len);
    return q0 < q1 && k0 < k1 ? attn_mask_view_tile(&v, q0, q1, k0, k1) : 0;
}
