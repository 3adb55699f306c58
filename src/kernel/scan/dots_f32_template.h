/* Dot products of VEC_LANES rows at once: one sum of vectors for each row, whose lanes are added by halves at the end. */

/* The next columns of `n` rows, which is a constant where they are all there. Rows that will be read soon, `ahead` of them further on, are
 * fetched meanwhile; from one place on, b, the other rows lie in cache. */
VEC_INLINE void add_products(int vectors, int64_t rest, int64_t at, const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride,
                             int64_t ahead, int64_t n, vec sum[VEC_LANES]) {
#pragma GCC unroll 16
    for (int i = 0; i < VEC_LANES; i++) {
        if (i >= n) break;
        vec x[SCAN_VECTORS], y[SCAN_VECTORS];
        load_columns(vectors, rest, a + i * a_stride + at, x);
        load_columns(vectors, rest, b + i * b_stride + at, y);
        fetch_columns(vectors, b + (i + ahead) * b_stride + at);
        for (int j = 0; j < vectors; j++) sum[i] = vec_fma(x[j], y[j], sum[i]);
    }
}

/* Lane i: the sum of all lanes of x[i]. */
VEC_INLINE vec lane_sums(vec x[VEC_LANES]) {
    vec_transpose(x);
    for (int half = VEC_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] = vec_add(x[i], x[i + half]);
    return x[0];
}

/* Lane i: a_i . b_i, rows a_stride and b_stride apart (0: one row for all), for i < n; 0 in the others. */
VEC_INLINE vec dots(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, int64_t ahead, int64_t n, int64_t d) {
    vec sum[VEC_LANES];
    for (int i = 0; i < VEC_LANES; i++) sum[i] = vec_set1(0.0f);
    if (n >= VEC_LANES) {
        SCAN_BLOCKS(d, add_products, a, a_stride, b, b_stride, ahead, VEC_LANES, sum)
    } else {
        SCAN_BLOCKS(d, add_products, a, a_stride, b, b_stride, ahead, n, sum)
    }
    return lane_sums(sum);
}
