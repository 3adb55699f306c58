/* The reader of metrics.jsonl: resumed runs, hostile lines, many lines; and curves thinned out. */
#include "report/curves.h"
#include "support/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 100000 };

static attn_ctx *ctx;
static char store[64];
static struct attn_curves curves;

static int set_up(void **state) {
    (void)state;
    test_store_make(store);
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static void read_metrics(const char *metrics) {
    char folder[128];
    test_store_run(store, "run", NULL, metrics, NULL);
    snprintf(folder, sizeof folder, "%s/run", store);
    assert_int_equal(attn_curves_read(ctx, folder, &curves), ATTN_OK);
}

/* The curve as "step:value step:value". */
static void expect(const char *name, bool evaluation, const char *points) {
    char text[512] = "";
    const struct attn_curve *c = attn_curves_named(&curves, name, evaluation);
    for (int64_t i = 0; c && i < c->count; i++) attn_append(text, sizeof text, "%s%g:%g", i > 0 ? " " : "", c->step[i], c->value[i]);
    assert_string_equal(text, points);
}

#define START            "{\"event\":\"start\",\"step\":0,\"steps\":9}\n"
#define STEP(s, v)       "{\"event\":\"step\",\"step\":" #s ",\"loss\":" #v ",\"rate\":0.5}\n"
#define EVALUATION(s, v) "{\"event\":\"evaluation\",\"step\":" #s ",\"loss\":" #v "}\n"
#define RESUME(s)        "{\"event\":\"resume\",\"step\":" #s "}\n"

static void every_number_of_steps_and_evaluations_is_a_curve(void **state) {
    (void)state;
    read_metrics(START STEP(1, 4) STEP(2, 3) EVALUATION(2, 3.5) STEP(3, 2) "{\"event\":\"done\",\"step\":3,\"loss\":9}\n");
    expect("loss", false, "1:4 2:3 3:2");
    expect("rate", false, "1:0.5 2:0.5 3:0.5");
    expect("loss", true, "2:3.5");
    expect("step", false, "");
    expect("accuracy", true, "");
    attn_curves_free(ctx, &curves);
}

static void steps_beyond_a_resume_are_void(void **state) {
    (void)state;
    read_metrics(START STEP(1, 4) STEP(2, 3) EVALUATION(2, 1) STEP(3, 7) EVALUATION(4, 2) STEP(4, 8) RESUME(2) STEP(3, 2) STEP(4, 1));
    expect("loss", false, "1:4 2:3 3:2 4:1");
    expect("loss", true, "2:1");
    attn_curves_free(ctx, &curves);
    read_metrics(START STEP(1, 4) STEP(2, 3) RESUME(2) STEP(3, 2) RESUME(1) RESUME(1) STEP(2, 9) RESUME(5) STEP(6, 5));
    expect("loss", false, "1:4 2:9 6:5");
    attn_curves_free(ctx, &curves);
    read_metrics(START STEP(1, 4) STEP(2, 3) RESUME(0) STEP(1, 8)); /* stopped before its first checkpoint */
    expect("loss", false, "1:8");
    attn_curves_free(ctx, &curves);
    read_metrics(START STEP(1, 4) START STEP(1, 5) STEP(2, 6));
    expect("loss", false, "1:5 2:6");
    attn_curves_free(ctx, &curves);
    read_metrics(START STEP(5, 4) STEP(6, 3) STEP(5, 1)); /* steps rise without a word too */
    expect("loss", false, "5:1");
    attn_curves_free(ctx, &curves);
}

static void what_is_no_line_of_an_event_is_passed_over(void **state) {
    (void)state;
    read_metrics(
        "\n\0x\n{}\n[]\nnull\n{\"event\":5,\"step\":1,\"loss\":1}\n{\"event\":\"step\",\"loss\":1}\n{\"event\":\"step\",\"step\":\"1\","
        "\"loss\":1}\n"
        "{\"event\":\"step\",\"step\":1,\"loss\":NaN}\n{\"event\":\"step\",\"step\":1,\"loss\":1e999}\n{\"event\":\"step\",\"step\":1e999,"
        "\"loss\":1}\n" STEP(
            1,
            4) "{\"event\":\"step\",\"step\":2,\"loss\":null,\"rate\":\"x\",\"other\":[1]}\n{\"event\":\"strange\",\"step\":7,\"loss\":7}\n"
               "{\"event\":\"step\",\"step\":1e300,\"loss\":-1e300}\n{\"event\":\"step\",\"step\":3,\"loss\":2}");
    expect("loss", false, "");
    attn_curves_free(ctx, &curves);
    read_metrics("{\"event\":\"step\",\"step\":1,\"loss\":NaN}\n{\"event\":\"step\",\"step\":1,\"loss\":1e999}\n" STEP(
        1, 4) "{\"event\":\"step\",\"step\":2,\"loss\":null,\"rate\":\"x\",\"other\":[1]}\n{\"event\":\"strange\",\"step\":7,\"loss\":7}\n"
              "{\"event\":\"step\",\"step\":1e300,\"loss\":-1e300}\n{\"event\":\"step\",\"step\":3,\"loss\":2}");
    expect("loss", false, "1:4 1e+300:-1e+300");
    attn_curves_free(ctx, &curves);
}

static void more_names_than_there_is_room_for_are_left_out(void **state) {
    char metrics[8192] = "{\"event\":\"step\",\"step\":1";
    (void)state;
    for (int i = 0; i < 3 * ATTN_CURVES; i++) attn_append(metrics, sizeof metrics, ",\"n%d\":%d", i, i);
    attn_append(metrics, sizeof metrics, ",\"%0100d\":1}\n", 7);
    read_metrics(metrics);
    assert_int_equal(curves.count, ATTN_CURVES);
    expect("n7", false, "1:7");
    attn_curves_free(ctx, &curves);
}

static void a_missing_file_is_told(void **state) {
    (void)state;
    assert_int_equal(attn_curves_read(ctx, "/nowhere/run", &curves), ATTN_EINVAL);
}

static void many_lines_are_read_and_thinned_without_losing_a_peak(void **state) {
    static double step[1000], value[1000];
    char *metrics = malloc(64 * (size_t)MANY);
    size_t n = 0;
    double least = (double)INFINITY, greatest = -(double)INFINITY;
    (void)state;
    assert_non_null(metrics);
    for (int i = 1; i <= MANY; i++)
        n += (size_t)sprintf(metrics + n, "{\"event\":\"step\",\"step\":%d,\"loss\":%d}\n", i,
                             i == 77777   ? -500
                             : i == 33333 ? 900
                                          : i % 100);
    read_metrics(metrics);
    const struct attn_curve *c = attn_curves_named(&curves, "loss", false);
    assert_int_equal(c->count, MANY);
    const int64_t count = attn_curve_thin(c, 1000, step, value);
    assert_true(count > 900 && count <= 1000);
    for (int64_t i = 0; i < count; i++) {
        least = fmin(least, value[i]);
        greatest = fmax(greatest, value[i]);
        if (i > 0) assert_true(step[i] > step[i - 1]);
        assert_true(value[i] == c->value[(int64_t)step[i] - 1]);
    }
    assert_true(least == -500 && greatest == 900);
    attn_curves_free(ctx, &curves);
    free(metrics);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_steps_and_evaluations_is_a_curve),
        cmocka_unit_test(steps_beyond_a_resume_are_void),
        cmocka_unit_test(what_is_no_line_of_an_event_is_passed_over),
        cmocka_unit_test(more_names_than_there_is_room_for_are_left_out),
        cmocka_unit_test(a_missing_file_is_told),
        cmocka_unit_test(many_lines_are_read_and_thinned_without_losing_a_peak),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
