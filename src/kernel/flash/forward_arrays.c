/* Between the caller's arrays and the panels of the flash forward pass. Rows with unit stride along the head dimension are used where they
 * are; others (ATTN_DIM_STRIDE) pass through a copy of at most one tile.
 */
#include "kernel/flash/common.h"
#include "kernel/flash/forward_parts.h"

#include <math.h>

static const void *row_of(const struct attn_flash_work *w, const struct attn_array *a, int64_t head, int64_t row) {
    return (const char *)a->data + (w->sequence * a->b + head * a->h + row * a->t) * (int64_t)attn_flash_row_element(w->ops);
}

void attn_flash_pack_queries(const struct attn_flash_work *w, int64_t row, int lanes, void *q) {
    const struct attn_array *a = &w->x->q;
    const void *from = row_of(w, a, w->head, w->seq.q_row + row);
    ptrdiff_t stride = a->t;
    if (a->d != 1) {
        attn_flash_copy_rows(w->row, w->dim, from, a->t, a->d, lanes, w->dim);
        from = w->row;
        stride = w->dim;
    }
    w->ops->pack_queries(from, stride, lanes, w->dim, (float)(w->x->shape->scale * M_LOG2E), q);
}

const void *attn_flash_keys(const struct attn_flash_work *w, int64_t begin, int64_t n, ptrdiff_t *stride) {
    const struct attn_array *a = &w->x->k;
    const void *from = row_of(w, a, w->kv_head, w->kv_row + begin);
    *stride = a->t;
    if (a->d == 1) return from;
    attn_flash_copy_rows(w->k, w->dim, from, a->t, a->d, n, w->dim);
    *stride = w->dim;
    return w->k;
}

bool attn_flash_pack_values(const struct attn_flash_work *w, int64_t begin, int64_t n) {
    const struct attn_array *a = &w->x->v;
    if (a->d == 1) return w->ops->pack_values(row_of(w, a, w->kv_head, w->kv_row + begin), a->t, n, w->v_dim, ATTN_KEY_TILE, w->v);
    bool finite = true;
    const int lanes = w->ops->lanes;
    for (int64_t j = 0; j < n; j += lanes) {
        int64_t rows = attn_min64(lanes, n - j);
        attn_flash_copy_rows(w->row, w->v_dim, row_of(w, a, w->kv_head, w->kv_row + begin + j), a->t, a->d, rows, w->v_dim);
        finite &= w->ops->pack_values(w->row, w->v_dim, rows, w->v_dim, ATTN_KEY_TILE, (float *)w->v + attn_flash_key_words(w->ops, j, 16));
    }
    return finite;
}

void attn_flash_store(const struct attn_flash_work *w, const float *o, const float *scale, const float *keep, int64_t row, int lanes) {
    const struct attn_array_out *a = &w->x->o;
    float *to = (float *)a->data + w->sequence * a->b + w->head * a->h + (w->seq.q_row + row) * a->t;
    if (a->d == 1) {
        w->ops->store_rows(o, scale, keep, lanes, w->v_dim, to, a->t);
        return;
    }
    w->ops->store_rows(o, scale, NULL, lanes, w->v_dim, w->row, w->v_dim);
    for (int r = 0; r < lanes; r++)
        for (int64_t c = 0; c < w->v_dim; c++) {
            float *at = to + r * a->t + c * a->d;
            *at = ((const float *)w->row)[r * w->v_dim + c] + (keep && keep[r] != 0.0f ? keep[r] * *at : 0.0f);
        }
}

float *attn_flash_lse(const struct attn_flash_work *w, int64_t row) {
    const struct attn_array_out *a = &w->x->lse;
    return a->data ? (float *)a->data + w->sequence * a->b + w->head * a->h + (w->seq.q_row + row) * a->t : NULL;
}

struct attn_ahead attn_flash_ahead(const struct attn_flash_work *w, const struct attn_array *a, int64_t row) {
    return (struct attn_ahead){row_of(w, a, w->kv_head, row), a->d == 1 ? a->t * (ptrdiff_t)attn_flash_row_element(w->ops) : 0};
}
