/* Body of rows.c and rows__avx512.c: ROWS names the table, BYTES is the width of a vector. exp by range reduction to [-ln2/2,
 * ln2/2], a Taylor polynomial of degree 7
 * (relative error 3e-8) and an exponent put together in integers. */
#include "bench/peers/rows.h"

#include <math.h>
#include <string.h>

#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif

typedef float lanes __attribute__((vector_size(BYTES)));
typedef int32_t words __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / 4 };

static inline lanes load(const float *from) {
    lanes x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void store(float *to, lanes x) {
    memcpy(to, &x, sizeof x);
}

static inline lanes spread(float x) {
    return (lanes){0} + x;
}

static inline lanes select(words which, lanes a, lanes b) {
    return (lanes)((which & (words)a) | (~which & (words)b));
}

static inline lanes exp_lanes(lanes x) {
    const lanes rounding = spread(12582912.0f); /* 1.5 x 2^23: adding it rounds to a whole number */
    x = select(x < -87.0f, spread(-87.0f), x);
    const lanes n = (x * 1.44269504f + rounding) - rounding;
    const lanes f = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    lanes p = f * 1.98412698e-4f + 1.38888889e-3f;
    p = p * f + 8.33333333e-3f;
    p = p * f + 4.16666667e-2f;
    p = p * f + 1.66666667e-1f;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    return p * (lanes)((__builtin_convertvector(n, words) + 127) << 23);
}

static float row_max(const float *s, int64_t n) {
    lanes most = spread(-INFINITY);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const lanes x = load(s + i);
        most = select(x > most, x, most);
    }
    float greatest = s[0];
    for (int lane = 0; lane < LANES; lane++) greatest = most[lane] > greatest ? most[lane] : greatest;
    for (; i < n; i++) greatest = s[i] > greatest ? s[i] : greatest;
    return greatest;
}

/* The last n < LANES elements: the same arithmetic on a padded copy. */
static float tail_exp(float *s, int64_t n, float shift) {
    float copy[LANES] = {0}, sum = 0.0f;
    memcpy(copy, s, (size_t)n * sizeof *s);
    store(copy, exp_lanes(load(copy) - shift));
    for (int64_t i = 0; i < n; i++) sum += copy[i];
    memcpy(s, copy, (size_t)n * sizeof *s);
    return sum;
}

static float row_exp_sum(float *s, int64_t n, float shift) {
    lanes sum = spread(0.0f);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const lanes p = exp_lanes(load(s + i) - shift);
        store(s + i, p);
        sum += p;
    }
    float total = tail_exp(s + i, n - i, shift);
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];
    return total;
}

static void row_exp(float *s, int64_t n, float shift) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) store(s + i, exp_lanes(load(s + i) - shift));
    tail_exp(s + i, n - i, shift);
}

static void row_ds(const float *p, float *dp, int64_t n, float delta) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) store(dp + i, load(p + i) * (load(dp + i) - delta));
    for (; i < n; i++) dp[i] = p[i] * (dp[i] - delta);
}

const struct attn_panel_rows ROWS = {row_max, row_exp_sum, row_exp, row_ds};
