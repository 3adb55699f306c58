/* The parts of a chunk that are the same on every instruction set. */
#include "kernel/scan/chunk.h"

#include "kernel/convert/convert.h"
#include "kernel/flash/common.h"

#include <string.h>

bool attn_scan_chunk_of(const struct attn_exec *x, int64_t unit, int64_t chunk, struct attn_scan_piece *p) {
    const int64_t b = unit / x->shape->kv_heads, first = chunk * ATTN_SCAN_CHUNK;
    const struct attn_seq s = attn_exec_seq(x, b);
    *p = (struct attn_scan_piece){.b = b, .g = (int32_t)(unit % x->shape->kv_heads), .row = s.k_row + first, .q_row = s.q_row + first};
    p->n = attn_min64(ATTN_SCAN_CHUNK, s.q_len - first);
    return p->n > 0;
}

/* Fetches a row into the second-level cache. (Without the attribute gcc 12 takes the calls for calls without effect.) */
#if defined(__GNUC__)
__attribute__((always_inline)) static inline void fetch_row(const char *row, int64_t bytes) {
    for (int64_t c = 0; c < bytes; c += 64) __builtin_prefetch(row + c, 0, 2);
}
#else
static void fetch_row(const char *row, int64_t bytes) {
    (void)row, (void)bytes;
}
#endif

struct attn_scan_floats attn_scan_read(const struct attn_exec *x, const struct attn_array *a, int64_t b, int64_t h, int64_t row, int64_t n,
                                       int64_t width, int64_t ahead, float *copy) {
    if (!attn_dtype_is_half(a->type)) return (struct attn_scan_floats){attn_scan_row(a, b, h, row), a->t};
    const int64_t at = b * a->b + h * a->h + row * a->t, pad = attn_scan_pad(width);
    const uint16_t *from = (const uint16_t *)a->data + at;
    for (int64_t i = 0; i < n; i++) fetch_row((const char *)(from + (ahead + i) * a->t), (int64_t)sizeof *from * width);
    if (a->t == pad && width == pad)
        attn_f32_of_halfs(x->convert, a->type, from, n * pad, copy);
    else
        attn_flash_read_rows(x->convert, copy, pad, a, at, n, width);
    return (struct attn_scan_floats){copy, pad};
}

void attn_scan_round(const struct attn_exec *x, const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, int64_t n, int64_t width,
                     bool add, const float *copy) {
    const int64_t at = b * a->b + h * a->h + row * a->t, pad = attn_scan_pad(width);
    if (a->t == pad && width == pad && !add)
        attn_halfs_of_f32(x->convert, a->type, copy, n * pad, (uint16_t *)a->data + at);
    else
        attn_flash_write_rows(x->convert, a, at, copy, pad, n, width, add);
}

int64_t attn_scan_ahead(const struct attn_array *a, int64_t width, int64_t bytes) {
    return attn_dtype_is_half(a->type) ? 0 : attn_div_up(bytes, width * (int64_t)sizeof(float));
}

void attn_scan_query(const struct attn_exec *x, int64_t b, int32_t h, float *q) {
    const float scale = (float)x->shape->scale;
    attn_flash_read_rows(x->convert, q, attn_scan_pad(x->shape->dim), &x->q, b * x->q.b + h * x->q.h, 1, x->shape->dim);
    for (int32_t c = 0; c < x->shape->dim; c++) q[c] *= scale;
}

void attn_scan_begin(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_scan_carry *carry) {
    const float lse = x->state_lse.data ? *attn_scan_row(&x->state_lse, b, h, 0) : -INFINITY;
    memset(carry->o, 0, (size_t)attn_scan_pad(x->shape->v_dim) * sizeof *carry->o);
    *carry->m = lse;
    *carry->c = 0.0f;
    if (lse == -INFINITY) return;
    *carry->c = x->state_c.data ? *attn_scan_row(&x->state_c, b, h, 0) : 1.0f;
    attn_flash_read_rows(x->convert, carry->o, attn_scan_pad(x->shape->v_dim), &x->state_o, b * x->state_o.b + h * x->state_o.h, 1,
                         x->shape->v_dim);
}

void attn_scan_end(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_scan_carry *carry) {
    if (!x->end_o.data) return;
    *attn_scan_row_out(&x->end_m, b, h, 0) = *carry->m;
    *attn_scan_row_out(&x->end_c, b, h, 0) = *carry->c;
    attn_flash_write_rows(x->convert, &x->end_o, b * x->end_o.b + h * x->end_o.h, carry->o, attn_scan_pad(x->shape->v_dim), 1,
                          x->shape->v_dim, false);
}

void attn_scan_store_lse(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, const float *lse, int64_t n) {
    if (!x->lse.data) return;
    float *to = attn_scan_row_out(&x->lse, b, h, row);
    if (x->lse.t == 1)
        memcpy(to, lse, (size_t)n * sizeof *to);
    else
        for (int64_t i = 0; i < n; i++) to[i * x->lse.t] = lse[i];
}
