/* The loops over functions of one number, of every instruction set that the machine has, against <math.h> in double. */
#include "tape/functions.h"

#include "base/random.h"
#include "support/sets.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FUNCTIONS = 8 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return x > 40 ? x : log1p(exp(x));
}
static double elu(double x) {
    return x > 0 ? x : expm1(x);
}
static double silu(double x) {
    return x < -700 ? 0 : x * sigmoid(x);
}
static double gelu(double x) {
    return x < -38 ? 0 : x * 0.5 * erfc(-x * M_SQRT1_2);
}

/* Derivatives by terms: (a, b) of a + b. y: the value, a float. */
struct terms {
    double a, b;
};
static struct terms exp_slope(double x, double y) {
    (void)x;
    return (struct terms){y, 0};
}
static struct terms tanh_slope(double x, double y) {
    (void)x;
    return (struct terms){1, -y * y};
}
static struct terms sigmoid_slope(double x, double y) {
    const double e = exp(-fabs(x));
    (void)y;
    return (struct terms){e / ((1 + e) * (1 + e)), 0};
}
static struct terms softplus_slope(double x, double y) {
    (void)y;
    return (struct terms){sigmoid(x), 0};
}
static struct terms elu_slope(double x, double y) {
    (void)y;
    return (struct terms){x > 0 ? 1 : exp(x), 0};
}
static double relu(double x) {
    return x <= 0 ? 0 : x;
}
static struct terms relu_slope(double x, double y) {
    (void)y;
    return (struct terms){x <= 0 ? 0 : 1, 0};
}
static struct terms silu_slope(double x, double y) {
    (void)y;
    return (struct terms){sigmoid(x), fabs(x) > 700 ? 0 : x * sigmoid(x) * sigmoid(-x)};
}
static struct terms gelu_slope(double x, double y) {
    (void)y;
    return (struct terms){0.5 * erfc(-x * M_SQRT1_2), fabs(x) > 38 ? 0 : x * exp(-x * x / 2) / sqrt(2 * M_PI)};
}

static const struct function {
    const char *name;
    enum attn_function id;
    double (*value)(double x);
    struct terms (*slope)(double x, double y);
} functions[FUNCTIONS] = {
    {"exp", ATTN_FN_EXP, exp, exp_slope},
    {"tanh", ATTN_FN_TANH, tanh, tanh_slope},
    {"sigmoid", ATTN_FN_SIGMOID, sigmoid, sigmoid_slope},
    {"softplus", ATTN_FN_SOFTPLUS, softplus, softplus_slope},
    {"relu", ATTN_FN_RELU, relu, relu_slope},
    {"elu", ATTN_FN_ELU, elu, elu_slope},
    {"silu", ATTN_FN_SILU, silu, silu_slope},
    {"gelu", ATTN_FN_GELU, gelu, gelu_slope},
};

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Floats of all magnitudes, numbers around where the functions live, and edges with their neighbours. */
enum { STRIDE = 24001, SPREAD = (int)(0xffffffffu / STRIDE), NEAR = 60000, EDGES = 20, COUNT = SPREAD + NEAR + 6 * EDGES };
static float *arguments(void) {
    static const float edge[EDGES] = {0,     FLT_TRUE_MIN, FLT_MIN,   FLT_MAX, INFINITY,   0.34657359f, 1.0397208f, 9.02f,
                                      15,    87.336544f,   88.72284f, 89,      103.27893f, 103.97208f,  104,        120,
                                      13.2f, 14.5f,        0.5f,      1};
    struct attn_random random;
    float *x = malloc((size_t)COUNT * sizeof *x);
    assert_non_null(x);
    int n = 0;
    attn_random_init(&random, 3);
    for (; n < SPREAD; n++) x[n] = float_of((uint32_t)n * STRIDE);
    for (int i = 0; i < NEAR; i++) x[n++] = (float)((i % 2 ? 20 : 110) * (2 * attn_random_uniform(&random) - 1));
    for (int i = 0; i < EDGES; i++)
        for (int sign = -1; sign <= 1; sign += 2)
            for (int step = -1; step <= 1; step++)
                x[n++] = (float)sign * (step == 0 ? edge[i] : nextafterf(edge[i], (float)step * INFINITY));
    assert_int_equal(n, COUNT);
    return x;
}

/* Relative, or so many of the smallest float. */
static bool close_to(double got, double want, double scale, double relative, double smallest) {
    if (isnan(want)) return isnan(got);
    if ((float)want == (float)got) return true;
    return fabs(got - want) <= relative * scale + smallest * (double)FLT_TRUE_MIN;
}

/* Where the portable loops subtract from 1 what is nearly 1: they are accurate relative to 1 and x. */
static double cancels(enum attn_function function) {
    return function == ATTN_FN_GELU || function == ATTN_FN_SILU ? 1 : 0;
}

