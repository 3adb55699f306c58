/* The parts of a chunk that are the same on every instruction set. */
#include "kernel/scan/chunk.h"

#include <string.h>

bool attn_scan_piece_of(const struct attn_exec *x, int64_t unit, int64_t chunk, struct attn_scan_piece *p) {
    const int64_t b = unit / x->shape->kv_heads, first = chunk * ATTN_SCAN_CHUNK;
    const struct attn_seq s = attn_exec_seq(x, b);
    *p = (struct attn_scan_piece){.b = b, .g = (int32_t)(unit % x->shape->kv_heads), .row = s.k_row + first, .q_row = s.q_row + first};
    p->n = attn_min64(ATTN_SCAN_CHUNK, s.q_len - first);
    return p->n > 0;
}

void attn_scan_prefix(const struct attn_scan_ops *ops, const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_ahead *ahead) {
    float m = -INFINITY, c = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        const float next = rows->s[i] > m ? rows->s[i] : m, origin = next == -INFINITY ? 0.0f : next;
        attn_scan_fetch(ahead, i);
        rows->m[i] = next;
        rows->keep[i] = m - origin;
        rows->add[i] = rows->s[i] - origin;
        m = next;
    }
    ops->exps(rows->keep, n);
    ops->exps(rows->add, n);
    for (int64_t i = 0; i < n; i++) rows->c[i] = c = rows->keep[i] * c + rows->add[i];
}

void attn_scan_query(const struct attn_exec *x, int64_t b, int32_t h, float *q) {
    const float *from = attn_scan_row(&x->q, b, h, 0), scale = (float)x->shape->scale;
    memset(q, 0, (size_t)attn_scan_pad(x->shape->dim) * sizeof *q);
    for (int32_t c = 0; c < x->shape->dim; c++) q[c] = scale * from[c];
}

struct attn_scan_carry attn_scan_begin(const struct attn_exec *x, int64_t b, int32_t h, float *o) {
    const float lse = x->state_lse.data ? *attn_scan_row(&x->state_lse, b, h, 0) : -INFINITY;
    memset(o, 0, (size_t)attn_scan_pad(x->shape->v_dim) * sizeof *o);
    if (lse == -INFINITY) return (struct attn_scan_carry){lse, 0.0f};
    memcpy(o, attn_scan_row(&x->state_o, b, h, 0), (size_t)x->shape->v_dim * sizeof *o);
    return (struct attn_scan_carry){lse, 1.0f};
}

void attn_scan_store_lse(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, const float *lse, int64_t n) {
    if (!x->lse.data) return;
    float *to = attn_scan_row_out(&x->lse, b, h, row);
    if (x->lse.t == 1)
        memcpy(to, lse, (size_t)n * sizeof *to);
    else
        for (int64_t i = 0; i < n; i++) to[i * x->lse.t] = lse[i];
}
