/* Rows from padded buffers to the caller's strides, and the row sums that backward needs first. */
#include "kernel/flash/backward_tile.h"

#include <string.h>

void attn_backward_write_rows(float *to, int64_t t, int64_t d, const float *x, int pad, int n, int dim, bool add) {
    for (int r = 0; r < n; r++) {
        const float *from = x + (int64_t)r * pad;
        float *row = to + r * t;
        if (d != 1)
            for (int c = 0; c < dim; c++) row[c * d] = add ? row[c * d] + from[c] : from[c];
        else if (add)
            for (int c = 0; c < dim; c++) row[c] += from[c];
        else
            memcpy(row, from, (size_t)dim * sizeof *row);
    }
}

/* Sixteen partial sums, so that the compiler may keep them in vectors: the order of the sum is the same everywhere. */
static float dot_rows(const float *restrict a, const float *restrict b, int dim) {
    float sum[16] = {0};
    int c = 0;
    for (; c + 16 <= dim; c += 16)
        for (int l = 0; l < 16; l++) sum[l] += a[c + l] * b[c + l];
    for (int l = 0; c + l < dim; l++) sum[l] += a[c + l] * b[c + l];
    for (int half = 8; half; half /= 2)
        for (int l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

void attn_backward_row_dots(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, int n, float *delta) {
    const int dim = x->shape->v_dim;
    const float *o = (const float *)x->o.data + b * x->o.b + h * x->o.h + row * x->o.t;
    const float *d_o = (const float *)x->d_o.data + b * x->d_o.b + h * x->d_o.h + row * x->d_o.t;
    const float *d_lse = x->d_lse.data;
    if (d_lse) d_lse += b * x->d_lse.b + h * x->d_lse.h + row * x->d_lse.t;
    for (int r = 0; r < n; r++, o += x->o.t, d_o += x->d_o.t) {
        float sum = 0.0f;
        if (x->o.d == 1 && x->d_o.d == 1)
            sum = dot_rows(o, d_o, dim);
        else
            for (int c = 0; c < dim; c++) sum += o[c * x->o.d] * d_o[c * x->d_o.d];
        delta[r] = d_lse ? sum - d_lse[r * x->d_lse.t] : sum;
    }
}
