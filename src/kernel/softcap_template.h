/* The soft-cap of logits in the names of vector_template.h: cap tanh(s / cap). Included after a vector__ISA.h.
 *
 * tanh(x) = sign(x) * (1 - t) / (1 + t) with t = 2^(-2 |x| log2 e): no cancellation worse than float's own for large |x|; below 2^-4 the
 * odd polynomial keeps the relative accuracy of tiny logits. */
VEC_INLINE vec vec_softcap(vec s, float cap) {
    const vec one = vec_set1(1.0f), zero = vec_set1(0.0f);
    const vec x = vec_mul(s, vec_set1(1.0f / cap)), size = vec_abs(x), square = vec_mul(x, x);
    const vec t = vec_exp2(vec_mul(size, vec_set1(-2.8853900817779268f)));
    const vec far = vec_div(vec_sub(one, t), vec_add(one, t));
    const vec p = vec_fma(square, vec_set1(0x1.111112p-3f), vec_set1(-0x1.555556p-2f)), near = vec_fma(vec_mul(p, square), x, x);
    const vec y = vec_select(vec_less(size, vec_set1(0.0625f)), near, vec_select(vec_less(x, zero), vec_sub(zero, far), far));
    return vec_mul(y, vec_set1(cap));
}
