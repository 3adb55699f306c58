/* H3 against its formulas, in the order of channels that they have. */
#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sizes {
    int64_t tokens, width, wide, heads, states, pairs; /* T, D, m, H, n, n / 2 */
};

static int64_t option_of(const char *text, const char *name, int64_t otherwise) {
    const char *found = strstr(text, name);
    return found ? strtol(found + strlen(name), NULL, 10) : otherwise;
}

static struct sizes sizes_of(const struct test_mixer_model *m) {
    struct sizes s = {.tokens = m->what->length, .width = m->what->width, .wide = option_of(m->what->text, "head_dim=", 2)};
    s.heads = s.width / s.wide;
    s.states = option_of(m->what->text, "d_state=", s.tokens + 3);
    s.pairs = s.states / 2 > 0 ? s.states / 2 : 1;
    return s;
}

/* k' of the token `row` in channel c: C . s, s[i] = s[i - 1] + B[i] k, the state shifted by each token. */
static void shift(const struct test_mixer_model *m, struct sizes s, const double *k, double *y) {
    const attn_real *b = test_numbers(m, "shift.b"), *c = test_numbers(m, "shift.c"), *skip = test_numbers(m, "shift.skip");
    double *state = test_zeros(s.states);
    for (int64_t sequence = 0; sequence < TEST_MIXER_BATCH; sequence++)
        for (int64_t channel = 0; channel < s.width; channel++) {
            memset(state, 0, (size_t)s.states * sizeof *state);
            for (int64_t t = 0; t < s.tokens; t++) {
                const int64_t at = (sequence * s.tokens + t) * s.width + channel;
                double sum = skip[channel] * k[at];
                for (int64_t i = s.states - 1; i >= 0; i--) {
                    state[i] = (i > 0 ? state[i - 1] : 0) + b[i * s.width + channel] * k[at];
                    sum += c[i * s.width + channel] * state[i];
                }
                y[at] = sum;
            }
        }
    free(state);
}

/* K_g [T] of head g, with D_g in tap 0. */
static void diagonal(const struct test_mixer_model *m, struct sizes s, int64_t g, double *taps) {
    const attn_real *b = test_numbers(m, "ssm.b"), *c = test_numbers(m, "ssm.c");
    const double step = exp(test_numbers(m, "ssm.log_step")[g]);
    memset(taps, 0, (size_t)s.tokens * sizeof *taps);
    for (int64_t at = g * s.pairs; at < (g + 1) * s.pairs; at++) {
        const double complex a = test_complex(-exp(test_numbers(m, "ssm.log_decay")[at]), test_numbers(m, "ssm.frequency")[at]) * step / 2;
        const double complex w = test_complex(b[2 * at], b[2 * at + 1]) * test_complex(c[2 * at], c[2 * at + 1]) * step / (1 - a);
        for (int64_t t = 0; t < s.tokens; t++) taps[t] += 2 * creal(w * cpow((1 + a) / (1 - a), (double)t));
    }
    taps[0] += test_numbers(m, "ssm.skip")[g];
}

static void h3(const struct test_mixer_model *m, const double *u, double *y) {
    const struct sizes s = sizes_of(m);
    const int64_t rows = TEST_MIXER_BATCH * s.tokens;
    double *q = test_zeros(rows * s.width), *k = test_zeros(rows * s.width), *v = test_zeros(rows * s.width);
    double *shifted = test_zeros(rows * s.width), *o = test_zeros(rows * s.width), *taps = test_zeros(s.tokens);
    test_linear(m, "q", true, rows, s.width, s.width, u, q);
    test_linear(m, "k", true, rows, s.width, s.width, u, k);
    test_linear(m, "v", true, rows, s.width, s.width, u, v);
    shift(m, s, k, shifted);
    for (int64_t g = 0; g < s.heads; g++) {
        diagonal(m, s, g, taps);
        for (int64_t row = 0; row < rows; row++)
            for (int64_t a = 0; a < s.wide; a++)
                for (int64_t b = 0; b < s.wide; b++) {
                    double sum = 0;
                    for (int64_t t = 0; t <= row % s.tokens; t++)
                        sum += taps[t] * shifted[(row - t) * s.width + g * s.wide + a] * v[(row - t) * s.width + g * s.wide + b];
                    o[row * s.width + b * s.heads + g] += q[row * s.width + g * s.wide + a] * sum;
                }
    }
    test_linear(m, "out", true, rows, s.width, s.width, o, y);
    free(q);
    free(k);
    free(v);
    free(shifted);
    free(o);
    free(taps);
}

static void outputs_are_those_of_the_formulas(void **state) {
    static const struct test_mixer cases[] = {
        {"h3", 6, 9, 0, 1},
        {"h3:head_dim=3", 6, 9, 0, 1},
        {"h3:head_dim=1", 3, 1, 0, 1},
        {"h3:d_state=1", 4, 8, 0, 1},
        {"h3:d_state=40", 4, 9, 0, 1},
        {"h3:d_state=4:head_dim=4", 8, 30, 0, 1},
        {"h3:d_state=16", 2, 420, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_mixer_values(&cases[i], h3, 1e-10);
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
    const attn_real *b = test_numbers(&m, "shift.b"), *c = test_numbers(&m, "shift.c"), *step = test_numbers(&m, "ssm.log_step");
    for (int i = 0; i < 32 * 8; i++) assert_true(b[i] == (i < 8) && fabs(c[i]) <= 1 / sqrt(32.0));
    for (int g = 0; g < 4; g++) {
        assert_true(step[g] >= log(1e-3) && step[g] <= log(1e-1));
        for (int j = 0; j < 16; j++) {
            assert_true(fabs(test_numbers(&m, "ssm.log_decay")[g * 16 + j] - log(0.5)) < 1e-15);
            assert_true(fabs(test_numbers(&m, "ssm.frequency")[g * 16 + j] - acos(-1.0) * j) < 1e-12);
            assert_true(test_numbers(&m, "ssm.b")[2 * (g * 16 + j)] == 1 && test_numbers(&m, "ssm.b")[2 * (g * 16 + j) + 1] == 0);
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
