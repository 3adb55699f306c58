/* Scalars of VEC_LANES rows at once: the recurrence by steps of 1, 2, 4, ... rows (Hillis and Steele's scan, in a register), so that a lane
 * reads none behind it, and what lies before the chunk joined to each row. */

/* e^x. Backward multiplies hundreds of these that lie just below 1, so their errors must not have a common sign: vec_exp2 of AVX-512, which
 * is made for single weights, would be off by 1e-8 in each. There x = k log 2 + r, and e^r by its series to the seventh power; below -128, where
 * e^x is 0, x counts as -128: far below, k would be rounded, and r be great. */
#if defined(__AVX512F__)
VEC_INLINE vec exp_of(vec x) {
    x = vec_max(vec_set1(-128.0f), x); /* NaN stays */
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
    return _mm512_scalef_ps(vec_add(p, vec_set1(1.0f)), k);
}
#else
VEC_INLINE vec exp_of(vec x) {
    return vec_exp2(vec_mul(x, vec_set1((float)M_LOG2E)));
}
#endif

/* x = 2^k t with t in [sqrt 1/2, sqrt 2), for x > 0; t is NaN where x is. */
#if defined(__AVX512F__)
VEC_INLINE vec split(vec x, vec *k) {
    const vec t = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero), exponent = _mm512_getexp_ps(x);
    const vec_mask high = vec_at_least(t, vec_set1((float)M_SQRT2));
    *k = _mm512_mask_add_ps(exponent, high, exponent, vec_set1(1.0f));
    return _mm512_mask_mul_ps(t, high, t, vec_set1(0.5f));
}
#else
VEC_INLINE vec split(vec x, vec *k) {
    const vec_words bits = (vec_words)x;                            /* unsigned: lanes that are no numbers overflow */
    const vec_mask exponent = (vec_mask)(bits - 0x3f3504f3u) >> 23; /* the bits of sqrt 1/2 */
    *k = __builtin_convertvector(exponent, vec);
    return vec_add((vec)(bits - ((vec_words)exponent << 23)), vec_sub(x, x)); /* x - x is 0, or NaN */
}
#endif

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

/* m and c of the last row so far, in all lanes. */
struct running {
    vec m, c;
};

struct own {
    vec m, c, keep, add;
};

VEC_INLINE vec last_lane(vec x) {
    return vec_set1(x[VEC_LANES - 1]);
}

/* The recurrence over the next rows. m is never NaN: a score that is one is in c. */
VEC_INLINE struct own go_on(vec s, struct running *run) {
    const vec none = vec_set1(-INFINITY), zero = vec_set1(0.0f), one = vec_set1(1.0f);
    vec m = vec_max(s, none);
#pragma GCC unroll 4
    for (int n = 1; n < VEC_LANES; n *= 2) m = vec_max(m, vec_up(m, n, none));
    m = vec_max(m, run->m);
    const vec origin = vec_drop(vec_at_least(none, m), m);
    struct own own = {.m = m, .keep = exp_of(vec_sub(vec_up(m, 1, run->m), origin)), .add = exp_of(vec_sub(s, origin))};
    vec keep = own.keep, c = own.add;
#pragma GCC unroll 4
    for (int n = 1; n < VEC_LANES; n *= 2) {
        c = vec_fma(keep, vec_up(c, n, zero), c);
        keep = vec_mul(keep, vec_up(keep, n, one));
    }
    own.c = vec_fma(keep, run->c, c);
    *run = (struct running){last_lane(own.m), last_lane(own.c)};
    return own;
}

struct joined {
    vec before, own, lse, m, c; /* m, c: of a carry from this row */
};

VEC_INLINE struct joined join_rows(vec m, vec c, struct running carry) {
    const vec none = vec_set1(-INFINITY), high = vec_max(m, carry.m), origin = vec_drop(vec_at_least(none, high), high);
    const vec past = vec_mul(exp_of(vec_sub(carry.m, origin)), carry.c), own = exp_of(vec_sub(m, origin));
    const vec total = vec_fma(own, c, past);
    const vec_mask empty = vec_at_least(vec_set1(0.0f), total);
    return (struct joined){.before = vec_drop(empty, vec_div(past, total)),
                           .own = vec_drop(empty, vec_div(own, total)),
                           .lse = vec_select(empty, none, vec_add(high, log_of(total))),
                           .m = high,
                           .c = total};
}
