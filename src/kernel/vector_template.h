/* Vectors of VEC_LANES floats, in the names in which microkernels that are templates are written: a file NAME__ISA.c includes vector__ISA.h
 * and then its template. This is the part that the compiler's own vector types (gcc and clang) say as well as intrinsics; the header of an
 * instruction set defines VEC_LANES and VEC_LANE_BITS, includes this, and adds the rest. (AVX-512, whose masks are another kind of
 * register, has a header of its own.)
 *
 *   vec, vec_mask                  VEC_LANES floats; as many conditions, to be combined by & and |
 *   vec_load(p), vec_store(p, x)   at any address
 *   vec_load_first(p, n), vec_store_first(p, n, x)   the lanes below n, n >= 0; others load as 0, and their memory is not touched
 *   vec_set1(x)                    x in every lane
 *   vec_add, vec_sub, vec_mul, vec_div (a, b), vec_abs(x), vec_fma(a, b, c) = a * b + c
 *   vec_accumulate(&sum, a, b)     sum += a * b, in place: for long unrolled loops of many sums, where the compiler's choice of registers counts
 *   vec_min(a, b), vec_max(a, b)   of two numbers; b where one of them is NaN
 *   vec_less(a, b), vec_at_least(a, b)   masks of a < b and of a >= b, both false where one is NaN
 *   vec_special(x)                 mask of the lanes that are NaN or infinite
 *   vec_bits(word)                 mask of the lanes whose bit of `word` is set, lane 0 the lowest
 *   vec_word(mask)                 the other way: bits; the others are 0
 *   vec_any(mask)
 *   vec_select(mask, yes, no), vec_keep(mask, x), vec_drop(mask, x)   keep: 0 elsewhere; drop: 0 there. What is not chosen changes no bit
 *   vec_exp2(x)                    2^x, 1 for 0; 0 below -126, 2^127 above 127, NaN for NaN
 *   vec_up(x, n, fill), vec_down(x, n, fill)   lane i takes lane i - n, i + n of x; where there is none, that of fill. 0 < n < VEC_LANES
 *   vec_sum(x)                     of all lanes, by halves: the first half plus the second, and so on
 *   vec_transpose(r)               of VEC_LANES vectors: r[i] lane j <-> r[j] lane i
 *   vec_prefetch(address)          into the second-level cache; any address will do
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * VEC_LANES)));
typedef int32_t vec_mask __attribute__((vector_size(4 * VEC_LANES)));
typedef uint32_t vec_words __attribute__((vector_size(4 * VEC_LANES)));

VEC_INLINE vec vec_load(const float *p) {
    vec x;
    memcpy(&x, p, sizeof x);
    return x;
}
VEC_INLINE void vec_store(float *p, vec x) {
    memcpy(p, &x, sizeof x);
}
VEC_INLINE vec vec_set1(float x) {
    return x - (vec){0.0f}; /* a broadcast: subtracting 0 changes nothing, and the compilers know it */
}
VEC_INLINE vec vec_add(vec a, vec b) {
    return a + b;
}
VEC_INLINE vec vec_sub(vec a, vec b) {
    return a - b;
}
VEC_INLINE vec vec_mul(vec a, vec b) {
    return a * b;
}
VEC_INLINE vec vec_div(vec a, vec b) {
    return a / b;
}
VEC_INLINE vec vec_abs(vec x) {
    return (vec)((vec_mask)x & INT32_MAX);
}
VEC_INLINE vec_mask vec_less(vec a, vec b) {
    return a < b;
}
VEC_INLINE vec_mask vec_at_least(vec a, vec b) {
    return a >= b;
}
VEC_INLINE vec_mask vec_special(vec x) {
    return ((vec_mask)x & 0x7f800000) == 0x7f800000;
}
VEC_INLINE vec_mask vec_bits(uint32_t word) {
    const vec_mask bit = {VEC_LANE_BITS};
    return ((int32_t)word & bit) == bit;
}
VEC_INLINE vec vec_keep(vec_mask mask, vec x) {
    return (vec)(mask & (vec_mask)x);
}
VEC_INLINE vec vec_drop(vec_mask mask, vec x) {
    return (vec)(~mask & (vec_mask)x);
}
