/* RWKV-4 against its sums over tokens. */
#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* y [rows, out] = (mu u[i] + (1 - mu) u[i - 1]) W */
static void part(const struct test_mixer_model *m, const char *name, const double *u, int64_t out, double *y) {
    const int64_t tokens = m->what->length, width = m->what->width, rows = TEST_MIXER_BATCH * tokens;
    const attn_real *mu = test_numbers_of(m, "mix.%s", name);
    double *x = test_zeros(rows * width);
    for (int64_t i = 0; i < rows * width; i++) {
        const int64_t c = i % width;
        x[i] = mu[c] * u[i] + (1 - mu[c]) * (i / width % tokens > 0 ? u[i - width] : 0);
    }
    test_linear(m, name, false, rows, width, out, x, y);
    free(x);
}

static void rwkv(const struct test_mixer_model *m, const double *u, double *y) {
    const int64_t tokens = m->what->length, width = m->what->width, rows = TEST_MIXER_BATCH * tokens;
    double *k = test_zeros(rows * width), *v = test_zeros(rows * width), *r = test_zeros(rows * width);
    part(m, "k", u, width, k);
    part(m, "v", u, width, v);
    part(m, "r", u, width, r);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < width; c++) {
            const double w = -exp(test_numbers(m, "decay")[c]), first = test_numbers(m, "first")[c];
            double above = 0, below = 0;
            for (int64_t i = row - row % tokens; i <= row; i++) {
                const double weight = exp(k[i * width + c] + (i < row ? (double)(row - 1 - i) * w : first));
                above += weight * v[i * width + c];
                below += weight;
            }
            r[row * width + c] = test_sigmoid(r[row * width + c]) * above / below;
        }
    test_linear(m, "out", false, rows, width, width, r, y);
    free(k);
    free(v);
    free(r);
}

static void channel(const struct test_mixer_model *m, const double *u, double *y) {
    const int64_t width = m->what->width, rows = TEST_MIXER_BATCH * m->what->length;
    double *k = test_zeros(rows * 4 * width), *r = test_zeros(rows * width);
    part(m, "k", u, 4 * width, k);
    part(m, "r", u, width, r);
    for (int64_t i = 0; i < rows * 4 * width; i++) k[i] = k[i] > 0 ? k[i] * k[i] : 0;
    test_linear(m, "v", false, rows, 4 * width, width, k, y);
    for (int64_t i = 0; i < rows * width; i++) y[i] *= test_sigmoid(r[i]);
    free(k);
    free(r);
}

static void outputs_are_those_of_the_formulas(void **state) {
    (void)state;
    test_mixer_values(&(struct test_mixer){"rwkv", 6, 9, 0, 2}, rwkv, 1e-12);
    test_mixer_values(&(struct test_mixer){"rwkv", 5, 70, 3, 4}, rwkv, 1e-12);
    test_mixer_values(&(struct test_mixer){"rwkv", 1, 1, 0, 1}, rwkv, 1e-12);
    test_mixer_values(&(struct test_mixer){"rwkv-channel", 6, 9, 0, 2}, channel, 1e-12);
    test_mixer_values(&(struct test_mixer){"rwkv-channel", 1, 1, 0, 2}, channel, 1e-12);
}

static attn_ctx *context(void) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void near(const struct test_mixer_model *m, const char *name, int64_t c, double want) {
    const double got = test_numbers(m, name)[c];
    if (!(fabs(got - want) <= 1e-14 * fmax(1, fabs(want)))) fail_msg("%s[%d] is %.15g, must be %.15g", name, (int)c, got, want);
}

