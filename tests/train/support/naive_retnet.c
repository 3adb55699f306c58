/* Retention from the formula, with complex rotations: numbers i and i + d / 2 of a head are the parts of one complex number. */
#include "support/naive.h"

#include <math.h>

static double angle(int64_t i, int64_t half, int64_t distance) {
    return (double)distance * pow(10000, -(double)i / (double)half);
}

/* The real part of sum q e^(i angle(i)) times the conjugate of k e^(i angle(j)): rotations count by the distance alone. */
static double weight_of(const double *q, const double *k, int64_t half, int64_t distance) {
    double sum = 0;
    for (int64_t c = 0; c < half; c++) {
        const double turn = angle(c, half, distance), re = q[c] * k[c] + q[half + c] * k[half + c],
                     im = q[half + c] * k[c] - q[c] * k[half + c];
        sum += re * cos(turn) - im * sin(turn);
    }
    return sum / sqrt(2 * (double)half);
}

static void norm(double *x, int64_t n) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++) x[i] = (x[i] - mean) / sqrt(variance + 1e-5);
}

static void define(const struct test_naive_sequence *s, int64_t heads, double *y) {
    const int64_t d = s->width / heads, wide = test_naive_size(s->m, "v.weight", 0), e = wide / heads;
    const double *q = test_naive_project(s->m, "q", s->tokens, s->u), *k = test_naive_project(s->m, "k", s->tokens, s->u);
    const double *v = test_naive_project(s->m, "v", s->tokens, s->u), *gate = test_naive_project(s->m, "gate", s->tokens, s->u);
    double *o = test_naive_memory(s->m, s->tokens * wide);
    for (int64_t i = 0; i < s->tokens; i++) {
        for (int64_t h = 0; h < heads; h++) {
            double *to = o + i * wide + h * e;
            for (int64_t j = 0; j <= i; j++) {
                const double w = weight_of(q + i * s->width + h * d, k + j * s->width + h * d, d / 2, i - j) *
                                 pow(1 - pow(2, (double)(-5 - h)), (double)(i - j));
                for (int64_t c = 0; c < e; c++) to[c] += w * v[j * wide + h * e + c];
            }
            norm(to, e);
        }
        for (int64_t c = i * wide; c < (i + 1) * wide; c++) o[c] *= gate[c] / (1 + exp(-gate[c]));
    }
    const double *out = test_naive_project(s->m, "out_proj", s->tokens, o);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = out[i];
}

static void retnet_1(const struct test_naive_sequence *s, double *y) {
    define(s, 1, y);
}
static void retnet_2(const struct test_naive_sequence *s, double *y) {
    define(s, 2, y);
}
static void retnet_4(const struct test_naive_sequence *s, double *y) {
    define(s, 4, y);
}

const struct test_naive test_naive_retnet[] = {
    {{"retnet", 24, 9, 0, 2}, retnet_4, 0.4, true},
    {{"retnet:heads=1", 8, 150, 0, 2}, retnet_1, 0.4, true},
    {{"retnet:heads=2:expand=2", 12, 70, 0, 2}, retnet_2, 0.4, false},
};
const int test_naive_retnet_count = sizeof test_naive_retnet / sizeof *test_naive_retnet;