static void check_values(const struct test_set *set, const attn_ctx *ctx) {
    float *x = arguments(), *y = malloc((size_t)COUNT * sizeof *y);
    assert_non_null(y);
    for (int f = 0; f < FUNCTIONS; f++) {
        attn_loops_for(ctx, functions[f].id)->forward(COUNT, x, y, NULL);
        for (int i = 0; i < COUNT; i++) {
            const double want = functions[f].value((double)x[i]);
            double scale = fabs(want);
            if (set->bits == 0) scale += cancels(functions[f].id) * fabs((double)x[i]);
            if (!close_to((double)y[i], want, scale, 5e-7, set->bits == 0 ? 90 : 4))
                fail_msg("%s, %s(%a): %a, must be %a", set->name, functions[f].name, (double)x[i], (double)y[i], want);
        }
    }
    free(x);
    free(y);
}
static void values_are_those_of_the_mathematical_library(void **state) {
    (void)state;
    test_with_every_set(check_values);
}

/* Of the true derivative's terms; below the normal numbers, products by up to 120 of what was rounded there. */
static void check_slopes(const struct test_set *set, const attn_ctx *ctx) {
    float *x = arguments(), *y = malloc((size_t)COUNT * sizeof *y), *dy = malloc((size_t)COUNT * sizeof *dy);
    float *dx = malloc((size_t)COUNT * sizeof *dx);
    assert_true(y && dy && dx);
    for (int i = 0; i < COUNT; i++) dy[i] = 1;
    for (int f = 0; f < FUNCTIONS; f++) {
        const struct attn_loops *loops = attn_loops_for(ctx, functions[f].id);
        loops->forward(COUNT, x, y, NULL);
        loops->backward(COUNT, x, y, dy, dx, false, NULL);
        for (int i = 0; i < COUNT; i++) {
            const struct terms want = functions[f].slope((double)x[i], (double)y[i]);
            double scale = fabs(want.a) + fabs(want.b);
            if (set->bits == 0) scale += cancels(functions[f].id) * (1 + fabs((double)x[i]));
            if (!close_to((double)dx[i], want.a + want.b, scale, 5e-7, 120))
                fail_msg("%s, %s'(%a): %a, must be %a", set->name, functions[f].name, (double)x[i], (double)dx[i], want.a + want.b);
        }
    }
    free(x);
    free(y);
    free(dy);
    free(dx);
}
static void derivatives_are_those_of_the_mathematical_library(void **state) {
    (void)state;
    test_with_every_set(check_slopes);
}

static void check_exact(const struct test_set *set, const attn_ctx *ctx) {
    static const float x[] = {0, INFINITY, -INFINITY, NAN};
    static const float want[FUNCTIONS][4] = {{1, INFINITY, 0, NAN}, {0, 1, -1, NAN},        {0.5f, 1, 0, NAN},     {NAN, INFINITY, 0, NAN},
                                             {0, INFINITY, 0, NAN}, {0, INFINITY, -1, NAN}, {0, INFINITY, 0, NAN}, {0, INFINITY, 0, NAN}};
    for (int f = 0; f < FUNCTIONS; f++)
        for (int i = 0; i < 4; i++) {
            float y;
            if (i == 0 && functions[f].id == ATTN_FN_SOFTPLUS) continue; /* log 2 */
            attn_loops_for(ctx, functions[f].id)->forward(1, &x[i], &y, NULL);
            if (!(y == want[f][i] || (isnan(y) && isnan(want[f][i]))))
                fail_msg("%s, %s(%g): %a", set->name, functions[f].name, (double)x[i], (double)y);
        }
}
static void zero_infinities_and_nan_are_exact(void **state) {
    (void)state;
    test_with_every_set(check_exact);
}

/* Pieces of exactly their size, so that a sanitizer sees what is touched beyond. */
static float *piece_of(const float *from, int64_t n) {
    float *piece = malloc((size_t)n * sizeof *piece);
    assert_non_null(piece);
    memcpy(piece, from, (size_t)n * sizeof *piece);
    return piece;
}

