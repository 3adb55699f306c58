/* The microkernels of the backward pass in float32: the five products (gemm_tile_template.h), of which the two that meet a panel of keys end
 * in the weights and their gradients. Included after vector__ISA.h and what gemm_tile_template.h wants.
 */
#define MULTIPLY_ADD vec_fma
#include "kernel/flash/gemm_tile_template.h"

enum panel_result { LOGITS, WEIGHTS, GRADIENTS };

VEC_INLINE void panel_columns(const struct attn_panel_product *t, enum panel_result result, bool masked, int rows, int vectors, int r,
                              int column) {
    vec acc[ROWS][MAX_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = vec_set1(0.0f);
    multiply(rows, vectors, t->dim, t->a + r * t->a_stride, t->a_stride, 1, t->b + column, ATTN_PANEL, acc);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            const int64_t at = (r + i) * t->out_stride + column + j * VEC_LANES;
            vec x = acc[i][j];
            if (result == WEIGHTS) x = vec_exp2(vec_add(vec_add(x, vec_set1(t->start[r + i])), vec_set1(t->start_rest[r + i])));
            if (result == GRADIENTS) x = vec_mul(vec_add(x, vec_set1(t->start[r + i])), vec_load(t->p + at));
            if (masked) x = vec_keep(vec_bits(t->words[r + i] >> (column + j * VEC_LANES)), x);
            vec_store(t->out + at, x);
        }
}

VEC_INLINE void panel_zeros(const struct attn_panel_product *t, int rows, int r, int column) {
    for (int i = 0; i < rows; i++) vec_store(t->out + (r + i) * t->out_stride + column, vec_set1(0.0f));
}

/* The vectors of a block that no row of it wants at either end are not computed: half of a diagonal's blocks of two vectors. */
VEC_INLINE void panel_wanted(const struct attn_panel_product *t, enum panel_result result, int rows, int r, int column, uint32_t seen) {
    const uint32_t lanes = (1u << (VEC_LANES - 1) << 1) - 1;
    int first = 0, last = VECTORS;
    while (first < last && !(seen >> (column + first * VEC_LANES) & lanes)) panel_zeros(t, rows, r, column + first++ * VEC_LANES);
    while (first < last && !(seen >> (column + (last - 1) * VEC_LANES) & lanes)) panel_zeros(t, rows, r, column + --last * VEC_LANES);
    if (VECTORS == 2 && last - first == 1)
        panel_columns(t, result, true, rows, 1, r, column + first * VEC_LANES);
    else if (first < last)
        panel_columns(t, result, true, rows, VECTORS, r, column);
}

VEC_INLINE void panel_block(const struct attn_panel_product *t, enum panel_result result, bool masked, int rows, int r) {
    uint32_t seen = 0;
    for (int i = r; i < r + rows && i < t->next_rows; i++)
        for (int l = 0; l < t->next_lines; l++) vec_prefetch(t->next + i * t->next_stride + 64 * l);
    for (int i = r; masked && i < r + rows; i++) seen |= t->words[i];
    for (int column = 0; column < ATTN_PANEL; column += BLOCK)
        if (masked)
            panel_wanted(t, result, rows, r, column, seen);
        else
            panel_columns(t, result, false, rows, VECTORS, r, column);
}

VEC_INLINE void panel_rows(const struct attn_panel_product *t, enum panel_result result, bool masked) {
    for (int r = 0, rows; r < t->rows; r += rows) {
        rows = (int)attn_flash_part(t->rows - r, ROWS);
        switch (rows) {
#define X(n)                                                                                                                               \
    case n:                                                                                                                                \
        panel_block(t, result, masked, n, r);                                                                                              \
        break;
            EACH_ROWS(X)
#undef X
        }
    }
}

static void weights(const struct attn_panel_product *t) {
    if (t->words)
        panel_rows(t, WEIGHTS, true);
    else
        panel_rows(t, WEIGHTS, false);
}

static void gradients(const struct attn_panel_product *t) {
    if (t->words)
        panel_rows(t, GRADIENTS, true);
    else
        panel_rows(t, GRADIENTS, false);
}

static void logits(const struct attn_panel_product *t) {
    panel_rows(t, LOGITS, false);
}

static void pack(const float *x, int64_t stride, int keys, int dim, double factor, float *panel) {
    const vec scale = vec_set1((float)factor), rest = vec_set1((float)(factor - (double)(float)factor));
    for (int key = 0; key < ATTN_PANEL; key += VEC_LANES)
        for (int c = 0; c < dim; c += VEC_LANES) {
            vec r[VEC_LANES];
            for (int i = 0; i < VEC_LANES; i++)
                r[i] = key + i < keys ? vec_load_first(x + (key + i) * stride + c, dim - c) : vec_set1(0.0f);
            vec_transpose(r);
            for (int i = 0; i < VEC_LANES && c + i < dim; i++)
                vec_store(panel + (c + i) * ATTN_PANEL + key, vec_fma(vec_drop(vec_special(r[i]), r[i]), rest, vec_mul(r[i], scale)));
        }
}

static bool all_finite(const float *x, int64_t stride, int rows, int dim) {
    vec_mask bad = vec_special(vec_set1(0.0f));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < dim; c += VEC_LANES) bad |= vec_special(vec_load_first(x + r * stride + c, dim - c));
    return !vec_any(bad);
}
