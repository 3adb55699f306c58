/* Products of tiles as one register-blocked microkernel: rows x vectors accumulators, an element of the left operand broadcast against a
 * row of the right one. Included by one file for each data type and instruction set, after its vector__ISA.h and
 *   VECTORS and ROWS, a block's columns (in vectors) and rows, EACH_ROWS(X), which expands into X(1) ... X(ROWS), and
 *   MULTIPLY_ADD(a, b, c), what the elements of vectors are for: vec_fma, or the dot product of pairs of 16-bit floats, where one
 *   "float" of both operands is such a pair.
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
            for (int j = 0; j < vectors; j++) acc[i][j] = MULTIPLY_ADD(left, right[j], acc[i][j]);
        }
    }
}

/* The sum of a tile is added to what is there as a whole: a sum over n tiles is rounded n times at its full size, not once for each row. */
VEC_INLINE void tile_block(const struct attn_tile_product *t, bool transposed, int rows, int vectors, int m, int n) {
    vec acc[ROWS][MAX_VECTORS];
    float *c = t->c + m * t->c_stride + n;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = vec_set1(0.0f);
    if (transposed)
        multiply(rows, vectors, t->depth, t->a + m, 1, t->a_stride, t->b + n, t->b_stride, acc);
    else
        multiply(rows, vectors, t->depth, t->a + m * t->a_stride, t->a_stride, 1, t->b + n, t->b_stride, acc);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            float *at = c + i * t->c_stride + j * VEC_LANES;
            /* Adding 0 too: -0 becomes 0 whatever else was added, excluded pairs with weight 0 among it. */
            vec_store(at, vec_add(t->add ? vec_load(at) : vec_set1(0.0f), acc[i][j]));
        }
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
