/* Losses of times, and of the whole model: gradients against differences. */
#include "support/gradients.h"
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/events_loss.h"
#include "system/aaren/events_task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 6 };

static const double near[ROWS] = {-0.3, 0, 1.5, -2, 0.7, 3}, far[ROWS] = {-12, 14, -9, 11, -8, 16};
static const enum attn_event_target densities[ROWS], survivals[ROWS] = {1, 1, 2, 1, 2, 1}, mixed[ROWS] = {0, 1, 0, 2, 0, 0};

static attn_tensor *density_losses(attn_tensor *const *x) {
    return attn_event_time_losses(x[0], near, densities, false);
}
static attn_tensor *survival_losses(attn_tensor *const *x) {
    return attn_event_time_losses(x[0], near, survivals, false);
}
static attn_tensor *far_losses(attn_tensor *const *x) {
    return attn_event_time_losses(x[0], far, mixed, false);
}
/* Survival is far from both bounds, so that the clamp is not felt. */
static attn_tensor *clamped_losses(attn_tensor *const *x) {
    return attn_event_time_losses(x[0], near, survivals, true);
}
static attn_tensor *shared_losses(attn_tensor *const *x) {
    return attn_add(attn_event_time_losses(x[0], near, mixed, false), attn_sum_all(attn_square(x[0])));
}

static void gradients_of_losses_are_their_differences(void **state) {
    static const struct test_gradient_case cases[] = {
        {"densities", density_losses, {{ROWS, 9}}, 0, 0},       {"one component", density_losses, {{ROWS, 3}}, 0, 0},
        {"survival", survival_losses, {{ROWS, 24}}, 0, 0},      {"far out", far_losses, {{ROWS, 6}}, 0, 0},
        {"clamped, inside", clamped_losses, {{ROWS, 6}}, 1, 2}, {"added to", shared_losses, {{ROWS, 6}}, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) test_gradients(&cases[i]);
}

/* Beyond the bounds the value stays, and the gradient is that of a survival of the bound's size: S dlogS / 1e-5. */
static void the_clamp_passes_gradients_through(void **state) {
    static const double y[1] = {6};
    static const enum attn_event_target target[1] = {ATTN_EVENT_SURVIVAL};
    attn_ctx *ctx = test_context(1);
    attn_tape *tape;
    (void)state;
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    attn_tensor *p = attn_parameter(tape, 2, (int64_t[]){1, 3});
    attn_data(p)[1] = 0.5;
    double exact[3];
    for (int clamped = 0; clamped < 2; clamped++) {
        struct attn_log_normals m;
        attn_event_mixture(1, attn_data(p), &m);
        const double survival = attn_log_normals_survival(&m, y[0]);
        attn_tape_reset(tape);
        attn_tensor *loss = attn_event_time_losses(p, y, target, clamped == 1);
        assert_int_equal(attn_tape_backward(loss), ATTN_OK);
        assert_true(survival < log(1e-5));
        assert_true(fabs(attn_data(loss)[0] + (clamped ? log(1e-5) : survival)) < 1e-12);
        for (int i = 0; i < 3 && clamped; i++)
            assert_true(fabs(attn_grad(p)[i] - exact[i] * exp(survival) / 1e-5) <= 1e-12 * fabs(exact[i]));
        memcpy(exact, attn_grad(p), sizeof exact);
    }
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
}

static double loss_of(struct attn_job *job) {
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *loss = job->task->loss(job, 0, 0, 1);
    assert_non_null(loss);
    return (double)attn_data(loss)[0];
}

/* Every parameter, some of its elements. */
static void compare_gradients(struct attn_job *job, const char *words) {
    const double h = 1e-6;
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *loss = job->task->loss(job, 0, 0, 1);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    for (int64_t t = 0; t < attn_model_count(job->model); t++) {
        attn_tensor *x = attn_model_tensor(job->model, t);
        const int64_t step = attn_max64(1, attn_count(x) / 7);
        attn_real *gradient = malloc((size_t)attn_count(x) * sizeof *gradient);
        assert_non_null(gradient);
        memcpy(gradient, attn_grad(x), (size_t)attn_count(x) * sizeof *gradient);
        for (int64_t i = 0; i < attn_count(x); i += step) {
            const attn_real kept = attn_data(x)[i];
            attn_data(x)[i] = kept + h;
            const double above = loss_of(job);
            attn_data(x)[i] = kept - h;
            const double below = loss_of(job), want = (above - below) / (2 * h);
            attn_data(x)[i] = kept;
            /* roundings of losses of some hundreds, over 2 h, and h^2 times third derivatives */
            if (!(fabs(gradient[i] - want) <= 1e-6 * (1 + fabs(want))))
                fail_msg("%s: %s[%lld]: %.12g, by differences %.12g", words, attn_model_name(job->model, t), (long long)i, gradient[i],
                         want);
        }
        free(gradient);
        attn_tape_reset(attn_model_tape(job->model));
        assert_int_equal(attn_tape_backward(job->task->loss(job, 0, 0, 1)), ATTN_OK);
    }
}

static void gradients_of_the_whole_model_are_its_differences(void **state) {
    static const char small[] =
        "train_sequences=3 test_sequences=1 horizon=6 width=8 ffn=6 batch=3 dropout=0 components=3 hidden=5 mark_width=4";
    static const char *const ways[] = {"", "mixer=attention:heads=2", "encoder=gru", "mixer=aaren:heads=2 process=sine",
                                       "compat=true last=survival"};
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char words[512], text[1024];
        struct attn_job job;
        snprintf(words, sizeof words, "%s%s%s", small, ways[i][0] ? " " : "", ways[i]);
        struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_events, words);
        if (attn_job_open(ctx, &attn_aaren_events, recipe, NULL, 0, NULL, &job)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
        compare_gradients(&job, words);
        attn_job_close(&job);
        attn_free(ctx, recipe);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_losses_are_their_differences),
        cmocka_unit_test(the_clamp_passes_gradients_through),
        cmocka_unit_test(gradients_of_the_whole_model_are_its_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
