/* The scan backward, in closed form: nothing is differentiated through the steps of a scan. With l the log-sum-exp of each prefix,
 * p_i = exp(s_i - l_i), g = dO and delta = g . O - dLSE, going from the last row to the first,
 *   G_i = exp(l_i - l_{i+1}) G_{i+1} + g_i,       D_i = exp(l_i - l_{i+1}) D_{i+1} + delta_i,
 *   dv_i = p_i G_i,   ds_i = p_i (G_i . v_i - D_i),   dk_i = scale ds_i q,   dq = scale sum_i ds_i k_i.
 * l rises, so no factor is above 1 and none overflows. Within a chunk the sums begin at nothing; those from the right of it are added with
 * the factor far_i = exp(l_i - l of the chunk to the right), as forward does with what lies before.
 *
 * dq is summed in double: over the chunks of a sequence from the right, over the sequences of a part, over the parts. A part is a fixed
 * share of the sequences, so that few sums are kept where there are many sequences.
 */
#include "kernel/scan/backward_parts.h"

#include <string.h>

/* A worker's memory: LSE and dLSE of a piece's rows; then rows that are not used where they lie. */
struct worker {
    float *lse, *d_lse, *k, *v, *g, *o, *dk, *dv;
};

static struct worker worker_in(const struct attn_scan_back *f, float *at) {
    const int64_t q = f->piece * f->q, v = f->piece * f->v;
    float *rows = at + 2 * f->piece;
    return (struct worker){at, at + f->piece, rows, rows + q, rows + q + v, rows + q + 2 * v, rows + q + 3 * v, rows + 2 * q + 3 * v};
}

int64_t attn_scan_back_worker_floats(const struct attn_scan_back *f, const struct attn_shape *p) {
    return f->piece * (2 + (attn_dtype_is_half(p->dtype) ? 2 * f->q + 4 * f->v : 0));
}

void attn_scan_back_clear(const struct attn_scan_back *f, const struct attn_scan_back_state *state) {
    *state->own.lse = INFINITY;
    *state->own.d = 0.0f;
    memset(state->own.w, 0, (size_t)f->v * sizeof *state->own.w);
    memset(state->dq, 0, (size_t)f->q * sizeof *state->dq);
}

/* lse, d_lse, g and o of a piece's rows for query head h. Returns the first row that has a key of any weight: those before it (the keys of
 * which have the score -inf) have no gradient, and their dO is not used. */
static int64_t read_rows(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t h, const struct worker *w,
                         struct attn_scan_back_rows *rows) {
    const struct attn_exec *x = f->x;
    const struct attn_array o = {x->o.data, x->o.b, x->o.h, x->o.t, x->o.d, x->o.type};
    const float *lse = attn_scan_row_out(&x->lse, p->b, h, p->q_row);
    int64_t first = 0;
    for (int64_t i = 0; i < p->n; i++) w->lse[i] = lse[i * x->lse.t];
    while (first < p->n && w->lse[first] == -INFINITY) first++;
    if (x->d_lse.data) {
        const float *d_lse = attn_scan_row(&x->d_lse, p->b, h, p->q_row);
        for (int64_t i = 0; i < p->n; i++) w->d_lse[i] = d_lse[i * x->d_lse.t];
        rows->d_lse = w->d_lse + first;
    }
    const struct attn_scan_floats g_rows = attn_scan_read(x, &x->d_o, p->b, h, p->q_row, p->n, rows->e, -f->piece, w->g);
    const struct attn_scan_floats o_rows = attn_scan_read(x, &o, p->b, h, p->q_row, p->n, rows->e, -f->piece, w->o);
    rows->lse = w->lse + first;
    rows->g = g_rows.row + first * g_rows.stride;
    rows->g_stride = g_rows.stride;
    rows->g_ahead = attn_scan_ahead(&x->d_o, rows->e, ATTN_SCAN_BACKWARD_AHEAD);
    rows->o = o_rows.row + first * o_rows.stride;
    rows->o_stride = o_rows.stride;
    rows->o_ahead = attn_scan_ahead(&o, rows->e, ATTN_SCAN_BACKWARD_AHEAD);
    return first;
}

