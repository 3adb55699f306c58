/* The five products of the backward pass as one register-blocked microkernel: rows x vectors accumulators, an element of the left
 * operand broadcast against a row of the right one. Included by one file for each instruction set, which first defines
 *   LANES, ROWS, vec, vec_load, vec_store, vec_set1, vec_fma, vec_add, vec_mul, vec_exp2, vec_keep(x, bits), prefetch(address).
 * Every shape (rests of rows included) is the same always-inlined body with constant parameters.
 *
 * Measured on Zen 4: alone in the first-level cache the shapes 4x4, 6x4, 8x2, 10x2, 12x2, 14x2, 8x3 run within 2% of each other.
 */
#define INLINE static inline __attribute__((always_inline))

enum { MAX_VECTORS = 3 };

/* acc[i][j] += sum over p of a[i * row + p * step] * b[p][j]. */
INLINE void multiply(int rows, int vectors, int depth, const float *a, int64_t row, int64_t step, const float *b, int64_t b_stride,
                     vec acc[ROWS][MAX_VECTORS]) {
    for (int p = 0; p < depth; p++) {
        vec right[MAX_VECTORS];
        for (int j = 0; j < vectors; j++) right[j] = vec_load(b + p * b_stride + j * LANES);
        for (int i = 0; i < rows; i++) {
            const vec left = vec_set1(a[i * row + p * step]);
            for (int j = 0; j < vectors; j++) acc[i][j] = vec_fma(left, right[j], acc[i][j]);
        }
    }
}

enum panel_result { LOGITS, WEIGHTS, GRADIENTS };

INLINE void panel_block(const struct attn_panel_product *t, enum panel_result result, bool masked, int rows, int r) {
    for (int i = 0; i < rows; i++)
        for (int s = 0; s < 2; s++)
            if (t->next[s])
                for (int l = 0; l < t->next_lines; l++) prefetch(t->next[s] + (r + i) * t->next_stride[s] + 64 * l);
    for (int column = 0; column < ATTN_PANEL; column += 2 * LANES) {
        vec acc[ROWS][MAX_VECTORS];
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < 2; j++) acc[i][j] = vec_set1(0.0f);
        multiply(rows, 2, t->dim, t->a + r * t->a_stride, t->a_stride, 1, t->b + column, ATTN_PANEL, acc);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < 2; j++) {
                const int64_t at = (r + i) * t->out_stride + column + j * LANES;
                vec x = acc[i][j];
                if (result == WEIGHTS) x = vec_exp2(vec_add(vec_add(x, vec_set1(t->start[r + i])), vec_set1(t->start_rest[r + i])));
                if (result == GRADIENTS) x = vec_mul(vec_add(x, vec_set1(t->start[r + i])), vec_load(t->p + at));
                if (masked && result != LOGITS) x = vec_keep(x, t->words[r + i] >> (column + j * LANES));
                vec_store(t->out + at, x);
            }
    }
}

INLINE void panel_rows(const struct attn_panel_product *t, enum panel_result result, bool masked) {
    int r = 0;
    for (; r + ROWS <= t->rows; r += ROWS) panel_block(t, result, masked, ROWS, r);
    switch (t->rows - r) {
    case 1:
        panel_block(t, result, masked, 1, r);
        break;
    case 2:
        panel_block(t, result, masked, 2, r);
        break;
    case 3:
        panel_block(t, result, masked, 3, r);
        break;
#if ROWS > 4
    case 4:
        panel_block(t, result, masked, 4, r);
        break;
    case 5:
        panel_block(t, result, masked, 5, r);
        break;
    case 6:
        panel_block(t, result, masked, 6, r);
        break;
    case 7:
        panel_block(t, result, masked, 7, r);
        break;
#endif
    default:
        break;
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

INLINE void tile_block(const struct attn_tile_product *t, bool transposed, int rows, int vectors, int m, int n) {
    vec acc[ROWS][MAX_VECTORS];
    float *c = t->c + m * t->c_stride + n;
    const vec zero = vec_set1(0.0f);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = t->add ? vec_load(c + i * t->c_stride + j * LANES) : zero;
    if (transposed)
        multiply(rows, vectors, t->depth, t->a + m, 1, t->a_stride, t->b + n, t->b_stride, acc);
    else
        multiply(rows, vectors, t->depth, t->a + m * t->a_stride, t->a_stride, 1, t->b + n, t->b_stride, acc);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) vec_store(c + i * t->c_stride + j * LANES, acc[i][j]);
}

INLINE void tile_rows(const struct attn_tile_product *t, bool transposed, int vectors, int n) {
    int m = 0;
    for (; m + ROWS <= t->rows; m += ROWS) tile_block(t, transposed, ROWS, vectors, m, n);
    switch (t->rows - m) {
    case 1:
        tile_block(t, transposed, 1, vectors, m, n);
        break;
    case 2:
        tile_block(t, transposed, 2, vectors, m, n);
        break;
    case 3:
        tile_block(t, transposed, 3, vectors, m, n);
        break;
#if ROWS > 4
    case 4:
        tile_block(t, transposed, 4, vectors, m, n);
        break;
    case 5:
        tile_block(t, transposed, 5, vectors, m, n);
        break;
    case 6:
        tile_block(t, transposed, 6, vectors, m, n);
        break;
    case 7:
        tile_block(t, transposed, 7, vectors, m, n);
        break;
#endif
    default:
        break;
    }
}

/* Columns in blocks of two vectors; an odd number of them ends with three, so that no block has too few chains. */
INLINE void tile_columns(const struct attn_tile_product *t, bool transposed) {
    int n = 0;
    for (; t->columns - n >= 4 * LANES || t->columns - n == 2 * LANES; n += 2 * LANES) tile_rows(t, transposed, 2, n);
    if (t->columns - n == 3 * LANES)
        tile_rows(t, transposed, 3, n);
    else if (t->columns - n == LANES)
        tile_rows(t, transposed, 1, n);
}

static void by_keys(const struct attn_tile_product *t) {
    tile_columns(t, true);
}
static void by_queries(const struct attn_tile_product *t) {
    tile_columns(t, false);
}
