/* H3 against its formulas, in the order of channels that they have. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct sizes {
    int64_t wide, heads, states, pairs; /* m, H, n, n / 2 */
};

static struct sizes sizes_of(const struct test_naive_sequence *s) {
    struct sizes z = {.wide = test_naive_option(s->m, "head_dim=", 2), .states = test_naive_option(s->m, "d_state=", s->tokens + 3)};
    z.heads = s->width / z.wide;
    z.pairs = z.states / 2 > 0 ? z.states / 2 : 1;
    return z;
}

/* k' = C . s + D k, s[i] = s[i - 1] + B[i] k: the state shifted by each token. */
static const double *shift(const struct test_naive_sequence *s, int64_t states, const double *k) {
    const double *b = test_naive_parameter(s->m, "shift.b"), *c = test_naive_parameter(s->m, "shift.c");
    const double *skip = test_naive_parameter(s->m, "shift.skip");
    double *y = test_naive_memory(s->m, s->tokens * s->width);
    for (int64_t channel = 0; channel < s->width; channel++) {
        double *state = test_naive_memory(s->m, states);
        for (int64_t at = channel; at < s->tokens * s->width; at += s->width) {
            y[at] = skip[channel] * k[at];
            for (int64_t i = states - 1; i >= 0; i--) {
                state[i] = (i > 0 ? state[i - 1] : 0) + b[i * s->width + channel] * k[at];
                y[at] += c[i * s->width + channel] * state[i];
            }
        }
    }
    return y;
}

/* K_g [T] of head g, with D_g in tap 0. */
static const double *diagonal(const struct test_naive_sequence *s, int64_t pairs, int64_t g) {
    const double *b = test_naive_parameter(s->m, "ssm.b"), *c = test_naive_parameter(s->m, "ssm.c");
    const double *decay = test_naive_parameter(s->m, "ssm.log_decay"), *frequency = test_naive_parameter(s->m, "ssm.frequency");
    const double step = exp(test_naive_parameter(s->m, "ssm.log_step")[g]);
    double *taps = test_naive_memory(s->m, s->tokens);
    for (int64_t at = g * pairs; at < (g + 1) * pairs; at++) {
        const double complex a = test_naive_complex(-exp(decay[at]), frequency[at]) * step / 2;
        const double complex w =
            test_naive_complex(b[2 * at], b[2 * at + 1]) * test_naive_complex(c[2 * at], c[2 * at + 1]) * step / (1 - a);
        for (int64_t t = 0; t < s->tokens; t++) taps[t] += 2 * creal(w * cpow((1 + a) / (1 - a), (double)t));
    }
    taps[0] += test_naive_parameter(s->m, "ssm.skip")[g];
    return taps;
}

static void h3(const struct test_naive_sequence *s, double *y) {
    const struct sizes z = sizes_of(s);
    const int64_t width = s->width;
    const double *q = test_naive_project(s->m, "q", s->tokens, s->u), *v = test_naive_project(s->m, "v", s->tokens, s->u);
    const double *k = shift(s, z.states, test_naive_project(s->m, "k", s->tokens, s->u));
    double *o = test_naive_memory(s->m, s->tokens * width);
    for (int64_t g = 0; g < z.heads; g++) {
        const double *taps = diagonal(s, z.pairs, g);
        for (int64_t i = 0; i < s->tokens; i++)
            for (int64_t a = g * z.wide; a < (g + 1) * z.wide; a++)
                for (int64_t b = 0; b < z.wide; b++) {
                    double sum = 0;
                    for (int64_t t = 0; t <= i; t++) sum += taps[t] * k[(i - t) * width + a] * v[(i - t) * width + g * z.wide + b];
                    o[i * width + b * z.heads + g] += q[i * width + a] * sum;
                }
    }
    memcpy(y, test_naive_project(s->m, "out", s->tokens, o), (size_t)(s->tokens * width) * sizeof *y);
}

static void outputs_are_those_of_the_formulas(void **state) {
    static const struct test_naive cases[] = {
        {{"h3", 6, 9, 0, 1}, h3, 0.4, false},
        {{"h3:head_dim=3", 6, 9, 0, 1}, h3, 0.4, false},
        {{"h3:head_dim=1", 3, 1, 0, 1}, h3, 0.4, false},
        {{"h3:d_state=1", 4, 8, 0, 1}, h3, 0.4, false},
        {{"h3:d_state=40", 4, 9, 0, 1}, h3, 0.4, false},
        {{"h3:d_state=4:head_dim=4", 8, 30, 0, 1}, h3, 0.4, false},
        {{"h3:d_state=16", 2, 420, 0, 1}, h3, 0.4, false},
    };
    (void)state;
    test_naive_mixers(cases, sizeof cases / sizeof *cases, 1e-10);
}