/* Those of layer 3 of 12, in a model of 4 layers. */
static void parameters_begin_as_in_a_model_of_twelve_layers(void **state) {
    enum { WIDTH = 10 };
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    (void)state;
    test_mixer_open(&m, ctx, &(struct test_mixer){"rwkv", WIDTH, 8, 3, 4}, 0);
    for (int64_t c = 0; c < WIDTH; c++) {
        const double share = (double)c / WIDTH, first[] = {-0.5, 0, 0.5};
        near(&m, "decay", c, -5 + 8 * pow((double)c / (WIDTH - 1), 0.7 + 1.3 * 3 / 11));
        near(&m, "first", c, log(0.3) + first[(c + 1) % 3]);
        near(&m, "mix.k", c, pow(share, 0.75));
        near(&m, "mix.v", c, pow(share, 0.75) + 0.3 * 3 / 11);
        near(&m, "mix.r", c, pow(share, 0.375));
    }
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void deep_models_begin_with_finite_numbers(void **state) {
    attn_ctx *ctx = context();
    (void)state;
    for (int64_t layer = 11; layer < 30; layer++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &(struct test_mixer){"rwkv", 4, 3, layer, 30}, 0);
        for (int64_t i = 0; i < attn_model_count(m.model); i++)
            for (int64_t j = 0; j < attn_count(attn_model_tensor(m.model, i)); j++)
                assert_true(isfinite(attn_data(attn_model_tensor(m.model, i))[j]));
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

/* Keys of +60 and -60: W_k is the identity times 40, mu 1, u within 1.5. Both forms and all gradients. */
static void far_keys_give_finite_outputs_and_gradients(void **state) {
    enum { WIDTH = 4, TOKENS = 40 };
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    (void)state;
    test_mixer_open(&m, ctx, &(struct test_mixer){"rwkv", WIDTH, TOKENS, 0, 1}, 0.4);
    for (int64_t i = 0; i < attn_model_count(m.model); i++) {
        attn_tensor *p = attn_model_tensor(m.model, i);
        if (strcmp(attn_model_name(m.model, i), "k.weight") == 0)
            for (int64_t j = 0; j < attn_count(p); j++) attn_data(p)[j] = j % (WIDTH + 1) == 0 ? 40 : 0;
        if (strcmp(attn_model_name(m.model, i), "mix.k") == 0) attn_fill(p, 1);
    }
    for (int64_t i = 0; i < attn_count(m.u); i++) attn_data(m.u)[i] = i % 3 == 0 ? 1.5 : i % 3 == 1 ? -1.5 : 0;
    attn_tensor *y = test_mixer_output(&m, true, NULL);
    assert_int_equal(attn_tape_backward(attn_sum_all(attn_square(y))), ATTN_OK);
    for (int64_t i = 0; i < attn_count(y); i++) assert_true(isfinite(attn_data(y)[i]) && isfinite(attn_grad(m.u)[i]));
    for (int64_t i = 0; i < attn_model_count(m.model); i++)
        for (int64_t j = 0; j < attn_count(attn_model_tensor(m.model, i)); j++)
            assert_true(isfinite(attn_grad(attn_model_tensor(m.model, i))[j]));
    double *all = test_zeros(attn_count(y)), *numbers = test_zeros(TEST_MIXER_BATCH * attn_mixer_state(m.mixer, TOKENS));
    memcpy(all, attn_data(y), (size_t)attn_count(y) * sizeof *all);
    for (int64_t t = 0; t < TOKENS; t++) {
        attn_tape_reset(attn_model_tape(m.model));
        attn_tape_record(attn_model_tape(m.model), false);
        attn_mixer_call call = {.u = attn_contiguous(attn_narrow(m.u, 1, t, 1))};
        attn_tensor *one = attn_mixer_step(m.mixer, &call, numbers, TOKENS, t);
        for (int64_t i = 0; i < TEST_MIXER_BATCH * WIDTH; i++)
            assert_true(fabs(attn_data(one)[i] - all[(i / WIDTH * TOKENS + t) * WIDTH + i % WIDTH]) < 1e-12);
    }
    free(all);
    free(numbers);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_the_formulas),
        cmocka_unit_test(parameters_begin_as_in_a_model_of_twelve_layers),
        cmocka_unit_test(deep_models_begin_with_finite_numbers),
        cmocka_unit_test(far_keys_give_finite_outputs_and_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
