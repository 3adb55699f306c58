/* Loops over functions of one number in vectors of floats. Included by one file for each instruction set after its header of vectors
 * (kernel/vector__ISA.h); defines ATTN_FUNCTIONS_TABLE(isa, bits).
 *
 *   exp       x = k ln 2 + r, |r| <= ln 2 / 2: 2^k e^r, with e^r - 1 = r + r^2 q(r), q of degree 4 (fit 1.4e-8 of e^r - 1). 2^k is multiplied
 *             on in two halves, so that results below the normal numbers are reached, and infinity only where float holds no more
 *   elu       below 0: 2^k (e^r - 1) + (2^k - 1), of which the second term is exact down to k = -24
 *   sigmoid   of e = e^-|x|: 1 / (1 + e), e / (1 + e) below 0
 *   softplus  max(x, 0) + log(1 + e), the logarithm 2 atanh(e / (2 + e)), a polynomial of degree 9 (fit 4.5e-9)
 *   silu      x / (1 + e); below 0 x e / (1 + e), where x is multiplied on before the second half of 2^k
 *   gelu      x Phi(x) = max(x, 0) - |x| R(|x|) e^(-x^2 / 2), R(t) = Phi(-t) e^(t^2 / 2) a rational function of degrees 4 and 5 with positive
 *             coefficients (fit 2.7e-8 for 0 <= t <= 15); what x^2 lost in rounding goes into e^(-x^2 / 2) as a factor
 *   tanh      kernel/pointer/tanh_f32_template.h
 *
 * Accuracy, for every x: a result that is a normal number is within 5e-7 of the true one, relative, and one below them within 4 units of
 * 1.4e-45. The roundings on the way add up to 1.5e-7 at most for exp and 2.7e-7 for sigmoid. gelu has some fifteen, which could add up to
 * 9e-7; over all floats of 2^-15 to 128 the greatest error is 4.6e-7. Exact: e^0 = 1, sigmoid(0) = 1/2, the others but softplus 0 at 0;
 * the limits at -inf and +inf; NaN stays NaN. Derivatives are within 5e-7 of themselves, but tanh's of 1, and those of silu and gelu of
 * the sum of the sizes of their terms (they have a zero, near which the terms cancel).
 */
#include "base/cpu.h"
#include "kernel/pointer/tanh_f32_template.h"
#include "tape/convolution_template.h"
#include "tape/functions.h"
#include "tape/norm_template.h"
#include "tape/pointer_template.h"
#include "tape/taylor_template.h"

typedef uint32_t words __attribute__((vector_size(4 * VEC_LANES)));

/* e^x = (1 + rest) * low * high */
struct power {
    vec rest, low, high;
};

VEC_INLINE vec negative(vec x) {
    return vec_sub(vec_set1(0.0f), x);
}
VEC_INLINE vec_mask below_zero(vec x) {
    return vec_less(x, vec_set1(0.0f));
}

/* x is cut where the result is 0, also after a multiplication by 120, or infinite: 2^(k / 2) then is a float. */
VEC_INLINE struct power power_of(vec x) {
    const vec round = vec_set1(12582912.0f); /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    x = vec_max(vec_set1(-120.0f), vec_min(vec_set1(89.0f), x));
    const vec shifted = vec_fma(x, vec_set1(0x1.715476p+0f), round), k = vec_sub(shifted, round);
    vec r = vec_fma(k, vec_set1(-0x1.62e430p-1f), x);
    r = vec_fma(k, vec_set1(0x1.05c610p-29f), r);
    vec q = vec_fma(vec_set1(0x1.6bebf4p-10f), r, vec_set1(0x1.1227f8p-7f));
    q = vec_fma(q, r, vec_set1(0x1.555674p-5f));
    q = vec_fma(q, r, vec_set1(0x1.5554b0p-3f));
    q = vec_fma(q, r, vec_set1(0x1.fffffep-2f));
    const words exponent = (words)shifted - (0x4b400000u - 254u), half = exponent >> 1; /* k + 254: two exponents of float */
    return (struct power){vec_fma(vec_mul(r, r), q, r), (vec)(half << 23), (vec)((exponent - half) << 23)};
}
VEC_INLINE vec exp_of(vec x) {
    const struct power e = power_of(x);
    return vec_mul(vec_fma(e.rest, e.low, e.low), e.high);
}
VEC_INLINE vec exp_slope(vec x, vec y) {
    (void)x;
    return y;
}

