/* Rows of floats out of the caller's arrays and into them, at any strides and of any type that the flash schedule runs on. */
#include "kernel/convert/convert.h"
#include "kernel/flash/common.h"

#include <string.h>

static void read_row(const struct attn_convert *convert, float *to, const struct attn_array *a, int64_t at, int64_t dim) {
    if (attn_dtype_is_half(a->type)) {
        const uint16_t *from = (const uint16_t *)a->data + at;
        if (a->d == 1)
            attn_f32_of_halfs(convert, a->type, from, dim, to);
        else
            for (int64_t c = 0; c < dim; c++) to[c] = attn_f32_of_half(a->type, from[c * a->d]);
        return;
    }
    const float *from = (const float *)a->data + at;
    if (a->d == 1)
        memcpy(to, from, (size_t)dim * sizeof *to);
    else
        for (int64_t c = 0; c < dim; c++) to[c] = from[c * a->d];
}

void attn_flash_read_rows(const struct attn_convert *convert, float *to, int64_t pad, const struct attn_array *a, int64_t at, int64_t n,
                          int64_t dim) {
    for (int64_t r = 0; r < n; r++) {
        float *row = to + r * pad;
        read_row(convert, row, a, at + r * a->t, dim);
        for (int64_t c = dim; c < pad; c++) row[c] = 0.0f;
    }
}

static void write_row(const struct attn_array_out *a, int64_t at, const float *from, int64_t dim, bool add) {
    float *to = (float *)a->data + at;
    if (a->d != 1)
        for (int64_t c = 0; c < dim; c++) to[c * a->d] = add ? to[c * a->d] + from[c] : from[c];
    else if (add)
        for (int64_t c = 0; c < dim; c++) to[c] += from[c];
    else
        memcpy(to, from, (size_t)dim * sizeof *to);
}

static void write_half_row(const struct attn_convert *convert, const struct attn_array_out *a, int64_t at, const float *from, int64_t dim,
                           bool add) {
    enum { PIECE = 64 };
    uint16_t *to = (uint16_t *)a->data + at;
    if (a->d != 1) {
        for (int64_t c = 0; c < dim; c++) {
            const float old = add ? attn_f32_of_half(a->type, to[c * a->d]) : 0.0f;
            to[c * a->d] = attn_half_of_f32(a->type, add ? old + from[c] : from[c]);
        }
        return;
    }
    for (int64_t c = 0; c < dim && add; c += PIECE) {
        float sum[PIECE];
        const int64_t n = attn_min64(PIECE, dim - c);
        attn_f32_of_halfs(convert, a->type, to + c, n, sum);
        for (int64_t l = 0; l < n; l++) sum[l] += from[c + l];
        attn_halfs_of_f32(convert, a->type, sum, n, to + c);
    }
    if (!add) attn_halfs_of_f32(convert, a->type, from, dim, to);
}

void attn_flash_write_rows(const struct attn_convert *convert, const struct attn_array_out *a, int64_t at, const float *from, int64_t pad,
                           int64_t n, int64_t dim, bool add) {
    for (int64_t r = 0; r < n; r++)
        if (attn_dtype_is_half(a->type))
            write_half_row(convert, a, at + r * a->t, from + r * pad, dim, add);
        else
            write_row(a, at + r * a->t, from + r * pad, dim, add);
}
