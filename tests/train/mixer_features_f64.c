/* Random features of linear attention: orthogonal, with the lengths of normal vectors, and an estimate of softmax's kernel. */
#include "nn/mixer/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct made {
    attn_ctx *ctx;
    attn_model *model;
    struct attn_features f;
};

static struct made make(uint64_t seed, int64_t width, int64_t m) {
    struct made made;
    assert_int_equal(attn_ctx_create(NULL, &made.ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_model_create(made.ctx, seed, &made.model), ATTN_OK);
    attn_features_make(&made.f, made.model, ATTN_MAP_PERFORMER, width, m, 1);
    assert_int_equal(attn_tape_status(attn_model_tape(made.model)), ATTN_OK);
    return made;
}

static void unmake(struct made *made) {
    attn_model_destroy(made->model);
    attn_ctx_destroy(made->ctx);
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void each_group_of_random_vectors_is_orthogonal(void **state) {
    struct made made = make(3, 8, 29); /* the last group has five */
    (void)state;
    for (int64_t i = 0; i < 29; i++)
        for (int64_t j = i - i % 8; j < i; j++) assert_true(fabs(dot(made.f.left + i * 8, made.f.left + j * 8, 8)) < 1e-13 * 64);
    unmake(&made);
}

/* |w|^2 has mean f and variance 2 f; 4096 of them have a mean within 5 of its deviations. */
static void random_vectors_have_the_lengths_of_normal_ones(void **state) {
    enum { M = 4096, F = 8 };
    struct made made = make(3, F, M);
    double mean = 0, square = 0;
    (void)state;
    for (int64_t i = 0; i < M; i++) {
        const double length = dot(made.f.left + i * F, made.f.left + i * F, F);
        mean += length / M;
        square += length * length / M;
    }
    assert_true(fabs(mean - F) < 5 * sqrt(2.0 * F / M));
    assert_true(fabs(square - mean * mean - 2 * F) < 0.25 * 2 * F);
    unmake(&made);
}

static void features_are_the_formula_and_estimate_the_exponential_of_the_product(void **state) {
    enum { M = 16384, F = 4 };
    struct made made = make(5, F, M);
    attn_tape *tape = attn_model_tape(made.model);
    attn_tensor *x = attn_parameter(tape, 4, (const int64_t[]){1, 1, 2, F});
    (void)state;
    attn_fill_uniform(x, -1, 1, 7);
    attn_tensor *phi = attn_features_of(&made.f, x, 0);
    assert_non_null(phi);
    assert_int_equal(attn_size(phi, 3), M);
    const double root = sqrt((double)F), *q = attn_data(x), *k = q + F;
    for (int64_t t = 0; t < 2; t++)
        for (int64_t i = 0; i < M; i++) {
            const double *y = q + t * F, along = dot(made.f.left + i * F, y, F) / sqrt(root);
            const double want = exp(along - dot(y, y, F) / root / 2) / sqrt((double)M);
            assert_true(fabs(attn_data(phi)[t * M + i] - want) <= 1e-13 * want);
        }
    /* Variance of one product, w normal: e^(2 s) (e^|q + k|^2 - 1), all in y; orthogonal ones have less (Choromanski et al. 2021). */
    double sum[F], s = dot(q, k, F) / root;
    for (int64_t i = 0; i < F; i++) sum[i] = q[i] + k[i];
    const double deviation = exp(s) * sqrt((exp(dot(sum, sum, F) / root) - 1) / M);
    assert_true(fabs(dot(attn_data(phi), attn_data(phi) + M, M) - exp(s)) < 4 * deviation);
    unmake(&made);
}

static void random_vectors_depend_on_the_seed_alone(void **state) {
    struct made a = make(3, 6, 20), b = make(3, 6, 20), c = make(4, 6, 20);
    (void)state;
    assert_memory_equal(a.f.left, b.f.left, 120 * sizeof(double));
    assert_memory_not_equal(a.f.left, c.f.left, 120 * sizeof(double));
    unmake(&a);
    unmake(&b);
    unmake(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_group_of_random_vectors_is_orthogonal),
        cmocka_unit_test(random_vectors_have_the_lengths_of_normal_ones),
        cmocka_unit_test(features_are_the_formula_and_estimate_the_exponential_of_the_product),
        cmocka_unit_test(random_vectors_depend_on_the_seed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
