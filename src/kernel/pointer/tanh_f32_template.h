/* tanh of a vector: x P(x^2) / Q(x^2), P and Q of degree 4 and 1 at 0, all coefficients positive, so that nothing cancels. Included after a
 * header of vectors (kernel/vector__ISA.h).
 *
 * The rational function is within 4.2e-8 of tanh, relative, over all |x| <= 9.02 (a minimax fit with P(0) = Q(0) = 1, coefficients rounded to
 * float); with the roundings of its evaluation the result is within 3.6e-7, relative, for every x (3.51e-7 is the worst of all floats): that is tested.
 * Odd; 0 for 0 and x for tiny x, denormal ones too; exactly +-1 from |x| = 9.02 on, and never beyond; NaN for NaN.
 *
 * 13 multiply-add slots: clamping and the final bounds run beside them. AVX-512 divides by a reciprocal of 14 bits and one step of
 * Newton's, since its division of 16 floats takes longer than all the rest.
 */
#define TANH_LIMIT 9.02f
#define TANH_P1    0x1.1213cep-3f
#define TANH_P2    0x1.ca6b16p-9f
#define TANH_P3    0x1.5a35eep-16f
#define TANH_P4    0x1.cbe0bep-27f
#define TANH_Q1    0x1.de5f34p-2f
#define TANH_Q2    0x1.a816d2p-6f
#define TANH_Q3    0x1.58d350p-12f
#define TANH_Q4    0x1.a23be8p-21f

/* b >= 1, or NaN. */
VEC_INLINE vec quotient(vec a, vec b) {
#if defined(__AVX512F__)
    const vec rough = _mm512_rcp14_ps(b);
    return vec_mul(a, vec_fma(rough, _mm512_fnmadd_ps(rough, b, vec_set1(1.0f)), rough));
#else
    return vec_div(a, b);
#endif
}

VEC_INLINE vec vec_tanh(vec x) {
    const vec one = vec_set1(1.0f), limit = vec_set1(TANH_LIMIT);
    x = vec_max(vec_sub(vec_set1(0.0f), limit), vec_min(limit, x));
    const vec t = vec_mul(x, x);
    vec p = vec_fma(vec_set1(TANH_P4), t, vec_set1(TANH_P3)), q = vec_fma(vec_set1(TANH_Q4), t, vec_set1(TANH_Q3));
    p = vec_fma(p, t, vec_set1(TANH_P2));
    q = vec_fma(q, t, vec_set1(TANH_Q2));
    p = vec_fma(p, t, vec_set1(TANH_P1));
    q = vec_fma(q, t, vec_set1(TANH_Q1));
    p = vec_fma(p, t, one);
    q = vec_fma(q, t, one);
    const vec y = quotient(vec_mul(x, p), q);
    return vec_max(vec_sub(vec_set1(0.0f), one), vec_min(one, y));
}
