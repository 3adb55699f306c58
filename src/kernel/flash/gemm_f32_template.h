/* The five products of the backward pass as one register-blocked microkernel: rows x vectors accumulators, an element of the left
 * operand broadcast against a row of the right one. Included by one file for each instruction set, after its vector__ISA.h and
 *   VECTORS and ROWS, a block's columns (in vectors) and rows, and EACH_ROWS(X), which expands into X(1) ... X(ROWS).
 * Every shape (rests of rows included) is the same always-inlined body with constant parameters.
 *
 * Measured with AVX-512 on Zen 4: alone in the first-level cache the shapes 4x4, 6x4, 8x2, 10x2, 12x2, 14x2, 8x3 run within 2% of each
 * other.
 */
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/common.h"

enum {
    BLOCK = VECTORS * VEC_LANES,        /* columns of a block */
    ODD_COLUMNS = BLOCK > ATTN_DIM_PAD, /* two vectors where the padding is one: an odd number of them makes the last block wider */
    MAX_VECTORS = VECTORS + ODD_COLUMNS
};
_Static_assert(ATTN_PANEL % BLOCK == 0 && (ATTN_DIM_PAD % BLOCK == 0 || BLOCK == 2 * ATTN_DIM_PAD), "no rest of columns");

/* acc[i][j] += sum over p of a[i * row + p * step] * b[p][j]. */
VEC_INLINE void multiply(int rows, int vectors, int depth, const float *a, int64_t row, int64_t step, const float *b, int64_t b_stride,
                         vec acc[ROWS][MAX_VECTORS]) {
    for (int p = 0; p < depth; p++) {
        vec right[MAX_VECTORS];
        for (int j = 0; j < vectors; j++) right[j] = vec_load(b + p * b_stride + j * VEC_LANES);
        for (int i = 0; i < rows; i++) {
            const vec left = vec_set1(a[i * row + p * step]);
            for (int j = 0; j < vectors; j++) acc[i][j] = vec_fma(left, right[j], acc[i][j]);
        }
    }
}

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

VEC_INLINE void tile_block(const struct attn_tile_product *t, bool transposed, int rows, int vectors, int m, int n) {
    vec acc[ROWS][MAX_VECTORS];
    float *c = t->c + m * t->c_stride + n;
    const vec zero = vec_set1(0.0f);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = t->add ? vec_load(c + i * t->c_stride + j * VEC_LANES) : zero;
    if (transposed)
        multiply(rows, vectors, t->depth, t->a + m, 1, t->a_stride, t->b + n, t->b_stride, acc);
    else
        multiply(rows, vectors, t->depth, t->a + m * t->a_stride, t->a_stride, 1, t->b + n, t->b_stride, acc);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) vec_store(c + i * t->c_stride + j * VEC_LANES, acc[i][j]);
}

VEC_INLINE void tile_rows(const struct attn_tile_product *t, bool transposed, int vectors, int n) {
    for (int m = 0, rows; m < t->rows; m += rows) {
        rows = (int)attn_flash_part(t->rows - m, ROWS);
        switch (rows) {
#define X(count)                                                                                                                           \
    case count:                                                                                                                            \
        tile_block(t, transposed, count, vectors, m, n);                                                                                   \
        break;
            EACH_ROWS(X)
#undef X
        }
    }
}

/* Columns in blocks; an odd number of vectors ends with three, so that no block has too few chains. */
VEC_INLINE void tile_columns(const struct attn_tile_product *t, bool transposed) {
    int n = 0;
    for (; t->columns - n >= 2 * BLOCK || t->columns - n == BLOCK; n += BLOCK) tile_rows(t, transposed, VECTORS, n);
    if (ODD_COLUMNS && t->columns - n == MAX_VECTORS * VEC_LANES) tile_rows(t, transposed, MAX_VECTORS, n);
    if (ODD_COLUMNS && t->columns - n == VEC_LANES) tile_rows(t, transposed, 1, n);
}

static void by_keys(const struct attn_tile_product *t) {
    tile_columns(t, true);
}
static void by_queries(const struct attn_tile_product *t) {
    tile_columns(t, false);
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
                vec_store(panel + (c + i) * ATTN_PANEL + key, vec_fma(r[i], rest, vec_mul(r[i], scale)));
        }
}

static bool all_finite(const float *x, int64_t stride, int rows, int dim) {
    vec_mask bad = vec_special(vec_set1(0.0f));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < dim; c += VEC_LANES) bad |= vec_special(vec_load_first(x + r * stride + c, dim - c));
    return !vec_any(bad);
}
