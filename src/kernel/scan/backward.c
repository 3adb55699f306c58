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

/* Scalars of a chunk's rows in the worker's memory. */
struct scalars {
    float *s, *lse, *keep, *far, *delta, *dot, *ds;
};

static struct scalars scalars_in(float *memory) {
    float *at[ATTN_SCAN_ROWS];
    for (int i = 0; i < ATTN_SCAN_ROWS; i++) at[i] = memory + (ptrdiff_t)i * ATTN_SCAN_CHUNK;
    return (struct scalars){at[0], at[1], at[2], at[3], at[4], at[5], at[6]};
}

/* lse, delta and keep of a chunk's rows. Returns the first row that has a key of any weight: those before it (the keys of which have the
 * score -inf) have no gradient, and their dO is not used. */
static int64_t read_rows(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t h, const struct scalars *r) {
    const struct attn_exec *x = f->x;
    const float *lse = attn_scan_row_out(&x->lse, p->b, h, p->q_row), *g = attn_scan_row(&x->d_o, p->b, h, p->q_row);
    int64_t first = 0;
    for (int64_t i = 0; i < p->n; i++) r->lse[i] = lse[i * x->lse.t];
    while (first < p->n && r->lse[first] == -INFINITY) first++;
    f->ops->dots(g, x->d_o.t, attn_scan_row_out(&x->o, p->b, h, p->q_row), x->o.t, p->n, x->shape->v_dim, r->delta);
    if (x->d_lse.data) {
        const float *d_lse = attn_scan_row(&x->d_lse, p->b, h, p->q_row);
        for (int64_t i = 0; i < p->n; i++) r->delta[i] -= d_lse[i * x->d_lse.t];
    }
    for (int64_t i = 0; i < p->n; i++) r->keep[i] = i + 1 < p->n && i >= first ? r->lse[i] - r->lse[i + 1] : 0.0f;
    f->ops->exps(r->keep, p->n);
    return first;
}

/* The sums from the chunk's first row on, without what lies to the right. */
static void own_sums(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t h, const struct scalars *r, int64_t first,
                     struct attn_scan_right *own, float *w) {
    const struct attn_exec *x = f->x;
    own->lse = first < p->n ? r->lse[first] : -INFINITY;
    own->d = 0.0f;
    for (int64_t i = p->n - 1; i >= first; i--) own->d = r->keep[i] * own->d + r->delta[i];
    f->ops->back_sum(r->keep + first, p->n - first, attn_scan_row(&x->d_o, p->b, h, p->q_row + first), x->d_o.t, x->shape->v_dim, w);
}

/* What lies to the right of the next chunk: of this one, and of what lay to its right. */
void attn_scan_back_carry(const struct attn_scan_back *f, const struct attn_scan_right *own, const float *w, struct attn_scan_right *right,
                          float *g) {
    float far[ATTN_SCAN_LANES] __attribute__((aligned(64))) = {0};
    if (own->lse == -INFINITY) return; /* no row of this chunk, nor of those before, has a gradient */
    far[0] = right->lse == INFINITY ? -INFINITY : own->lse - right->lse;
    f->ops->exps(far, 1);
    for (int64_t c = 0; c < f->v; c++) g[c] *= far[0];
    f->ops->carry(1.0f, 1.0f, w, f->v, g);
    *right = (struct attn_scan_right){own->lse, far[0] * right->d + own->d};
}

static void zero_rows(float *to, int64_t stride, int64_t rows, int32_t width) {
    for (int64_t i = 0; i < rows; i++) memset(to + i * stride, 0, (size_t)width * sizeof *to);
}

/* dv, dk and the chunk's share of dq, from lse, delta and keep; w becomes the chunk's own sum. */
static void gradients(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head, const struct scalars *r,
                      int64_t first, const struct attn_scan_back_head *head, const struct attn_scan_right *right, const float *g_right,
                      float *w) {
    const struct attn_exec *x = f->x;
    const int32_t h = p->g * f->group + r_head;
    const int64_t n = p->n - first, row = p->row + first, q_row = p->q_row + first;
    const bool add_k = r_head > 0 || (x->accumulate & ATTN_ACCUMULATE_DK), add_v = r_head > 0 || (x->accumulate & ATTN_ACCUMULATE_DV);
    struct scalars at = {r->s, r->lse + first, r->keep + first, r->far, r->delta + first, r->dot, r->ds};
    float *dk = attn_scan_row_out(&x->dk, p->b, p->g, p->row), *dv = attn_scan_row_out(&x->dv, p->b, p->g, p->row);
    if (!add_k) zero_rows(dk, x->dk.t, first, x->shape->dim);
    if (!add_v) zero_rows(dv, x->dv.t, first, x->shape->v_dim);
    f->ops->dots(head->q, 0, attn_scan_row(&x->k, p->b, p->g, row), x->k.t, n, x->shape->dim, at.s);
    for (int64_t i = 0; i < n; i++) {
        at.s[i] -= at.lse[i];
        at.far[i] = right->lse == INFINITY ? -INFINITY : at.lse[i] - right->lse;
    }
    f->ops->exps(at.s, n);
    f->ops->exps(at.far, n);
    f->ops->back_values(at.keep, at.far, at.s, n, attn_scan_row(&x->d_o, p->b, h, q_row), x->d_o.t, attn_scan_row(&x->v, p->b, p->g, row),
                        x->v.t, x->shape->v_dim, g_right, w, dv + first * x->dv.t, x->dv.t, add_v, at.dot);
    float d = 0.0f;
    for (int64_t i = n - 1; i >= 0; i--) {
        d = at.keep[i] * d + at.delta[i];
        at.ds[i] = at.s[i] * (at.dot[i] - (d + at.far[i] * right->d));
    }
    memset(head->dq, 0, (size_t)f->q * sizeof *head->dq);
    f->ops->back_keys(at.ds, n, head->q, attn_scan_row(&x->k, p->b, p->g, row), x->k.t, x->shape->dim, dk + first * x->dk.t, x->dk.t, add_k,
                      head->dq);
}

void attn_scan_back_chunk(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                          const struct attn_scan_back_head *head, float *memory) {
    const struct scalars r = scalars_in(memory);
    const int64_t first = read_rows(f, p, p->g * f->group + r_head, &r);
    struct attn_scan_right own = {first < p->n ? r.lse[first] : -INFINITY, 0.0f};
    gradients(f, p, r_head, &r, first, head, head->right, head->g, head->w);
    for (int64_t i = p->n - 1; i >= first; i--) own.d = r.keep[i] * own.d + r.delta[i];
    attn_scan_back_carry(f, &own, head->w, head->right, head->g);
}

void attn_scan_back_first_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                               const struct attn_scan_back_slot *slot, float *memory) {
    const struct scalars r = scalars_in(memory);
    const int32_t h = p->g * f->group + r_head;
    const int64_t first = read_rows(f, p, h, &r);
    own_sums(f, p, h, &r, first, slot->own, slot->w);
}

void attn_scan_back_second_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                                const struct attn_scan_back_head *head, const struct attn_scan_back_slot *slot, float *memory) {
    const struct scalars r = scalars_in(memory);
    struct attn_scan_back_head mine = *head;
    mine.dq = slot->dq;
    const int64_t first = read_rows(f, p, p->g * f->group + r_head, &r);
    gradients(f, p, r_head, &r, first, &mine, slot->right, slot->g, slot->w);
}
