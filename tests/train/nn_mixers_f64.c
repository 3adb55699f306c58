/* Mixers in double: gradients against differences, the form that goes token by token against the one for all at once. */
#include "support/mixers.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The result times fixed random numbers, summed, and the penalty. */
static attn_tensor *loss_of(struct test_mixer_model *m) {
    attn_tensor *penalty, *y = test_mixer_output(m, true, &penalty);
    attn_tensor *weights =
        attn_constant(attn_model_tape(m->model), attn_dims(y), (const int64_t[]){attn_size(y, 0), attn_size(y, 1), attn_size(y, 2)}, 0);
    assert_non_null(weights);
    attn_fill_uniform(weights, -1, 1, 23);
    attn_tensor *loss = attn_sum_all(attn_mul(y, weights));
    return penalty ? attn_add(loss, attn_affine(penalty, 3, 0)) : loss;
}

static double value_of(struct test_mixer_model *m) {
    attn_tensor *loss = loss_of(m);
    assert_non_null(loss);
    return attn_data(loss)[0];
}

/* Some elements of x: all where they are few. Returns the greatest difference. */
static double compare(struct test_mixer_model *m, attn_tensor *x, const char *name, const attn_real *gradient) {
    enum { MOST = 40 };
    const double h = 1e-5;
    const int64_t n = attn_count(x), step = n > MOST ? n / MOST : 1;
    double greatest = 0;
    for (int64_t i = 0; i < n; i += step) {
        const attn_real before = attn_data(x)[i];
        attn_data(x)[i] = before + h;
        const double above = value_of(m);
        attn_data(x)[i] = before - h;
        const double below = value_of(m);
        attn_data(x)[i] = before;
        const double difference = (above - below) / (2 * h), scale = fmax(1, fmax(fabs(difference), fmax(fabs(above), fabs(below))));
        if (!(fabs(gradient[i] - difference) <= 1e-7 * scale))
            fail_msg("%s (D %d, T %d): %s[%d]: gradient %.12g, difference %.12g", m->what->text, (int)m->what->width, (int)m->what->length,
                     name, (int)i, gradient[i], difference);
        greatest = fmax(greatest, fabs(difference));
    }
    return greatest;
}

static void gradients_of_every_parameter_and_of_the_input_are_their_differences(void **state) {
    attn_ctx *ctx;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int i = 0; i < test_mixers_count; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &test_mixers[i], 0.4);
        const int64_t count = attn_model_count(m.model);
        attn_real *gradient[65];
        assert_true(count <= 64);
        if (attn_tape_backward(loss_of(&m))) fail_msg("%s: backward failed", m.what->text);
        for (int64_t p = 0; p <= count; p++) {
            attn_tensor *x = p < count ? attn_model_tensor(m.model, p) : m.u;
            gradient[p] = malloc((size_t)attn_count(x) * sizeof **gradient);
            assert_non_null(gradient[p]);
            memcpy(gradient[p], attn_grad(x), (size_t)attn_count(x) * sizeof **gradient);
        }
        for (int64_t p = 0; p <= count; p++) {
            attn_tensor *x = p < count ? attn_model_tensor(m.model, p) : m.u;
            const char *name = p < count ? attn_model_name(m.model, p) : "u";
            const double greatest = compare(&m, x, name, gradient[p]);
            if (m.what->length > 1 && !(greatest > 1e-4)) fail_msg("%s: %s has no effect that could be compared", m.what->text, name);
            free(gradient[p]);
        }
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

static void step_by_step(struct test_mixer_model *m, const attn_real *all) {
    const int64_t tokens = m->what->length, width = m->what->width, size = attn_mixer_state(m->mixer, tokens);
    attn_tape *tape = attn_model_tape(m->model);
    attn_real *state = calloc((size_t)(TEST_MIXER_BATCH * size) + 1, sizeof *state);
    assert_non_null(state);
    for (int64_t i = 0; i < tokens; i++) {
        int32_t token[TEST_MIXER_BATCH];
        attn_tape_reset(tape);
        for (int64_t b = 0; b < TEST_MIXER_BATCH; b++) token[b] = m->tokens[b * tokens + i];
        attn_mixer_call call = {.u = attn_contiguous(attn_narrow(m->u, 1, i, 1)), .tokens = token};
        attn_tensor *y = attn_mixer_step(m->mixer, &call, state, tokens, i);
        if (!y) fail_msg("%s: step %d failed", m->what->text, (int)i);
        for (int64_t b = 0; b < TEST_MIXER_BATCH; b++)
            for (int64_t c = 0; c < width; c++) {
                const double one = attn_data(y)[b * width + c], both = all[(b * tokens + i) * width + c];
                if (!(fabs(one - both) <= 1e-10 * fmax(1, fabs(both))))
                    fail_msg("%s: token %d, channel %d: %.15g alone, %.15g among all", m->what->text, (int)i, (int)c, one, both);
            }
    }
    free(state);
}

static void token_by_token_gives_what_all_at_once_gives(void **state) {
    attn_ctx *ctx;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int i = 0; i < test_mixers_count; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &test_mixers[i], 0.4);
        attn_tape_record(attn_model_tape(m.model), false);
        if (attn_mixer_state(m.mixer, m.what->length) >= 0) {
            attn_tensor *y = test_mixer_output(&m, false, NULL);
            attn_real *all = malloc((size_t)attn_count(y) * sizeof *all);
            assert_non_null(all);
            memcpy(all, attn_data(y), (size_t)attn_count(y) * sizeof *all);
            step_by_step(&m, all);
            free(all);
        }
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_every_parameter_and_of_the_input_are_their_differences),
        cmocka_unit_test(token_by_token_gives_what_all_at_once_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
