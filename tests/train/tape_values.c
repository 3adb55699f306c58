/* What operators compute, in float, against loops in double: random shapes, strided and repeated operands. */
#include "attn_train.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    struct attn_random random;
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    attn_random_init(&f.random, 5);
    return attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape);
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

static attn_tensor *normal(struct fixture *f, int dims, const int64_t *size) {
    attn_tensor *x = attn_constant(f->tape, dims, size, 0);
    assert_non_null(x);
    attn_random_fill_normal(&f->random, attn_data(x), attn_count(x), 1.0f);
    return x;
}

static double at2(attn_tensor *x, int64_t i, int64_t j) {
    return (double)attn_data(x)[i * attn_size(x, 1) + j];
}

/* The error of a sum of n products of normal numbers, each term rounded: n + 1 roundings of at most the sum of the terms' sizes. */
static void near_sum(const char *what, double got, double want, double terms, int64_t n) {
    if (!(fabs(got - want) <= (double)(n + 1) * 6e-8 * terms)) fail_msg("%s: %.9g, must be %.9g", what, got, want);
}

static void products_are_sums_of_products(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 60; round++) {
        const int64_t m = attn_random_between(&f->random, 1, 80), n = attn_random_between(&f->random, 1, 300),
                      k = attn_random_between(&f->random, 1, 90);
        const bool ta = attn_random_below(&f->random, 2), tb = attn_random_below(&f->random, 2);
        attn_tape_reset(f->tape);
        attn_tensor *a = normal(f, 2, (const int64_t[]){ta ? k : m, ta ? m : k}),
                    *b = normal(f, 2, (const int64_t[]){tb ? n : k, tb ? k : n});
        attn_tensor *c = attn_matmul(a, ta, b, tb);
        assert_non_null(c);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double want = 0, terms = 0;
                for (int64_t l = 0; l < k; l++) {
                    const double term = (ta ? at2(a, l, i) : at2(a, i, l)) * (tb ? at2(b, j, l) : at2(b, l, j));
                    want += term;
                    terms += fabs(term);
                }
                near_sum("matmul", at2(c, i, j), want, terms, k);
            }
    }
}

static void linear_layers_add_their_bias_to_every_row(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 40; round++) {
        const int64_t rows = attn_random_between(&f->random, 1, 600), in = attn_random_between(&f->random, 1, 40),
                      out = attn_random_between(&f->random, 1, 40);
        attn_tape_reset(f->tape);
        attn_tensor *x = normal(f, 3, (const int64_t[]){1, rows, in}), *w = normal(f, 2, (const int64_t[]){out, in}),
                    *bias = normal(f, 1, (const int64_t[]){out}), *y = attn_linear(x, w, bias);
        assert_non_null(y);
        assert_int_equal(attn_size(y, 1), rows);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < out; j++) {
                double want = (double)attn_data(bias)[j], terms = fabs(want);
                for (int64_t l = 0; l < in; l++) {
                    const double term = (double)attn_data(x)[i * in + l] * at2(w, j, l);
                    want += term;
                    terms += fabs(term);
                }
                near_sum("linear", (double)attn_data(y)[i * out + j], want, terms, in + 1);
            }
    }
}

/* The index of an element of x, whose axes end with those of an index over `size`; sizes of 1 are repeated. */
static int64_t repeated(attn_tensor *x, int dims, const int64_t *index) {
    int64_t at = 0;
    for (int i = 0; i < attn_dims(x); i++) {
        const int64_t own = attn_size(x, i);
        at = at * own + (own == 1 ? 0 : index[dims - attn_dims(x) + i]);
    }
    return at;
}

static void operands_are_repeated_along_axes_of_one(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 200; round++) {
        const int dims = (int)attn_random_between(&f->random, 1, ATTN_TENSOR_DIMS);
        int64_t size[ATTN_TENSOR_DIMS], mine[2][ATTN_TENSOR_DIMS];
        attn_tensor *x[2];
        attn_tape_reset(f->tape);
        for (int i = 0; i < dims; i++) size[i] = attn_random_between(&f->random, 1, dims > 3 ? 5 : 40);
        for (int n = 0; n < 2; n++) {
            const int from = n == 0 ? 0 : (int)attn_random_below(&f->random, (uint64_t)dims);
            for (int i = from; i < dims; i++) mine[n][i - from] = attn_random_below(&f->random, 3) == 0 ? 1 : size[i];
            x[n] = normal(f, dims - from, mine[n]);
        }
        if (round % 2) { /* either operand may be the smaller one */
            attn_tensor *first = x[0];
            x[0] = x[1];
            x[1] = first;
        }
        attn_tensor *sum = attn_sub(x[0], x[1]), *product = attn_mul(x[0], x[1]);
        assert_non_null(sum);
        assert_non_null(product);
        for (int64_t n = 0; n < attn_count(sum); n++) {
            int64_t index[ATTN_TENSOR_DIMS], rest = n;
            for (int i = dims - 1; i >= 0; i--) {
                index[i] = rest % attn_size(sum, i);
                rest /= attn_size(sum, i);
            }
            const float a = attn_data(x[0])[repeated(x[0], dims, index)], b = attn_data(x[1])[repeated(x[1], dims, index)];
            assert_true(attn_data(sum)[n] == a - b);
            assert_true(attn_data(product)[n] == a * b);
        }
    }
}

