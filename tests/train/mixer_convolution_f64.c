/* BaseConv and plain convolutions against sums over tokens, directly and by Fourier transforms, filters against their network. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* h [N, D] of the network: Linear(3 -> 16), ReLU, Linear(16 -> D). */
static const double *implicit_taps(const struct test_mixer_model *m, int64_t length) {
    double *z = test_naive_memory(m, length * 3);
    for (int64_t t = 0; t < length; t++) {
        z[3 * t] = (double)t / (double)(length - 1);
        z[3 * t + 1] = cos(2 * acos(-1.0) * 1e-4 * (double)t / (double)length);
        z[3 * t + 2] = -sin(2 * acos(-1.0) * 1e-4 * (double)t / (double)length);
    }
    double *hidden = test_naive_project(m, "filter.0", length, z);
    for (int64_t i = 0; i < length * 16; i++) hidden[i] = fmax(hidden[i], 0);
    return test_naive_project(m, "filter.1", length, hidden);
}

/* h * u + u */
static void convolve_long(const struct test_naive_sequence *s, bool explicit_taps, double *y) {
    const int64_t length = s->tokens + 3; /* what the mixer was made for */
    const double *h = explicit_taps ? test_naive_parameter(s->m, "filter.taps") : implicit_taps(s->m, length);
    const double *sums = test_naive_convolve(s->m, s->tokens, s->width, s->u, length, h, NULL);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = sums[i] + s->u[i];
}

static void shortconv(const struct test_naive_sequence *s, double *y) {
    const double *w = test_naive_parameter(s->m, "conv.weight"), *bias = test_naive_parameter(s->m, "conv.bias");
    const double *sums = test_naive_convolve(s->m, s->tokens, s->width, s->u, test_naive_option(s->m, "kernel=", 3), w, bias);
    memcpy(y, sums, (size_t)(s->tokens * s->width) * sizeof *y);
}

static void longconv(const struct test_naive_sequence *s, double *y) {
    convolve_long(s, strstr(s->m->what->text, "implicit") == NULL, y);
}

static void baseconv(const struct test_naive_sequence *s, double *y) {
    const bool act = strstr(s->m->what->text, "silu") != NULL;
    double *p = test_naive_project(s->m, "projection", s->tokens, s->u);
    if (test_naive_option(s->m, "kernel=", 3) > 0)
        shortconv(s, y);
    else
        convolve_long(s, strstr(s->m->what->text, "explicit") != NULL, y);
    for (int64_t i = 0; i < s->tokens * s->width; i++) {
        if (act) {
            p[i] *= test_naive_sigmoid(p[i]);
            y[i] *= test_naive_sigmoid(y[i]);
        }
        y[i] = p[i] * y[i] + s->u[i];
    }
}

static void outputs_are_the_sums_of_the_definition(void **state) {
    static const struct test_naive cases[] = {
        {{"shortconv", 5, 8, 0, 1}, shortconv, 0.4, false},
        {{"shortconv:kernel=11", 3, 8, 0, 1}, shortconv, 0.4, false},
        {{"longconv", 5, 8, 0, 1}, longconv, 0.4, false},
        {{"longconv:filter=implicit", 5, 8, 0, 1}, longconv, 0.4, false},
        {{"longconv", 3, 500, 0, 1}, longconv, 0.4, false}, /* by transforms */
        {{"baseconv", 7, 8, 0, 1}, baseconv, 0.4, false},
        {{"baseconv", 3, 1, 0, 1}, baseconv, 0.4, false},
        {{"baseconv:kernel=5:act=silu", 4, 9, 0, 1}, baseconv, 0.4, false},
        {{"baseconv:kernel=-1", 7, 8, 0, 1}, baseconv, 0.4, false},
        {{"baseconv:kernel=-1:act=silu", 35, 60, 0, 1}, baseconv, 0.4, false},
        {{"baseconv:kernel=-1:filter=explicit", 7, 8, 0, 1}, baseconv, 0.4, false},
        {{"baseconv:kernel=-1", 3, 500, 0, 1}, baseconv, 0.4, false},
    };
    (void)state;
    test_naive_mixers(cases, sizeof cases / sizeof *cases, 1e-12);
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