void attn_scan_back_first_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, const struct attn_scan_back_group *group,
                               float *memory) {
    const struct worker w = worker_in(f, memory);
    for (int32_t r = 0; r < f->group; r++) {
        struct attn_scan_back_rows rows = {.d = f->x->shape->dim, .e = f->x->shape->v_dim};
        const int64_t first = read_rows(f, p, p->g * f->group + r, &w, &rows);
        const struct attn_scan_back_state state = attn_scan_back_head(f, group, r);
        if (first < p->n) f->ops->back_sum(&rows, p->n - first, &state.own);
    }
}

static void zero_rows(float *to, ptrdiff_t stride, int64_t rows, int64_t width) {
    for (int64_t i = 0; i < rows; i++) memset(to + i * stride, 0, (size_t)width * sizeof *to);
}

/* Where gradients of rows go: the caller's array, or floats that are rounded into it once they are complete. */
static float *target(const struct attn_array_out *a, const struct attn_scan_piece *p, int64_t pad, float *copy, ptrdiff_t *stride) {
    const bool half = attn_dtype_is_half(a->type);
    *stride = half ? pad : a->t;
    return half ? copy : attn_scan_row_out(a, p->b, p->g, p->row);
}

void attn_scan_back_second_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, const struct attn_scan_back_group *group,
                                float *memory) {
    const struct attn_exec *x = f->x;
    const struct worker w = worker_in(f, memory);
    const bool add_k = x->accumulate & ATTN_ACCUMULATE_DK, add_v = x->accumulate & ATTN_ACCUMULATE_DV;
    struct attn_scan_back_rows all = {.d = x->shape->dim, .e = x->shape->v_dim, .stream = f->stream && !attn_dtype_is_half(x->dk.type)};
    const struct attn_scan_floats k = attn_scan_read(x, &x->k, p->b, p->g, p->row, p->n, all.d, -f->piece, w.k);
    const struct attn_scan_floats v = attn_scan_read(x, &x->v, p->b, p->g, p->row, p->n, all.e, -f->piece, w.v);
    float *dk = target(&x->dk, p, f->q, w.dk, &all.dk_stride), *dv = target(&x->dv, p, f->v, w.dv, &all.dv_stride);
    all.k_stride = k.stride;
    all.v_stride = v.stride;
    all.k_ahead = attn_scan_ahead(&x->k, all.d, ATTN_SCAN_BACKWARD_AHEAD);
    all.v_ahead = attn_scan_ahead(&x->v, all.e, ATTN_SCAN_BACKWARD_AHEAD);
    for (int32_t r = 0; r < f->group; r++) {
        const struct attn_scan_back_state state = attn_scan_back_head(f, group, r);
        struct attn_scan_back_rows rows = all;
        const int64_t first = read_rows(f, p, p->g * f->group + r, &w, &rows);
        rows.add_k = r > 0 || (add_k && !attn_dtype_is_half(x->dk.type));
        rows.add_v = r > 0 || (add_v && !attn_dtype_is_half(x->dv.type));
        if (!rows.add_k) zero_rows(dk, rows.dk_stride, first, rows.d);
        if (!rows.add_v) zero_rows(dv, rows.dv_stride, first, rows.e);
        rows.q = state.q;
        rows.k = k.row + first * k.stride;
        rows.v = v.row + first * v.stride;
        rows.dk = dk + first * rows.dk_stride;
        rows.dv = dv + first * rows.dv_stride;
        rows.dq = state.dq;
        if (first < p->n) f->ops->back(&rows, p->n - first, &state.own, &state.right);
        all.k_ahead = all.v_ahead = 0; /* the other heads of the group find the rows in cache */
    }
    if (attn_dtype_is_half(x->dk.type)) attn_scan_round(x, &x->dk, p->b, p->g, p->row, p->n, all.d, add_k, w.dk);
    if (attn_dtype_is_half(x->dv.type)) attn_scan_round(x, &x->dv, p->b, p->g, p->row, p->n, all.e, add_v, w.dv);
}
