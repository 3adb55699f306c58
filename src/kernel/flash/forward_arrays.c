/* Between the caller's arrays and the panels of the flash forward pass. Rows of the type that the microkernels take, with unit stride along
 * the head dimension, are used where they are; others pass through a copy of at most one tile.
 */
#include "kernel/convert/convert.h"
#include "kernel/flash/common.h"
#include "kernel/flash/forward_parts.h"

#include <math.h>

static bool in_place(const struct attn_flash_work *w, attn_dtype type, int64_t d) {
    return d == 1 && type == w->ops->rows;
}

static int64_t row_at(const struct attn_flash_work *w, const struct attn_array *a, int64_t head, int64_t row) {
    return w->sequence * a->b + head * a->h + row * a->t;
}

static const void *element(const struct attn_array *a, int64_t at) {
    return (const char *)a->data + at * (int64_t)attn_dtype_bytes(a->type);
}

/* n rows of the array, from element `at`, as rows of `pad` elements that the microkernels read. */
static void copy_rows(const struct attn_flash_work *w, void *to, int64_t pad, const struct attn_array *a, int64_t at, int64_t n,
                      int64_t dim) {
    if (w->ops->rows == ATTN_F32)
        attn_flash_read_rows(w->x->convert, to, pad, a, at, n, dim);
    else
        attn_flash_copy_halves(to, pad, a, at, n, dim);
}

void attn_flash_pack_queries(const struct attn_flash_work *w, int64_t row, int lanes, void *q) {
    const struct attn_array *a = &w->x->q;
    const int64_t at = row_at(w, a, w->head, w->seq.q_row + row);
    const void *from = element(a, at);
    ptrdiff_t stride = a->t;
    if (!in_place(w, a->type, a->d)) {
        copy_rows(w, w->row, w->dim, a, at, lanes, w->dim);
        from = w->row;
        stride = w->dim;
    }
    w->ops->pack_queries(from, stride, lanes, w->dim, (float)(w->x->shape->scale * M_LOG2E), q);
}

const void *attn_flash_keys(const struct attn_flash_work *w, int64_t begin, int64_t n, ptrdiff_t *stride) {
    const struct attn_array *a = &w->x->k;
    const int64_t at = row_at(w, a, w->kv_head, w->kv_row + begin), odd = w->ops->paired ? w->dim % 2 : 0;
    *stride = a->t;
    if (in_place(w, a->type, a->d) && !odd) return element(a, at);
    copy_rows(w, w->k, w->dim + odd, a, at, n, w->dim);
    *stride = w->dim + odd;
    return w->k;
}

bool attn_flash_pack_values(const struct attn_flash_work *w, int64_t begin, int64_t n) {
    const struct attn_array *a = &w->x->v;
    const int64_t at = row_at(w, a, w->kv_head, w->kv_row + begin);
    if (in_place(w, a->type, a->d)) return w->ops->pack_values(element(a, at), a->t, n, w->v_dim, ATTN_KEY_TILE, w->v);
    bool finite = true;
    const int lanes = w->ops->lanes;
    for (int64_t j = 0; j < n; j += lanes) {
        int64_t rows = attn_min64(lanes, n - j);
        copy_rows(w, w->row, w->v_dim, a, at + j * a->t, rows, w->v_dim);
        finite &= w->ops->pack_values(w->row, w->v_dim, rows, w->v_dim, ATTN_KEY_TILE, (float *)w->v + attn_flash_key_words(w->ops, j, 16));
    }
    return finite;
}

/* row += keep * what is there, for the row of the output at element `at`. */
static void add_kept(const struct attn_flash_work *w, float *row, float keep, int64_t at) {
    const struct attn_array_out *a = &w->x->o;
    for (int64_t c = 0; c < w->v_dim; c++) row[c] += keep * attn_element_f32(a->type, a->data, at + c * a->d);
}

void attn_flash_store(const struct attn_flash_work *w, const float *o, const float *scale, const float *keep, int64_t row, int lanes) {
    const struct attn_array_out *a = &w->x->o;
    const int64_t at = w->sequence * a->b + w->head * a->h + (w->seq.q_row + row) * a->t;
    float *copy = w->row;
    if (in_place(w, a->type, a->d)) {
        w->ops->store_rows(o, scale, keep, lanes, w->v_dim, (char *)a->data + at * (int64_t)attn_dtype_bytes(a->type), a->t);
        return;
    }
    w->ops->store_floats(o, scale, NULL, lanes, w->v_dim, copy, w->v_dim);
    for (int r = 0; keep && r < lanes; r++)
        if (keep[r] != 0.0f) add_kept(w, copy + r * w->v_dim, keep[r], at + r * a->t);
    attn_flash_write_rows(w->x->convert, a, at, copy, w->v_dim, lanes, w->v_dim, false);
}

float *attn_flash_lse(const struct attn_flash_work *w, int64_t row) {
    const struct attn_array_out *a = &w->x->lse;
    return a->data ? (float *)a->data + w->sequence * a->b + w->head * a->h + (w->seq.q_row + row) * a->t : NULL;
}

struct attn_next_rows attn_flash_next_rows(const struct attn_flash_work *w, const struct attn_array *a, int64_t row) {
    return (struct attn_next_rows){element(a, row_at(w, a, w->kv_head, row)), a->d == 1 ? a->t * (ptrdiff_t)attn_dtype_bytes(a->type) : 0};
}
