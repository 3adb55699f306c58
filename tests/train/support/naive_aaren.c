/* Aaren from the recurrence of the paper (sec. 3.1): numerator a, denominator c and greatest score m of each head, for the one query of the layer. */
#include "support/naive.h"

#include <math.h>

static void head(int64_t tokens, int64_t width, int64_t d, const double *q, const double *k, const double *v, double *o) {
    double m = -(double)INFINITY, c = 0, a[64] = {0};
    for (int64_t t = 0; t < tokens; t++, k += 2 * width, v += 2 * width, o += width) {
        double s = 0;
        for (int64_t i = 0; i < d; i++) s += q[i] * k[i] / sqrt((double)d);
        const double greater = fmax(m, s), past = exp(m - greater), own = exp(s - greater);
        c = past * c + own;
        m = greater;
        for (int64_t i = 0; i < d; i++) {
            a[i] = past * a[i] + own * v[i];
            o[i] = a[i] / c;
        }
    }
}

static void define(const struct test_naive_sequence *s, int64_t heads, double *y) {
    const int64_t d = s->width / heads;
    const double *q = test_naive_project(s->m, "q", 1, test_naive_parameter(s->m, "query"));
    const double *kv = test_naive_project(s->m, "kv", s->tokens, s->u);
    double *o = test_naive_memory(s->m, s->tokens * s->width);
    for (int64_t h = 0; h < heads; h++) head(s->tokens, s->width, d, q + h * d, kv + h * d, kv + s->width + h * d, o + h * d);
    const double *out = test_naive_project(s->m, "out_proj", s->tokens, o);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = out[i];
}

static void aaren_1(const struct test_naive_sequence *s, double *y) {
    define(s, 1, y);
}
static void aaren_4(const struct test_naive_sequence *s, double *y) {
    define(s, 4, y);
}

const struct test_naive test_naive_aaren[] = {
    {{"aaren", 7, 9, 0, 2}, aaren_1, 0.4, true},
    {{"aaren", 5, 1, 0, 1}, aaren_1, 0.4, false},
    {{"aaren:heads=4", 12, 150, 1, 2}, aaren_4, 0.4, true},
    {{"aaren:heads=4", 64, 40, 0, 2}, aaren_4, 0.4, false},
};
const int test_naive_aaren_count = sizeof test_naive_aaren / sizeof *test_naive_aaren;
