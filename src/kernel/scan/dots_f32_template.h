/* Dot products of rows: one accumulator a row, four rows at once. A row's order of additions is the same in any place of a call. */

/* `rows` products, a constant where it is called. */
VEC_INLINE void products(int rows, const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, int64_t d, float *out) {
    vec sum[4];
    int64_t c = 0;
    for (int r = 0; r < rows; r++) sum[r] = vec_set1(0.0f);
    for (; c + VEC_LANES <= d; c += VEC_LANES)
        for (int r = 0; r < rows; r++) sum[r] = vec_fma(vec_load(a + r * a_stride + c), vec_load(b + r * b_stride + c), sum[r]);
    for (int r = 0; r < rows && c < d; r++)
        sum[r] = vec_fma(vec_load_first(a + r * a_stride + c, d - c), vec_load_first(b + r * b_stride + c, d - c), sum[r]);
    for (int r = 0; r < rows; r++) out[r] = vec_sum(sum[r]);
}

static void dots(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, int64_t n, int64_t d, float *out) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) products(4, a + i * a_stride, a_stride, b + i * b_stride, b_stride, d, out + i);
    for (; i < n; i++) products(1, a + i * a_stride, a_stride, b + i * b_stride, b_stride, d, out + i);
}
