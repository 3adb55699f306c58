/* RWKV-4 against its sums over tokens. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* (mu u[i] + (1 - mu) u[i - 1]) W */
static double *part(const struct test_naive_sequence *s, const char *mix, const char *name) {
    const double *mu = test_naive_parameter(s->m, mix);
    double *x = test_naive_memory(s->m, s->tokens * s->width);
    for (int64_t i = 0; i < s->tokens * s->width; i++)
        x[i] = mu[i % s->width] * s->u[i] + (1 - mu[i % s->width]) * (i >= s->width ? s->u[i - s->width] : 0);
    return test_naive_project(s->m, name, s->tokens, x);
}

static void rwkv(const struct test_naive_sequence *s, double *y) {
    const int64_t width = s->width;
    const double *decay = test_naive_parameter(s->m, "decay"), *first = test_naive_parameter(s->m, "first");
    const double *k = part(s, "mix.k", "k"), *v = part(s, "mix.v", "v");
    double *r = part(s, "mix.r", "r");
    for (int64_t t = 0; t < s->tokens; t++)
        for (int64_t c = 0; c < width; c++) {
            double above = 0, below = 0;
            for (int64_t i = 0; i <= t; i++) {
                const double weight = exp(k[i * width + c] + (i < t ? (double)(t - 1 - i) * -exp(decay[c]) : first[c]));
                above += weight * v[i * width + c];
                below += weight;
            }
            r[t * width + c] = test_naive_sigmoid(r[t * width + c]) * above / below;
        }
    memcpy(y, test_naive_project(s->m, "out", s->tokens, r), (size_t)(s->tokens * width) * sizeof *y);
}

static void channel(const struct test_naive_sequence *s, double *y) {
    double *k = part(s, "mix.k", "k"), *r = part(s, "mix.r", "r");
    for (int64_t i = 0; i < s->tokens * 4 * s->width; i++) k[i] = k[i] > 0 ? k[i] * k[i] : 0;
    const double *v = test_naive_project(s->m, "v", s->tokens, k);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = v[i] * test_naive_sigmoid(r[i]);
}

static void outputs_are_those_of_the_formulas(void **state) {
    static const struct test_naive cases[] = {{{"rwkv", 6, 9, 0, 2}, rwkv, 0.4, false},
                                              {{"rwkv", 5, 70, 3, 4}, rwkv, 0.4, false},
                                              {{"rwkv", 1, 1, 0, 1}, rwkv, 0.4, false},
                                              {{"rwkv-channel", 6, 9, 0, 2}, channel, 0.4, false},
                                              {{"rwkv-channel", 1, 1, 0, 2}, channel, 0.4, false}};
    (void)state;
    test_naive_mixers(cases, sizeof cases / sizeof *cases, 1e-12);
}

static attn_ctx *context(void) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void near(const struct test_mixer_model *m, const char *name, int64_t c, double want) {
    const double got = test_naive_parameter(m, name)[c];
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
    double *all = test_naive_memory(&m, attn_count(y));
    double *numbers = test_naive_memory(&m, TEST_MIXER_BATCH * attn_mixer_state(m.mixer, TOKENS));
    memcpy(all, attn_data(y), (size_t)attn_count(y) * sizeof *all);
    for (int64_t t = 0; t < TOKENS; t++) {
        attn_tape_reset(attn_model_tape(m.model));
        attn_tape_record(attn_model_tape(m.model), false);
        attn_mixer_call call = {.u = attn_contiguous(attn_narrow(m.u, 1, t, 1))};
        attn_tensor *one = attn_mixer_step(m.mixer, &call, numbers, TOKENS, t);
        for (int64_t i = 0; i < TEST_MIXER_BATCH * WIDTH; i++)
            assert_true(fabs(attn_data(one)[i] - all[(i / WIDTH * TOKENS + t) * WIDTH + i % WIDTH]) < 1e-12);
    }
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
