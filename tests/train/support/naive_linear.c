/* Linear attention from the formula: a weight for each pair of tokens. */
#include "support/naive.h"

#include <math.h>

/* phi(q) . phi(k) for a query of token i and a key of token j. */
typedef double (*weight_fn)(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j);

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double taylor(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    const double x = dot(q, k, f) / sqrt((double)f);
    (void)s;
    (void)i;
    (void)j;
    return 1 + x + x * x / 2;
}

/* Sums over the features of g(q) g(k). */
static double each(double (*g)(double), const double *q, const double *k, int64_t f) {
    double sum = 0;
    for (int64_t c = 0; c < f; c++) sum += g(q[c]) * g(k[c]);
    return sum;
}

static double elu_and_1(double x) {
    return x > 0 ? x + 1 : exp(x);
}
static double relu(double x) {
    return x > 0 ? x : 0;
}
static double square(double x) {
    return x * x;
}

static double elu(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    (void)s;
    (void)i;
    (void)j;
    return each(elu_and_1, q, k, f);
}
static double relus(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    (void)s;
    (void)i;
    (void)j;
    return each(relu, q, k, f);
}
static double squares(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    (void)s;
    (void)i;
    (void)j;
    return each(square, q, k, f);
}
static double softmax(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    double all_q = 0, all_k = 0;
    (void)s;
    (void)i;
    (void)j;
    for (int64_t c = 0; c < f; c++) {
        all_q += exp(q[c]);
        all_k += exp(k[c]);
    }
    return each(exp, q, k, f) / all_q / all_k;
}
/* The product of both pairs of features is relu(q) . relu(k) times the cosine of the difference of their angles; the mixer is made for T + 3
 * tokens. */
static double cosformer(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    return each(relu, q, k, f) * cos(acos(-1.0) / 2 * (double)(i - j) / (double)(s->tokens + 3));
}
static double polynomial(const struct test_naive_sequence *s, const double *q, const double *k, int64_t f, int64_t i, int64_t j) {
    const double *linear = test_naive_parameter(s->m, "features.linear"), *squared = test_naive_parameter(s->m, "features.squares");
    double sum = 0;
    (void)i;
    (void)j;
    for (int64_t r = 0; r < f; r++) {
        const double lq = dot(linear + r * f, q, f), lk = dot(linear + r * f, k, f);
        double sq = 0, sk = 0;
        for (int64_t c = 0; c < f; c++) {
            sq += squared[r * f + c] * q[c] * q[c];
            sk += squared[r * f + c] * k[c] * k[c];
        }
        sum += (lq * lq + sq) * (lk * lk + sk) / 2;
    }
    return sum;
}

/* The head's y of token i: rows of q and k have f numbers a head, those of v and y D. */
static void attend(const struct test_naive_sequence *s, weight_fn weight, const double *q, const double *k, const double *v, int64_t heads,
                   int64_t f, int64_t h, int64_t i, double *y) {
    const int64_t d = s->width / heads;
    double total = 1e-12;
    for (int64_t j = 0; j <= i; j++) {
        const double w = weight(s, q + (i * heads + h) * f, k + (j * heads + h) * f, f, i, j);
        for (int64_t c = 0; c < d; c++) y[i * s->width + h * d + c] += w * v[j * s->width + h * d + c];
        total += w;
    }
    for (int64_t c = 0; c < d; c++) y[i * s->width + h * d + c] /= total;
}

static void define(const struct test_naive_sequence *s, weight_fn weight, int64_t heads, double *y) {
    const int64_t f = test_naive_size(s->m, "q.weight", 0) / heads;
    const double *q = test_naive_project(s->m, "q", s->tokens, s->u), *k = test_naive_project(s->m, "k", s->tokens, s->u);
    const double *v = test_naive_project(s->m, "v", s->tokens, s->u);
    double *o = test_naive_memory(s->m, s->tokens * s->width);
    for (int64_t i = 0; i < s->tokens; i++)
        for (int64_t h = 0; h < heads; h++) attend(s, weight, q, k, v, heads, f, h, i, o);
    const double *out = test_naive_project(s->m, "out", s->tokens, o);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = out[i];
}

static void based(const struct test_naive_sequence *s, double *y) {
    define(s, taylor, 1, y);
}
static void based_3(const struct test_naive_sequence *s, double *y) {
    define(s, taylor, 3, y);
}
static void elu_1(const struct test_naive_sequence *s, double *y) {
    define(s, elu, 1, y);
}
static void elu_2(const struct test_naive_sequence *s, double *y) {
    define(s, elu, 2, y);
}
static void relu_2(const struct test_naive_sequence *s, double *y) {
    define(s, relus, 2, y);
}
static void square_2(const struct test_naive_sequence *s, double *y) {
    define(s, squares, 2, y);
}
static void softmax_2(const struct test_naive_sequence *s, double *y) {
    define(s, softmax, 2, y);
}
static void cosformer_2(const struct test_naive_sequence *s, double *y) {
    define(s, cosformer, 2, y);
}
static void polynomial_2(const struct test_naive_sequence *s, double *y) {
    define(s, polynomial, 2, y);
}

const struct test_naive test_naive_linear[] = {
    {{"based", 12, 9, 0, 2}, based, 0.4, true},
    {{"based:f=4", 12, 70, 0, 2}, based, 0.4, true},
    {{"based:heads=3:f=5", 12, 70, 0, 2}, based_3, 0.4, false},
    {{"linear:map=taylor:f=1", 6, 70, 0, 2}, based, 0.4, true},
    {{"based:f=2", 12, 100, 0, 2}, based, 0.4, true}, /* by features, as shorter sequences are not */
    {{"based:heads=3:f=3", 12, 180, 0, 2}, based_3, 0.4, false},
    {{"linear", 12, 70, 0, 2}, elu_1, 0.4, true},
    {{"linear:heads=2:f=3", 12, 140, 0, 2}, elu_2, 0.4, true},
    {{"linear:map=relu:heads=2", 12, 70, 0, 2}, relu_2, 0.4, true},
    {{"linear:map=square:heads=2", 12, 70, 0, 2}, square_2, 0.4, true},
    {{"linear:map=softmax:heads=2", 12, 70, 0, 2}, softmax_2, 0.4, true},
    {{"linear:map=cosformer:heads=2", 12, 70, 0, 2}, cosformer_2, 0.4, true},
    {{"linear:map=polynomial:heads=2:f=3", 12, 70, 0, 2}, polynomial_2, 0.02, true},
};
const int test_naive_linear_count = sizeof test_naive_linear / sizeof *test_naive_linear;
