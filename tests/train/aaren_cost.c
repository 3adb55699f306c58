/* What streams cost: bytes by their formulas, seconds that add up, slopes of known lines. Times are not judged here. */
#include "support/training.h"
#include "system/aaren/cost.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 8, LAYERS = 3, FIGURES = 3 };

static bool stop_mark;
static bool stopped(void) {
    return stop_mark;
}

static attn_status measure(const char *mixer, struct attn_aaren_cost cost[FIGURES], int *done) {
    static const int64_t tokens[FIGURES] = {1, 10, 300};
    const struct attn_aaren_cost_spec spec = {.mixer = mixer, .width = WIDTH, .ffn = 12, .layers = LAYERS, .seed = 3, .stopped = stopped};
    attn_ctx *ctx = test_context(1);
    for (int i = 0; i < FIGURES; i++) cost[i] = (struct attn_aaren_cost){.tokens = tokens[i]};
    const attn_status status = attn_aaren_cost_measure(ctx, &spec, cost, FIGURES, done);
    attn_ctx_destroy(ctx);
    return status;
}

static void check_times(const struct attn_aaren_cost cost[FIGURES]) {
    for (int i = 0; i < FIGURES; i++) {
        assert_true(cost[i].seconds > 0 && cost[i].attention_seconds > 0 && cost[i].token_seconds > 0);
        assert_true(i == 0 || (cost[i].seconds > cost[i - 1].seconds && cost[i].attention_seconds > cost[i - 1].attention_seconds));
    }
}

static void the_state_of_aaren_does_not_grow(void **state) {
    struct attn_aaren_cost cost[FIGURES];
    int done;
    (void)state;
    assert_int_equal(measure("aaren:heads=2", cost, &done), ATTN_OK);
    assert_int_equal(done, FIGURES);
    /* 264 bytes of numbers, and the allocator gives whole lines of 64 */
    for (int i = 0; i < FIGURES; i++) assert_int_equal(cost[i].state_bytes, (LAYERS * (2 * WIDTH + 3 * 2) * 4 + 63) / 64 * 64);
    for (int i = 0; i < FIGURES; i++) assert_int_equal(cost[i].working_bytes, cost[0].working_bytes);
    check_times(cost);
}

static void the_cache_has_two_numbers_of_each_layer_channel_and_token(void **state) {
    struct attn_aaren_cost cost[FIGURES];
    int done;
    (void)state;
    assert_int_equal(measure("attention:heads=2", cost, &done), ATTN_OK);
    for (int i = 0; i < FIGURES; i++) assert_int_equal(cost[i].state_bytes, 2 * LAYERS * WIDTH * 4 * cost[i].tokens);
    check_times(cost);
}

static void claims_of_bytes_hold(void **state) {
    double value;
    attn_ctx *ctx = test_context(1);
    (void)state;
    assert_int_equal(attn_aaren_check_state(ctx, &value), ATTN_OK);
    assert_true(value == 1);
    assert_int_equal(attn_aaren_check_cache(ctx, &value), ATTN_OK);
    assert_true(value == 1);
    attn_ctx_destroy(ctx);
}

static void stopping_leaves_no_figure_unsaid(void **state) {
    struct attn_aaren_cost cost[FIGURES];
    int done = -1;
    (void)state;
    stop_mark = true;
    assert_int_equal(measure("aaren:heads=2", cost, &done), ATTN_OK);
    stop_mark = false;
    assert_int_equal(done, 0);
}

static void a_mixer_that_is_none_is_refused(void **state) {
    struct attn_aaren_cost cost[FIGURES];
    int done;
    (void)state;
    assert_int_equal(measure("aarem", cost, &done), ATTN_EINVAL);
}

static void slopes_are_those_of_the_last_decade(void **state) {
    double x[12], y[12];
    (void)state;
    for (int i = 0; i < 12; i++) {
        x[i] = ldexp(1, i);
        y[i] = i < 8 ? 1 : 5 * pow(x[i], 1.75); /* 2048 / 10 = 204.8: from 256 on */
    }
    assert_true(fabs(attn_aaren_cost_slope(12, x, y) - 1.75) < 1e-12);
    assert_true(isnan(attn_aaren_cost_slope(1, x, y)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_of_aaren_does_not_grow),
        cmocka_unit_test(the_cache_has_two_numbers_of_each_layer_channel_and_token),
        cmocka_unit_test(claims_of_bytes_hold),
        cmocka_unit_test(stopping_leaves_no_figure_unsaid),
        cmocka_unit_test(a_mixer_that_is_none_is_refused),
        cmocka_unit_test(slopes_are_those_of_the_last_decade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