enum { LENGTH = 75 };
static void check_cuts(const struct test_set *set, const attn_ctx *ctx) {
    struct attn_random random;
    float x[LENGTH], y[LENGTH], dy[LENGTH], dx[LENGTH], first[LENGTH];
    attn_random_init(&random, 9);
    for (int round = 0; round < 200; round++)
        for (int f = 0; f < FUNCTIONS; f++) {
            const struct attn_loops *loops = attn_loops_for(ctx, functions[f].id);
            const bool add = round % 2;
            attn_random_fill_normal(&random, x, LENGTH, round % 3 ? 1.0f : 30.0f);
            attn_random_fill_normal(&random, dy, LENGTH, 1.0f);
            attn_random_fill_normal(&random, first, LENGTH, 1.0f);
            memcpy(dx, first, sizeof dx);
            loops->forward(LENGTH, x, y, NULL);
            loops->backward(LENGTH, x, y, dy, dx, add, NULL);
            for (int64_t begin = 0, n; begin < LENGTH; begin += n) {
                n = attn_min64(attn_random_between(&random, 1, 40), LENGTH - begin);
                float *xs = piece_of(x + begin, n), *ys = piece_of(first + begin, n), *ds = piece_of(dy + begin, n);
                float *to = piece_of(first + begin, n);
                loops->forward(n, xs, ys, NULL);
                loops->backward(n, xs, ys, ds, to, add, NULL);
                if (memcmp(ys, y + begin, (size_t)n * sizeof *ys) != 0 || memcmp(to, dx + begin, (size_t)n * sizeof *to) != 0)
                    fail_msg("%s, %s: [%d, %d) differs from the whole", set->name, functions[f].name, (int)begin, (int)(begin + n));
                free(xs);
                free(ys);
                free(ds);
                free(to);
            }
        }
}
static void a_range_may_be_cut_anywhere(void **state) {
    (void)state;
    test_with_every_set(check_cuts);
}

/* Terms within 2e-7, and n additions of a sum that is at most the whole. */
static void check_sums(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 13);
    for (int round = 0; round < 600; round++) {
        const int64_t n = attn_random_between(&random, 1, LENGTH);
        float whole[LENGTH], *y = malloc((size_t)n * sizeof *y), *dx = malloc((size_t)n * sizeof *dx);
        const bool add = round % 2;
        assert_true(y && dx);
        attn_random_fill_normal(&random, whole, n, round % 3 ? 3.0f : 60.0f);
        for (int64_t i = 0; i < n; i++) whole[i] += round % 5 ? 0 : 1e4f; /* e^x alone is no float */
        if (round % 7 == 0) whole[attn_random_below(&random, (uint64_t)n)] = -INFINITY;
        float *x = piece_of(whole, n);
        const float most = table->greatest(n, x);
        assert_true(most == attn_functions__portable.greatest(n, x));
        if (most == -INFINITY) whole[0] = x[0] = 0;
        const float from = most == -INFINITY ? 0 : most, sum = table->exp_sum(n, x, from, y);
        assert_true(sum == table->exp_sum(n, x, from, NULL));
        for (int64_t i = 0; i < n; i++) dx[i] = 1;
        table->exp_scaled(n, x, from, 0.25f, dx, add);
        double total = 0;
        for (int64_t i = 0; i < n; i++) {
            const double e = exp((double)(x[i] - from));
            total += e;
            if (!close_to((double)y[i], e, e, 2e-7, 2))
                fail_msg("%s: e^(%a - %a) = %a", set->name, (double)x[i], (double)from, (double)y[i]);
            if (!close_to((double)dx[i], add + 0.25 * e, add + 0.25 * e, 3e-7, 2))
                fail_msg("%s: %d + e^(%a - %a) / 4 = %a", set->name, add, (double)x[i], (double)from, (double)dx[i]);
        }
        if (!close_to((double)sum, total, total, 2e-7 + (double)n * 6e-8, 0))
            fail_msg("%s: the sum of %d is %.9g, must be %.9g", set->name, (int)n, (double)sum, total);
        free(x);
        free(y);
        free(dx);
    }
}
static void sums_of_exponentials_are_those_of_their_row(void **state) {
    (void)state;
    test_with_every_set(check_sums);
}

static void check_nan(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    for (int64_t n = 1; n < LENGTH; n++)
        for (int64_t at = 0; at < n; at++) {
            float x[LENGTH];
            for (int64_t i = 0; i < n; i++) x[i] = (float)-i;
            x[at] = NAN;
            const float most = table->greatest(n, x);
            if (most != (n == 1 ? -INFINITY : at == 0 ? -1.0f : 0.0f)) fail_msg("%s: a NaN is the greatest number", set->name);
            if (!isnan(table->exp_sum(n, x, 0, NULL))) fail_msg("%s: a NaN is lost", set->name);
        }
}
static void a_nan_makes_the_sum_one(void **state) {
    (void)state;
    test_with_every_set(check_nan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_mathematical_library),
        cmocka_unit_test(derivatives_are_those_of_the_mathematical_library),
        cmocka_unit_test(zero_infinities_and_nan_are_exact),
        cmocka_unit_test(a_range_may_be_cut_anywhere),
        cmocka_unit_test(sums_of_exponentials_are_those_of_their_row),
        cmocka_unit_test(a_nan_makes_the_sum_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