VEC_INLINE vec tanh_of(vec x) {
    return vec_tanh(x);
}
VEC_INLINE vec tanh_slope(vec x, vec y) {
    (void)x;
    return vec_mul(vec_sub(vec_set1(1.0f), y), vec_add(vec_set1(1.0f), y));
}

VEC_INLINE vec sigmoid_of(vec x) {
    const vec one = vec_set1(1.0f), e = exp_of(negative(vec_abs(x)));
    return vec_div(vec_select(below_zero(x), e, one), vec_add(one, e));
}
/* e / (1 + e)^2, also where y is 1 in float. */
VEC_INLINE vec sigmoid_slope(vec x, vec y) {
    (void)y;
    const vec e = exp_of(negative(vec_abs(x))), share = vec_div(vec_set1(1.0f), vec_add(vec_set1(1.0f), e));
    return vec_mul(vec_mul(e, share), share);
}

VEC_INLINE vec softplus_of(vec x) {
    const vec e = exp_of(negative(vec_abs(x)));
    const vec s = vec_div(vec_add(e, e), vec_add(vec_set1(2.0f), e)), z = vec_mul(s, s); /* s = 2 e / (2 + e) */
    vec p = vec_fma(vec_set1(0x1.1ed7ccp-11f), z, vec_set1(0x1.1ebd0ap-9f));
    p = vec_fma(p, z, vec_set1(0x1.99d208p-7f));
    p = vec_fma(p, z, vec_set1(0x1.555502p-4f));
    return vec_add(vec_max(vec_set1(0.0f), x), vec_fma(vec_mul(s, z), p, s));
}
VEC_INLINE vec softplus_slope(vec x, vec y) {
    (void)y;
    return sigmoid_of(x);
}

VEC_INLINE vec relu_of(vec x) {
    return vec_select(vec_at_least(vec_set1(0.0f), x), vec_set1(0.0f), x);
}
VEC_INLINE vec relu_slope(vec x, vec y) {
    (void)y;
    return vec_select(vec_at_least(vec_set1(0.0f), x), vec_set1(0.0f), vec_set1(1.0f));
}

VEC_INLINE vec elu_of(vec x) {
    const struct power e = power_of(x);
    const vec two_to_k = vec_mul(e.low, e.high);
    return vec_select(vec_less(vec_set1(0.0f), x), x, vec_fma(e.rest, two_to_k, vec_sub(two_to_k, vec_set1(1.0f))));
}
/* y + 1 would be 0 where y is -1 in float. */
VEC_INLINE vec elu_slope(vec x, vec y) {
    (void)y;
    return vec_select(vec_less(vec_set1(0.0f), x), vec_set1(1.0f), exp_of(x));
}

VEC_INLINE vec silu_of(vec x) {
    const struct power e = power_of(negative(vec_abs(x)));
    const vec most = vec_fma(e.rest, e.low, e.low);
    const vec scaled = vec_mul(vec_mul(vec_max(vec_set1(-120.0f), x), most), e.high);
    return vec_div(vec_select(below_zero(x), scaled, x), vec_fma(most, e.high, vec_set1(1.0f)));
}
/* s + x s (1 - s) */
VEC_INLINE vec silu_slope(vec x, vec y) {
    (void)y;
    const vec one = vec_set1(1.0f), limit = vec_set1(120.0f), e = exp_of(negative(vec_abs(x))), share = vec_div(one, vec_add(one, e));
    const vec_mask below = below_zero(x);
    const vec s = vec_mul(vec_select(below, e, one), share), rest = vec_mul(vec_select(below, one, e), share);
    x = vec_max(negative(limit), vec_min(limit, x));
    return vec_mul(s, vec_fma(x, rest, one));
}

