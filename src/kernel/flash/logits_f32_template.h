/* Logits of 16 queries (lanes) with KEYS keys at a time: KEYS x VECTORS accumulators, the query vectors of a column and a broadcast of each
 * key's element. Keys are read in place, at any row stride. Two forms: the logits themselves with their maximum, and, when a maximum m is
 * known to be good enough, the weights 2^(s - m) at once, so that the exponential overlaps the next keys' multiply-adds; accumulators start
 * at -m, which makes the subtraction free. A part of forward_f32_template.h.
 */

/* Columns of a turn of the loop: few enough turns that the branch predictor learns where they end. */
enum { UNROLL = 8 };

VEC_INLINE void dot_column(int rows, const float *q, const float *k, ptrdiff_t stride, vec acc[KEYS][VECTORS]) {
    vec x[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) x[v] = vec_load(q + v * VEC_LANES);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        const vec y = vec_set1(k[r * stride]);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) vec_accumulate(&acc[r][v], y, x[v]);
    }
}

/* tally: the maximum of the logits, or the sum of the weights. A row of `ahead` is fetched, a line with every 16 columns. */
VEC_INLINE void logits_block(int rows, bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t d, const float *start, float *s,
                             vec tally[VECTORS], const char *ahead) {
    vec acc[KEYS][VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) acc[r][v] = vec_load(start + v * VEC_LANES);
    int64_t c = 0;
    for (; c + UNROLL <= d; c += UNROLL) {
        if (rows == KEYS) vec_prefetch(ahead + c * (int64_t)sizeof *q);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) dot_column(rows, q + (c + u) * LANES, k + c + u, stride, acc);
    }
    for (; c < d; c++) dot_column(rows, q + c * LANES, k + c, stride, acc);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            const vec y = exps ? vec_exp2(acc[r][v]) : acc[r][v];
            tally[v] = exps ? vec_add(tally[v], y) : vec_max(y, tally[v]);
            vec_store(s + r * LANES + v * VEC_LANES, y);
        }
}

VEC_INLINE void logits_run(bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t n, int64_t d, const float *start, float *s,
                           float *tally, struct attn_next_rows ahead) {
    vec t[VECTORS];
    const char *fetch = ahead.row;
    for (int v = 0; v < VECTORS; v++) t[v] = vec_load(tally + v * VEC_LANES);
    for (int64_t j = 0, rows; j < n; j += rows) {
        rows = attn_flash_part(n - j, KEYS);
        switch (rows) {
#define X(count)                                                                                                                           \
    case count:                                                                                                                            \
        logits_block(count, exps, q, k + j * stride, stride, d, start, s + j * LANES, t, fetch);                                           \
        break;
            EACH_KEYS(X)
#undef X
        }
        fetch += ahead.stride;
    }
    for (int v = 0; v < VECTORS; v++) vec_store(tally + v * VEC_LANES, t[v]);
}

static void logits(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s, float *max,
                   struct attn_next_rows ahead) {
    logits_run(false, q, k, k_stride, n, d, start, s, max, ahead);
}

static void logits_exp(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p, float *sum,
                       struct attn_next_rows ahead) {
    logits_run(true, q, k, k_stride, n, d, start, p, sum, ahead);
}
