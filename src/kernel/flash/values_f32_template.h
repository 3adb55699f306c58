/* Weighted sum of values: o[c][16 queries] += s[j][16 queries] * v_j[c], COLUMNS columns at a time: COLUMNS x VECTORS accumulators, the
 * vectors of a key's weights and a broadcast of each of its values, which are packed, 16 columns of a key on one cache line. Included by
 * forward_f32__ISA.c, see there for the names.
 */

VEC_INLINE void values_block(int columns, bool masked, const float *s, const uint32_t *words, int64_t n, const float *v, const float *alpha,
                             float *o) {
    vec acc[COLUMNS][VECTORS];
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) {
            acc[c][i] = vec_load(o + c * LANES + i * VEC_LANES);
            if (alpha) acc[c][i] = vec_mul(acc[c][i], vec_load(alpha + i * VEC_LANES));
        }
#pragma GCC unroll 2
    for (int64_t j = 0; j < n; j++) {
        vec w[VECTORS];
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) w[i] = vec_load(s + j * LANES + i * VEC_LANES);
#pragma GCC unroll 8
        for (int c = 0; c < columns; c++) {
            const vec x = vec_set1(v[j * 16 + c]);
#pragma GCC unroll 4
            for (int i = 0; i < VECTORS; i++) {
                const vec before = acc[c][i];
                vec_accumulate(&acc[c][i], x, w[i]);
                if (masked) acc[c][i] = vec_select(vec_bits(words[j] >> i * VEC_LANES), acc[c][i], before);
            }
        }
    }
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) vec_store(o + c * LANES + i * VEC_LANES, acc[c][i]);
}

VEC_INLINE void values_run(bool masked, const float *s, const uint32_t *words, int64_t n, const float *v, int64_t v_rows, int64_t e,
                           const float *alpha, float *o) {
    for (int64_t c = 0, columns; c < e; c += columns) {
        const int64_t left = attn_min64(16 - c % 16, e - c); /* of this panel of values */
        const float *panel = v + c / 16 * 16 * v_rows + c % 16;
        columns = attn_flash_part(left, COLUMNS);
        switch (columns) {
#define X(count)                                                                                                                           \
    case count:                                                                                                                            \
        values_block(count, masked, s, words, n, panel, alpha, o + c * LANES);                                                             \
        break;
            EACH_COLUMNS(X)
#undef X
        }
    }
}

static void values(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e, const float *alpha,
                   float *o) {
    if (words)
        values_run(true, p, words, n, v, v_rows, e, alpha, o);
    else
        values_run(false, p, words, n, v, v_rows, e, alpha, o);
}