static void sums_run_along_their_axis(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 60; round++) {
        const int64_t size[3] = {attn_random_between(&f->random, 1, 20), attn_random_between(&f->random, 1, 400),
                                 attn_random_between(&f->random, 1, 20)};
        const int axis = (int)attn_random_below(&f->random, 3);
        attn_tape_reset(f->tape);
        attn_tensor *x = normal(f, 3, size), *y = round % 2 ? attn_mean(x, axis) : attn_sum(x, axis);
        assert_non_null(y);
        int64_t outer = 1, inner = 1;
        for (int i = 0; i < axis; i++) outer *= size[i];
        for (int i = axis + 1; i < 3; i++) inner *= size[i];
        assert_int_equal(attn_count(y), outer * inner);
        for (int64_t i = 0; i < outer; i++)
            for (int64_t j = 0; j < inner; j++) {
                double want = 0, terms = 0;
                for (int64_t l = 0; l < size[axis]; l++) {
                    const double term = (double)attn_data(x)[(i * size[axis] + l) * inner + j] / (round % 2 ? (double)size[axis] : 1.0);
                    want += term;
                    terms += fabs(term);
                }
                near_sum("sum", (double)attn_data(y)[i * inner + j], want, terms, size[axis] + 1);
            }
    }
}

enum { ROWS = 3000 };

/* [2, ROWS, 2]: 2^24 in the first row of each, then ones, which a float of 2^24 loses. */
static attn_tensor *one_great_number(struct fixture *f) {
    attn_tensor *x = attn_constant(f->tape, 3, (const int64_t[]){2, ROWS, 2}, 1);
    assert_non_null(x);
    for (int i = 0; i < 2; i++) attn_data(x)[i * ROWS * 2] = attn_data(x)[i * ROWS * 2 + 1] = 0x1p24f;
    return x;
}

/* At most the ones are lost that stand with it among the 128 rows that are summed in float. */
static void near_great(const char *what, const float *got, int count, int times) {
    for (int i = 0; i < count; i++)
        if (!(fabs((double)got[i] - times * (0x1p24 + ROWS - 1)) <= times * 128 + 2)) fail_msg("%s: %.9g", what, (double)got[i]);
}

static void sums_over_many_rows_lose_no_more_than_sums_over_few(void **state) {
    struct fixture *f = *state;
    attn_tape_reset(f->tape);
    attn_tensor *w = attn_parameter(f->tape, 2, (const int64_t[]){2, 3}), *bias = attn_parameter(f->tape, 1, (const int64_t[]){2});
    attn_tensor *one = attn_parameter(f->tape, 1, (const int64_t[]){1}), *row = attn_parameter(f->tape, 1, (const int64_t[]){2});
    attn_tensor *taps = attn_parameter(f->tape, 2, (const int64_t[]){1, 2});
    attn_tensor *great = one_great_number(f), *ones = attn_constant(f->tape, 3, (const int64_t[]){2, ROWS, 2}, 1);
    near_great("sum of a middle axis", attn_data(attn_sum(great, 1)), 4, 1);
    near_great("sum of the first axis", attn_data(attn_sum(attn_reshape(great, 2, (const int64_t[]){2 * ROWS, 2}), 0)), 2, 2);
    attn_tensor *x = attn_constant(f->tape, 3, (const int64_t[]){2, ROWS, 3}, 1),
                *loss[] = {
                    attn_sum_all(attn_mul(attn_linear(x, w, bias), great)),
                    attn_sum_all(attn_mul(attn_add(ones, row), great)),
                    attn_sum_all(attn_mul(attn_add(attn_narrow(x, 2, 0, 2), one), great)),
                    attn_sum_all(attn_mul(attn_short_convolution(ones, taps, NULL), great)),
                };
    assert_int_equal(attn_tape_backward(attn_add(attn_add(loss[0], loss[1]), attn_add(loss[2], loss[3]))), ATTN_OK);
    near_great("gradient of a bias", attn_grad(bias), 2, 2);
    near_great("gradient of a row that was added", attn_grad(row), 2, 2);
    near_great("gradient of a number that was added", attn_grad(one), 1, 4);
    near_great("gradient of a tap", attn_grad(taps), 2, 2);
}

