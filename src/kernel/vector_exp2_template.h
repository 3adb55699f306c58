/* vec_exp2 for instruction sets without a fast look-up in a register: included by vector__ISA.h after vec_fma and vec_min. */

/* 2^k (1 + r p(r)), k the nearest integer and |r| <= 1/2: a polynomial of degree 5 in all, relative error 9.2e-8. (Adding k to the exponent
 * of the polynomial would save a multiplication and make numbers of NaNs.) */
VEC_INLINE vec vec_exp2(vec x) {
    const vec round = vec_set1(12582912.0f); /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    const vec_mask tiny = vec_less(x, vec_set1(-126.0f));
    x = vec_min(vec_set1(127.0f), x);
    const vec shifted = x + round, rest = x - (shifted - round);
    vec p = vec_fma(vec_set1(0x1.5bba14p-10f), rest, vec_set1(0x1.3cea88p-7f));
    p = vec_fma(p, rest, vec_set1(0x1.c6b752p-5f));
    p = vec_fma(p, rest, vec_set1(0x1.ebf9bcp-3f));
    p = vec_fma(p, rest, vec_set1(0x1.62e42ap-1f));
    const vec power = (vec)(((vec_words)shifted << 23) + 0x3f800000u); /* unsigned: a tiny lane overflows, and is dropped */
    return vec_drop(tiny, vec_fma(vec_mul(p, rest), power, power));
}