/* Of |x|, at most 15: R and e^(-x^2 / 2). */
struct normal {
    vec size, ratio, bell;
};
VEC_INLINE struct normal normal_of(vec x) {
    const vec t = vec_min(vec_set1(15.0f), vec_abs(x)), square = vec_mul(t, t), lost = vec_fma(t, t, negative(square));
    const struct power e = power_of(vec_mul(square, vec_set1(-0.5f)));
    const vec bell = vec_fma(e.rest, e.low, e.low);
    vec p = vec_fma(vec_set1(0x1.0e2332p-8f), t, vec_set1(0x1.4d4f04p-5f)),
        q = vec_fma(vec_set1(0x1.52903ap-7f), t, vec_set1(0x1.a1c418p-4f));
    p = vec_fma(p, t, vec_set1(0x1.77a3d8p-3f));
    q = vec_fma(q, t, vec_set1(0x1.e13998p-2f));
    p = vec_fma(p, t, vec_set1(0x1.c11a80p-2f));
    q = vec_fma(q, t, vec_set1(0x1.340cd0p+0f));
    p = vec_fma(p, t, vec_set1(0.5f));
    q = vec_fma(q, t, vec_set1(0x1.accf6ep+0f));
    q = vec_fma(q, t, vec_set1(1.0f));
    return (struct normal){t, vec_div(p, q), vec_mul(vec_fma(bell, vec_mul(lost, vec_set1(-0.5f)), bell), e.high)};
}
VEC_INLINE vec gelu_of(vec x) {
    const struct normal n = normal_of(x);
    return vec_fma(negative(n.bell), vec_mul(n.size, n.ratio), vec_max(vec_set1(0.0f), x));
}
/* Phi(x) + x Phi'(x) */
VEC_INLINE vec gelu_slope(vec x, vec y) {
    (void)y;
    const struct normal n = normal_of(x);
    const vec_mask below = below_zero(x);
    const vec tail = vec_mul(n.bell, n.ratio), density = vec_mul(n.bell, vec_set1(0x1.988454p-2f)); /* 1 / sqrt(2 pi) */
    return vec_fma(vec_select(below, negative(n.size), n.size), density, vec_select(below, tail, vec_sub(vec_set1(1.0f), tail)));
}

VEC_INLINE void forward_loop(vec (*value)(vec), int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store(y + i, value(vec_load(x + i)));
    if (i < n) vec_store_first(y + i, n - i, value(vec_load_first(x + i, n - i)));
}
VEC_INLINE void backward_loop(vec (*slope)(vec, vec), int64_t n, const float *x, const float *y, const float *dy, float *dx, bool add) {
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        const vec d = vec_mul(vec_load(dy + i), slope(vec_load(x + i), vec_load(y + i)));
        vec_store(dx + i, add ? vec_add(vec_load(dx + i), d) : d);
    }
    if (i < n) {
        const int64_t left = n - i;
        const vec d = vec_mul(vec_load_first(dy + i, left), slope(vec_load_first(x + i, left), vec_load_first(y + i, left)));
        vec_store_first(dx + i, left, add ? vec_add(vec_load_first(dx + i, left), d) : d);
    }
}

#define FUNCTION(name)                                                                                                                     \
    static void name##_forward(int64_t n, const float *x, float *y, const float *constant) {                                               \
        (void)constant;                                                                                                                    \
        forward_loop(name##_of, n, x, y);                                                                                                  \
    }                                                                                                                                      \
    static void name##_backward(int64_t n, const float *x, const float *y, const float *dy, float *dx, bool add, const float *constant) {  \
        (void)constant;                                                                                                                    \
        backward_loop(name##_slope, n, x, y, dy, dx, add);                                                                                 \
    }
