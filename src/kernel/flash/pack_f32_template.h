/* Between the caller's rows and the panels of 16 lanes: transposes in registers for queries and outputs, copies for values. Each panel
 * prefetches the rows of the next one; past the end of an array that is harmless. A part of forward_f32_template.h.
 */

static void pack_queries(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q) {
    const vec f = vec_set1(factor);
    for (int first = 0; first < LANES; first += VEC_LANES)
        for (int64_t c = 0; c < d; c += VEC_LANES) {
            vec r[VEC_LANES];
#pragma GCC unroll 8
            for (int i = 0; i < VEC_LANES; i++) {
                const float *at = (const float *)row + (first + i) * stride + c;
                vec_prefetch(at + LANES * stride);
                r[i] = first + i < n ? vec_mul(f, vec_load_first(at, d - c)) : vec_set1(0.0f);
            }
            vec_transpose(r);
            for (int64_t i = 0; i < VEC_LANES && c + i < d; i++) vec_store((float *)q + (c + i) * LANES + first, r[i]);
        }
}

static bool pack_values(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v) {
    vec_mask bad = vec_special(vec_set1(0.0f));
    const vec zero = vec_set1(0.0f);
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < attn_div_up(e, 16) * 16; c += VEC_LANES) {
            const vec x = c < e ? vec_load_first((const float *)row + j * stride + c, e - c) : zero;
            bad |= vec_special(x);
            vec_store((float *)v + c / 16 * 16 * v_rows + j * 16 + c % 16, x);
        }
    return !vec_any(bad);
}

static void store_rows(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row, ptrdiff_t stride) {
    const vec zero = vec_set1(0.0f);
    for (int first = 0; first < n; first += VEC_LANES)
        for (int64_t c = 0; c < e; c += VEC_LANES) {
            const vec f = vec_load(scale + first);
            vec r[VEC_LANES];
#pragma GCC unroll 8
            for (int i = 0; i < VEC_LANES; i++) /* adding 0: -0 becomes 0 whatever else was added, excluded pairs with weight 0 among it */
                r[i] = c + i < e ? vec_fma(f, vec_load(o + (c + i) * LANES + first), zero) : zero;
            vec_transpose(r);
            for (int64_t i = 0; i < VEC_LANES && first + i < n; i++) {
                float *at = (float *)row + (first + i) * stride + c;
                const float kept = keep ? keep[first + i] : 0.0f;
                if (kept != 0.0f) r[i] = vec_fma(vec_set1(kept), vec_load_first(at, e - c), r[i]);
                vec_store_first(at, e - c, r[i]);
                vec_prefetch(at + LANES * stride);
            }
        }
}