static void the_last_axis_is_normalised(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 40; round++) {
        const int64_t rows = attn_random_between(&f->random, 1, 100), n = attn_random_between(&f->random, 2, 100);
        attn_tape_reset(f->tape);
        attn_tensor *x = attn_affine(normal(f, 2, (const int64_t[]){rows, n}), 3, round % 2 ? 0 : 50);
        attn_tensor *weights = attn_softmax(x), *centred = attn_layer_norm(x, NULL, NULL, 1e-5f), *scaled = attn_rms_norm(x, NULL, 1e-5f);
        assert_non_null(scaled);
        for (int64_t i = 0; i < rows; i++) {
            double most = -(double)INFINITY, total = 0, mean = 0, square = 0, raw = 0;
            for (int64_t c = 0; c < n; c++) {
                most = fmax(most, at2(x, i, c));
                mean += at2(x, i, c) / (double)n;
                raw += at2(x, i, c) * at2(x, i, c) / (double)n;
            }
            for (int64_t c = 0; c < n; c++) {
                total += exp(at2(x, i, c) - most);
                square += (at2(x, i, c) - mean) * (at2(x, i, c) - mean) / (double)n;
            }
            for (int64_t c = 0; c < n; c++) {
                const double weight = exp(at2(x, i, c) - most) / total;
                const double h = (at2(x, i, c) - mean) / sqrt(square + 1e-5), s = at2(x, i, c) / sqrt(raw + 1e-5);
                /* exponents up to 16 are off by half their last bit, the mean of numbers near 50 by its own, n roundings in sums */
                assert_true(fabs(at2(weights, i, c) - weight) <= 2e-6 * weight + 1e-30);
                assert_true(fabs(at2(centred, i, c) - h) <= 6e-8 * (double)n * (1 + fabs(h) + fabs(mean) / sqrt(square + 1e-5)));
                assert_true(fabs(at2(scaled, i, c) - s) <= 6e-8 * (double)n * (1 + fabs(s)));
            }
        }
    }
}

static void cross_entropy_is_the_mean_over_labelled_rows(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 40; round++) {
        const int64_t rows = attn_random_between(&f->random, 1, 100), n = attn_random_between(&f->random, 1, 100);
        int32_t target[100];
        double want = 0;
        int labelled = 0;
        attn_tape_reset(f->tape);
        attn_tensor *x = attn_affine(normal(f, 2, (const int64_t[]){rows, n}), 5, 0);
        for (int64_t i = 0; i < rows; i++) {
            double total = 0;
            target[i] = attn_random_below(&f->random, 3) == 0 ? -1 : (int32_t)attn_random_below(&f->random, (uint64_t)n);
            if (target[i] < 0) continue;
            for (int64_t c = 0; c < n; c++) total += exp(at2(x, i, c));
            want += log(total) - at2(x, i, target[i]);
            labelled++;
        }
        attn_tensor *loss = attn_cross_entropy(x, target);
        assert_non_null(loss);
        want = labelled > 0 ? want / labelled : 0;
        assert_true(fabs((double)*attn_data(loss) - want) <= 3e-6 * (1 + want));
    }
}

static void dropout_keeps_its_share_and_the_mean(void **state) {
    struct fixture *f = *state;
    const int64_t n = 200000;
    attn_tape_reset(f->tape);
    attn_tape_seed(f->tape, 9);
    attn_tensor *ones = attn_constant(f->tape, 1, &n, 1), *first = attn_dropout(ones, 0.3), *second = attn_dropout(ones, 0.3);
    assert_non_null(second);
    int64_t kept = 0, both = 0;
    for (int64_t i = 0; i < n; i++) {
        const float x = attn_data(first)[i], y = attn_data(second)[i];
        assert_true(x == 0 || fabsf(x - 1 / 0.7f) < 1e-6f);
        kept += x != 0;
        both += x != 0 && y != 0;
    }
    /* four standard deviations of a binomial distribution */
    assert_true(fabs((double)kept - 0.7 * (double)n) < 4 * sqrt((double)n * 0.7 * 0.3));
    assert_true(fabs((double)both - 0.49 * (double)n) < 4 * sqrt((double)n * 0.49 * 0.51));
    attn_tape_record(f->tape, false);
    assert_ptr_equal(attn_dropout(ones, 0.3), ones);
    attn_tape_record(f->tape, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_sums_of_products),
        cmocka_unit_test(linear_layers_add_their_bias_to_every_row),
        cmocka_unit_test(operands_are_repeated_along_axes_of_one),
        cmocka_unit_test(sums_run_along_their_axis),
        cmocka_unit_test(sums_over_many_rows_lose_no_more_than_sums_over_few),
        cmocka_unit_test(the_last_axis_is_normalised),
        cmocka_unit_test(cross_entropy_is_the_mean_over_labelled_rows),
        cmocka_unit_test(dropout_keeps_its_share_and_the_mean),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