FUNCTION(exp)
FUNCTION(tanh)
FUNCTION(sigmoid)
FUNCTION(softplus)
FUNCTION(relu)
FUNCTION(elu)
FUNCTION(silu)
FUNCTION(gelu)

#include "tape/lstm_template.h"
#include "tape/pointer_powers_template.h"

static float greatest(int64_t n, const float *x) {
    vec most = vec_set1(-INFINITY);
    float lanes[VEC_LANES], result = -INFINITY;
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) most = vec_max(vec_load(x + i), most);
    if (i < n) most = vec_max(vec_select(first_lanes(n - i), vec_load_first(x + i, n - i), most), most);
    vec_store(lanes, most);
    for (i = 0; i < VEC_LANES; i++) result = lanes[i] > result ? lanes[i] : result;
    return result;
}

static float exp_sum(int64_t n, const float *x, float most, float *y) {
    const vec from = vec_set1(most);
    vec sum = vec_set1(0.0f);
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        const vec e = exp_of(vec_sub(vec_load(x + i), from));
        if (y) vec_store(y + i, e);
        sum = vec_add(sum, e);
    }
    if (i < n) {
        const vec e = exp_of(vec_sub(vec_load_first(x + i, n - i), from));
        if (y) vec_store_first(y + i, n - i, e);
        sum = vec_add(sum, vec_keep(first_lanes(n - i), e));
    }
    return vec_sum(sum);
}

static void exp_scaled(int64_t n, const float *x, float lse, float factor, float *dx, bool add) {
    const vec from = vec_set1(lse), by = vec_set1(factor), zero = vec_set1(0.0f);
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(dx + i, vec_fma(by, exp_of(vec_sub(vec_load(x + i), from)), add ? vec_load(dx + i) : zero));
    if (i < n) {
        const vec e = exp_of(vec_sub(vec_load_first(x + i, n - i), from));
        vec_store_first(dx + i, n - i, vec_fma(by, e, add ? vec_load_first(dx + i, n - i) : zero));
    }
}

#define LOOPS(name)                                                                                                                        \
    { name##_forward, name##_backward }
#define ATTN_FUNCTIONS_TABLE(isa, bits)                                                                                                    \
    const struct attn_functions attn_functions__##isa = {                                                                                  \
        .isa_bits = bits,                                                                                                                  \
        .loops = {[ATTN_FN_EXP] = LOOPS(exp),                                                                                              \
                  [ATTN_FN_TANH] = LOOPS(tanh),                                                                                            \
                  [ATTN_FN_SIGMOID] = LOOPS(sigmoid),                                                                                      \
                  [ATTN_FN_SOFTPLUS] = LOOPS(softplus),                                                                                    \
                  [ATTN_FN_RELU] = LOOPS(relu),                                                                                            \
                  [ATTN_FN_ELU] = LOOPS(elu),                                                                                              \
                  [ATTN_FN_SILU] = LOOPS(silu),                                                                                            \
                  [ATTN_FN_GELU] = LOOPS(gelu)},                                                                                           \
        .greatest = greatest,                                                                                                              \
        .exp_sum = exp_sum,                                                                                                                \
        .exp_scaled = exp_scaled,                                                                                                          \
        .products = products,                                                                                                              \
        .norm_forward = norm_forward,                                                                                                      \
        .taylor_weights = taylor_weights,                                                                                                  \
        .taylor_slopes = taylor_slopes,                                                                                                    \
        .lstm_forward = lstm_forward,                                                                                                      \
        .lstm_backward = lstm_backward,                                                                                                    \
        .lstm_states = lstm_states,                                                                                                        \
        .pointer_logits = pointer_logits,                                                                                                  \
        .pointer_powers = pointer_powers,                                                                                                  \
        .pointer_logits_of_powers = pointer_logits_of_powers,                                                                              \
        .pointer_gradients = pointer_gradients,                                                                                            \
        .norm_backward = norm_backward,                                                                                                    \
        .direct_taps = VEC_LANES >= 8 ? 640 : 192, /* vectors of 4 are not measured */                                                     \
    };
