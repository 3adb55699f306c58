/* Exponentials of a chunk's rows, and the carry joined to each of them, VEC_LANES rows at once. */

/* e^x. Backward multiplies hundreds of these that lie just below 1, so their errors must not have a common sign: vec_exp2 of AVX-512, which
 * is made for single weights, would be off by 1e-8 in each. There x = k log 2 + r, and e^r by its series to the seventh power. */
#if defined(__AVX512F__)
VEC_INLINE vec exp_of(vec x) {
    const vec k = _mm512_roundscale_ps(vec_mul(x, vec_set1((float)M_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const float high = 0x1.62e4p-1f; /* log 2 to 14 bits: its multiples are exact */
    vec r = _mm512_fnmadd_ps(k, vec_set1(high), x), p = vec_set1(1.0f / 5040.0f);
    r = _mm512_fnmadd_ps(k, vec_set1((float)(M_LN2 - (double)high)), r);
    p = vec_fma(p, r, vec_set1(1.0f / 720.0f));
    p = vec_fma(p, r, vec_set1(1.0f / 120.0f));
    p = vec_fma(p, r, vec_set1(1.0f / 24.0f));
    p = vec_fma(p, r, vec_set1(1.0f / 6.0f));
    p = vec_fma(p, r, vec_set1(0.5f));
    p = vec_fma(vec_mul(p, r), r, r);
    return _mm512_scalef_ps(vec_add(p, vec_set1(1.0f)), k); /* of -inf: NaN scaled by -inf, which is 0 */
}
#else
VEC_INLINE vec exp_of(vec x) {
    return vec_exp2(vec_mul(x, vec_set1((float)M_LOG2E)));
}
#endif

static void exps(float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += VEC_LANES) vec_store_first(x + i, n - i, exp_of(vec_load_first(x + i, n - i)));
}

/* log of x = 2^k t, t in [sqrt 1/2, sqrt 2): log t = 2 artanh z, z = (t - 1) / (t + 1), |z| < 0.172, to the ninth power. What is left out is
 * below 1e-9. `split` gives t and k. */
VEC_INLINE vec log_of(vec x) {
    vec k;
    const vec t = split(x, &k), one = vec_set1(1.0f), z = vec_div(vec_sub(t, one), vec_add(t, one)), zz = vec_mul(z, z);
    vec p = vec_fma(zz, vec_set1(2.0f / 9.0f), vec_set1(2.0f / 7.0f));
    p = vec_fma(zz, p, vec_set1(2.0f / 5.0f));
    p = vec_fma(zz, p, vec_set1(2.0f / 3.0f));
    p = vec_fma(zz, p, vec_set1(2.0f));
    return vec_fma(k, vec_set1((float)M_LN2), vec_mul(z, p));
}

static void join(const struct attn_scan_rows *rows, int64_t n, struct attn_scan_carry *carry) {
    const vec none = vec_set1(-INFINITY), zero = vec_set1(0.0f), in_m = vec_set1(carry->m), in_c = vec_set1(carry->c);
    float top[VEC_LANES], total[VEC_LANES];
    for (int64_t i = 0; i < n; i += VEC_LANES) {
        const vec m = vec_load(rows->m + i), c = vec_load(rows->c + i);
        const vec high = vec_max(m, in_m); /* m is no NaN: a score that is one is in c */
        const vec origin = vec_drop(vec_at_least(none, high), high);
        const vec past = vec_mul(exp_of(vec_sub(in_m, origin)), in_c), own = exp_of(vec_sub(m, origin));
        const vec sum = vec_fma(own, c, past);
        const vec_mask empty = vec_at_least(zero, sum);
        vec_store(rows->before + i, vec_drop(empty, vec_div(past, sum)));
        vec_store(rows->own + i, vec_drop(empty, vec_div(own, sum)));
        vec_store(rows->lse + i, vec_select(empty, none, vec_add(high, log_of(sum))));
        vec_store(top, high);
        vec_store(total, sum);
    }
    if (n > 0) *carry = (struct attn_scan_carry){top[(n - 1) % VEC_LANES], total[(n - 1) % VEC_LANES]};
}
