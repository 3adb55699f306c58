/* BaseConv and plain convolutions against sums over tokens, directly and by Fourier transforms, filters against their network. */
#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* y[i] = bias + sum over t of w[t] u[i - t], w [taps, D] */
static void convolve(const struct test_mixer_model *m, int64_t taps, const double *w, const double *bias, const double *u, double *y) {
    const int64_t tokens = m->what->length, width = m->what->width;
    for (int64_t row = 0; row < TEST_MIXER_BATCH * tokens; row++)
        for (int64_t c = 0; c < width; c++) {
            double sum = bias ? bias[c] : 0;
            for (int64_t t = 0; t < taps && t <= row % tokens; t++) sum += w[t * width + c] * u[(row - t) * width + c];
            y[row * width + c] = sum;
        }
}

static int64_t taps_of(const struct test_mixer_model *m) {
    const char *kernel = strstr(m->what->text, "kernel=");
    return kernel ? strtol(kernel + 7, NULL, 10) : 3;
}

/* h [N, D] of the network: Linear(3 -> 16), ReLU, Linear(16 -> D). */
static void implicit_taps(const struct test_mixer_model *m, int64_t length, double *h) {
    double *z = test_zeros(length * 3), *hidden = test_zeros(length * 16);
    for (int64_t t = 0; t < length; t++) {
        z[3 * t] = (double)t / (double)(length - 1);
        z[3 * t + 1] = cos(2 * acos(-1.0) * 1e-4 * (double)t / (double)length);
        z[3 * t + 2] = -sin(2 * acos(-1.0) * 1e-4 * (double)t / (double)length);
    }
    test_linear(m, "filter.0", true, length, 3, 16, z, hidden);
    for (int64_t i = 0; i < length * 16; i++) hidden[i] = fmax(hidden[i], 0);
    test_linear(m, "filter.1", true, length, 16, m->what->width, hidden, h);
    free(z);
    free(hidden);
}

/* h * u + u */
static void convolve_long(const struct test_mixer_model *m, bool explicit_taps, const double *u, double *y) {
    const int64_t length = m->what->length + 3, width = m->what->width; /* what the mixer was made for */
    double *h = test_zeros(length * width);
    if (explicit_taps)
        for (int64_t i = 0; i < length * width; i++) h[i] = test_numbers(m, "filter.taps")[i];
    else
        implicit_taps(m, length, h);
    convolve(m, length, h, NULL, u, y);
    for (int64_t i = 0; i < TEST_MIXER_BATCH * m->what->length * width; i++) y[i] += u[i];
    free(h);
}

static void shortconv(const struct test_mixer_model *m, const double *u, double *y) {
    convolve(m, taps_of(m), test_numbers(m, "conv.weight"), test_numbers(m, "conv.bias"), u, y);
}

static void longconv(const struct test_mixer_model *m, const double *u, double *y) {
    convolve_long(m, strstr(m->what->text, "implicit") == NULL, u, y);
}

static void baseconv(const struct test_mixer_model *m, const double *u, double *y) {
    const int64_t rows = TEST_MIXER_BATCH * m->what->length, width = m->what->width;
    const bool act = strstr(m->what->text, "silu") != NULL;
    double *p = test_zeros(rows * width);
    test_linear(m, "projection", true, rows, width, width, u, p);
    if (taps_of(m) > 0)
        shortconv(m, u, y);
    else
        convolve_long(m, strstr(m->what->text, "explicit") != NULL, u, y);
    for (int64_t i = 0; i < rows * width; i++) {
        if (act) {
            p[i] *= test_sigmoid(p[i]);
            y[i] *= test_sigmoid(y[i]);
        }
        y[i] = p[i] * y[i] + u[i];
    }
    free(p);
}

static void outputs_are_the_sums_of_the_definition(void **state) {
    static const struct {
        struct test_mixer what;
        test_naive_fn naive;
    } cases[] = {
        {{"shortconv", 5, 8, 0, 1}, shortconv},
        {{"shortconv:kernel=11", 3, 8, 0, 1}, shortconv},
        {{"longconv", 5, 8, 0, 1}, longconv},
        {{"longconv:filter=implicit", 5, 8, 0, 1}, longconv},
        {{"longconv", 3, 500, 0, 1}, longconv}, /* by transforms */
        {{"baseconv", 7, 8, 0, 1}, baseconv},
        {{"baseconv", 3, 1, 0, 1}, baseconv},
        {{"baseconv:kernel=5:act=silu", 4, 9, 0, 1}, baseconv},
        {{"baseconv:kernel=-1", 7, 8, 0, 1}, baseconv},
        {{"baseconv:kernel=-1:act=silu", 35, 60, 0, 1}, baseconv},
        {{"baseconv:kernel=-1:filter=explicit", 7, 8, 0, 1}, baseconv},
        {{"baseconv:kernel=-1", 3, 500, 0, 1}, baseconv},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_mixer_values(&cases[i].what, cases[i].naive, 1e-12);
}

static attn_ctx *context(void) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

/* All taps are near 0 but the added 1. */
static void an_implicit_filter_begins_as_the_input_itself(void **state) {
    static const struct test_mixer what = {"longconv:filter=implicit", 64, 100, 0, 1};
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    (void)state;
    test_mixer_open(&m, ctx, &what, 0);
    attn_tensor *y = test_mixer_output(&m, false, NULL);
    for (int64_t i = 0; i < attn_count(y); i++) assert_true(fabs(attn_data(y)[i] - attn_data(m.u)[i]) < 0.5);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void states_hold_the_inputs_that_taps_can_reach(void **state) {
    static const struct {
        const char *text;
        int64_t numbers;
    } cases[] = {{"baseconv", 3 * 8}, {"baseconv:kernel=-1", 20 * 8}, {"shortconv:kernel=4", 4 * 8}, {"longconv", 20 * 8}};
    attn_ctx *ctx = context();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &(struct test_mixer){cases[i].text, 8, 20, 0, 1}, 0);
        assert_int_equal(attn_mixer_state(m.mixer, 20), cases[i].numbers);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

static void wrong_options_and_too_many_tokens_are_refused(void **state) {
    static const char *const wrong[][2] = {
        {"baseconv:kernel=0", "mixer baseconv: kernel=0: expected taps from 1 on, or -1"},
        {"baseconv:filter=explicit", "mixer baseconv: filter=explicit needs kernel=-1"},
        {"longconv:filter=long", "mixer longconv: filter=long: expected one of implicit, explicit"},
    };
    attn_ctx *ctx = context();
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        attn_model *model;
        assert_int_equal(attn_model_create(ctx, 0, &model), ATTN_OK);
        assert_null(attn_mixer_make(model, wrong[i][0], &(attn_mixer_place){8, 16, 0, 1}, NULL, 0));
        assert_string_equal(attn_ctx_error(ctx, text, sizeof text), wrong[i][1]);
        attn_model_destroy(model);
    }
    struct test_mixer_model m;
    test_mixer_open(&m, ctx, &(struct test_mixer){"longconv", 2, 4, 0, 1}, 0);
    attn_mixer_call call = {.u = attn_constant(attn_model_tape(m.model), 3, (const int64_t[]){1, 8, 2}, 0)};
    assert_null(attn_mix(m.mixer, &call));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), "filter: 8 tokens; it was made for at most 7");
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_the_sums_of_the_definition),
        cmocka_unit_test(an_implicit_filter_begins_as_the_input_itself),
        cmocka_unit_test(states_hold_the_inputs_that_taps_can_reach),
        cmocka_unit_test(wrong_options_and_too_many_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
