/* A rank's own rows in the backward scan over ranks. */
#include "dist/scan_rows.h"

#include <math.h>
#include <string.h>

#define real    float
#define NAME(x) x##_f32
#include "dist/scan_rows_template.h"
#undef real
#undef NAME
#define real    double
#define NAME(x) x##_f64
#include "dist/scan_rows_template.h"
#undef real
#undef NAME

void attn_scan_rows_sums(const struct attn_exec *x, int64_t b, int32_t h, int64_t first, int64_t end, double *sums) {
    const int64_t row = attn_exec_seq(x, b).q_row;
    memset(sums, 0, (size_t)(x->shape->v_dim + 2) * sizeof *sums);
    sums[0] = (double)INFINITY;
    if (x->o.type == ATTN_F64)
        sums_f64(x, b, h, row + first, row + end, sums);
    else
        sums_f32(x, b, h, row + first, row + end, sums);
}

void attn_scan_rows_last(const struct attn_exec *x, int64_t b, int32_t h, const double *sums, void *d_o, void *d_lse) {
    const struct attn_seq s = attn_exec_seq(x, b);
    const int64_t last = s.q_row + s.q_len - 1;
    const size_t bytes = attn_dtype_bytes(x->o.type);
    if (s.q_len == 0 || sums[0] == (double)INFINITY) {
        memset(d_o, 0, (size_t)x->shape->v_dim * bytes);
        memset(d_lse, 0, bytes);
    } else if (x->o.type == ATTN_F64) {
        last_f64(x, b, h, last, sums, d_o, d_lse);
    } else {
        last_f32(x, b, h, last, sums, d_o, d_lse);
    }
}

void attn_scan_join_sums(double *sums, const double *behind, int64_t width) {
    if (behind[0] == (double)INFINITY) return;
    if (sums[0] == (double)INFINITY) {
        memcpy(sums, behind, (size_t)width * sizeof *sums);
        return;
    }
    const double far = exp(sums[0] - behind[0]);
    for (int64_t c = 1; c < width; c++) sums[c] += far * behind[c];
}