static void set(const struct test_mixer_model *m, const char *name, double value) {
    for (int64_t i = 0; i < attn_model_count(m->model); i++)
        if (strcmp(attn_model_name(m->model, i), name) == 0) attn_fill(attn_model_tensor(m->model, i), value);
}

static void set_identity(const struct test_mixer_model *m, const char *name) {
    for (int64_t i = 0; i < attn_model_count(m->model); i++)
        if (strcmp(attn_model_name(m->model, i), name) == 0) {
            attn_tensor *w = attn_model_tensor(m->model, i);
            for (int64_t j = 0; j < attn_count(w); j++) attn_data(w)[j] = j % (attn_size(w, 1) + 1) == 0;
        }
}

/* With q = v = 1 and the diagonal model a skip of 1, the output is k'; B begins as the first unit vector, C is the second. */
static void a_shift_from_the_first_to_the_second_state_delays_by_exactly_one(void **state) {
    enum { WIDTH = 3, TOKENS = 12 };
    static const struct test_mixer what = {"h3:head_dim=1", WIDTH, TOKENS, 0, 1};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    set(&m, "q.weight", 0);
    set(&m, "q.bias", 1);
    set(&m, "v.weight", 0);
    set(&m, "v.bias", 1);
    set_identity(&m, "k.weight");
    set_identity(&m, "out.weight");
    set(&m, "ssm.c", 0);
    set(&m, "ssm.skip", 1);
    set(&m, "shift.skip", 0);
    set(&m, "shift.c", 0);
    for (int64_t i = 0; i < attn_model_count(m.model); i++)
        if (strcmp(attn_model_name(m.model, i), "shift.c") == 0)
            for (int c = 0; c < WIDTH; c++) attn_data(attn_model_tensor(m.model, i))[WIDTH + c] = 1;
    attn_tensor *y = test_mixer_output(&m, false, NULL);
    for (int64_t row = 0; row < TEST_MIXER_BATCH * TOKENS; row++)
        for (int64_t c = 0; c < WIDTH; c++) {
            const double want = row % TOKENS > 0 ? attn_data(m.u)[(row - 1) * WIDTH + c] : 0;
            assert_true(attn_data(y)[row * WIDTH + c] == want);
        }
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void parameters_begin_as_the_paper_says(void **state) {
    static const struct test_mixer what = {"h3", 8, 29, 0, 1};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    const double *b = test_naive_parameter(&m, "shift.b"), *c = test_naive_parameter(&m, "shift.c"),
                 *step = test_naive_parameter(&m, "ssm.log_step");
    for (int i = 0; i < 32 * 8; i++) assert_true(b[i] == (i < 8) && fabs(c[i]) <= 1 / sqrt(32.0));
    for (int g = 0; g < 4; g++) {
        assert_true(step[g] >= log(1e-3) && step[g] <= log(1e-1));
        for (int j = 0; j < 16; j++) {
            assert_true(fabs(test_naive_parameter(&m, "ssm.log_decay")[g * 16 + j] - log(0.5)) < 1e-15);
            assert_true(fabs(test_naive_parameter(&m, "ssm.frequency")[g * 16 + j] - acos(-1.0) * j) < 1e-12);
            assert_true(test_naive_parameter(&m, "ssm.b")[2 * (g * 16 + j)] == 1 &&
                        test_naive_parameter(&m, "ssm.b")[2 * (g * 16 + j) + 1] == 0);
        }
    }
    assert_int_equal(attn_mixer_state(m.mixer, 5), 32 * 8 + 2 * 32 * 8);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void a_head_that_does_not_divide_the_width_is_refused(void **state) {
    attn_ctx *ctx;
    attn_model *model;
    char text[512];
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_model_create(ctx, 0, &model), ATTN_OK);
    assert_null(attn_mixer_make(model, "h3:head_dim=3", &(attn_mixer_place){8, 16, 0, 1}, NULL, 0));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), "mixer h3: head_dim=3 must divide the width, 8");
    attn_model_destroy(model);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_the_formulas),
        cmocka_unit_test(a_shift_from_the_first_to_the_second_state_delays_by_exactly_one),
        cmocka_unit_test(parameters_begin_as_the_paper_says),
        cmocka_unit_test(a_head_that_does_not_divide_the_width_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
