/* The row sums that backward needs first. */
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

/* Sixteen partial sums, so that the compiler may keep them in vectors: the order of the sum is the same everywhere. */
static void add_products(float sum[16], const float *restrict a, const float *restrict b, int64_t dim) {
    int64_t c = 0;
    for (; c + 16 <= dim; c += 16)
        for (int l = 0; l < 16; l++) sum[l] += a[c + l] * b[c + l];
    for (int l = 0; c + l < dim; l++) sum[l] += a[c + l] * b[c + l];
}

/* Rows that lie elsewhere than side by side in floats come in pieces. */
static void add_pieces(const struct attn_exec *x, float sum[16], int64_t o_at, int64_t do_at) {
    enum { PIECE = 64 };
    const struct attn_array o = {.data = x->o.data, .d = x->o.d, .type = x->o.type};
    for (int64_t c = 0; c < x->shape->v_dim; c += PIECE) {
        float a[PIECE], b[PIECE];
        const int64_t n = attn_min64(PIECE, x->shape->v_dim - c);
        attn_flash_read_rows(x->convert, a, n, &o, o_at + c * o.d, 1, n);
        attn_flash_read_rows(x->convert, b, n, &x->d_o, do_at + c * x->d_o.d, 1, n);
        add_products(sum, a, b, n);
    }
}

void attn_backward_row_dots(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, int n, float *delta) {
    const bool in_place = attn_flash_in_place(x->o.type, x->o.d) && attn_flash_in_place(x->d_o.type, x->d_o.d);
    int64_t o = b * x->o.b + h * x->o.h + row * x->o.t, d_o = b * x->d_o.b + h * x->d_o.h + row * x->d_o.t;
    const float *d_lse = x->d_lse.data;
    if (d_lse) d_lse += b * x->d_lse.b + h * x->d_lse.h + row * x->d_lse.t;
    for (int r = 0; r < n; r++, o += x->o.t, d_o += x->d_o.t) {
        float sum[16] = {0};
        if (in_place)
            add_products(sum, (const float *)x->o.data + o, (const float *)x->d_o.data + d_o, x->shape->v_dim);
        else
            add_pieces(x, sum, o, d_o);
        for (int half = 8; half; half /= 2)
            for (int l = 0; l < half; l++) sum[l] += sum[l + half];
        delta[r] = d_lse ? sum[0] - d_lse[r * x->d_lse.t] : sum[0];
    }
}
