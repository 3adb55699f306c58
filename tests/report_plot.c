/* Plots as gnuplot draws them: labels, and numbers at the axis that do not touch. */
#include "report/bars.h"
#include "report/plot.h"
#include "report/svg.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One line with points of y = 1 at these x, and its picture; NULL: there is no gnuplot. Freed by attn_free. */
static char *draw(const char *label, int count, const double *x, bool log_x) {
    struct attn_plot_line line;
    char *svg = NULL;
    size_t bytes;
    assert_int_equal(attn_plot_line_open(test_ctx, label, count, &line), ATTN_OK);
    for (int i = 0; i < count; i++) line.x[i] = x[i], line.y[i] = line.low[i] = line.high[i] = 1 + i;
    line.count = count;
    const struct attn_plot plot = {.x_label = "width",
                                   .y_label = "it's a figure",
                                   .log_x = log_x,
                                   .points = true,
                                   .y_low = (double)NAN,
                                   .y_high = (double)NAN,
                                   .line = &line,
                                   .line_count = 1};
    const attn_status status = attn_plot_svg(test_ctx, &plot, &svg, &bytes);
    attn_plot_line_close(test_ctx, &line);
    assert_true(status == ATTN_OK || status == ATTN_EUNSUPPORTED);
    return status ? NULL : svg;
}

static bool shows(const char *svg, const char *text) {
    char key[128];
    snprintf(key, sizeof key, ">%s<", text);
    return strstr(svg, key) != NULL;
}

static void numbers_at_the_axis_that_would_touch_are_left_out(void **state) {
    static const double x[] = {64, 1, 2, 3, 1000};
    (void)state;
    char *svg = draw("a", 5, x, false);
    if (!svg) skip();
    assert_true(shows(svg, "1") && shows(svg, "64") && shows(svg, "1000"));
    assert_false(shows(svg, "2") || shows(svg, "3"));
    attn_free(test_ctx, svg);
    svg = draw("a", 5, x, true);
    for (int i = 0; i < 5; i++) {
        char number[32];
        snprintf(number, sizeof number, "%g", x[i]);
        assert_true(shows(svg, number));
    }
    attn_free(test_ctx, svg);
}

/* From 5 to 50 with a margin: by itself gnuplot would go from 1 to 100. */
static void a_logarithmic_axis_ends_near_its_points(void **state) {
    static const double x[] = {5, 6, 8, 10, 12, 15, 20, 30, 50};
    double least = (double)INFINITY, most = 0;
    (void)state;
    char *svg = draw("a", 9, x, true);
    if (!svg) skip();
    for (int i = 0; i < 9; i++) {
        char number[32];
        snprintf(number, sizeof number, "%g", x[i]);
        assert_true(shows(svg, number));
    }
    for (const char *at = svg; (at = strstr(at, "<use xlink:href='#gpPt6' transform='translate(")); at++) {
        const double x_at = strtod(strchr(at, '(') + 1, NULL);
        least = fmin(least, x_at);
        most = fmax(most, x_at);
    }
    assert_true(most - least > 330); /* of a picture that is 480 wide */
    attn_free(test_ctx, svg);
}

static void quotes_and_long_labels_are_shown(void **state) {
    static const double x[] = {1, 2};
    (void)state;
    char *svg = draw("mixer='a'+baseconv:kernel=3+attention:heads=4+baseconv:kernel=-1+hyena", 2, x, false);
    if (!svg) skip();
    assert_true(strstr(svg, "it's a figure") || strstr(svg, "it&#39;s a figure") || strstr(svg, "it&apos;s a figure"));
    assert_non_null(strstr(svg, "mixer='a'+baseconv:kernel…baseconv:kernel=-1+hyena<"));
    attn_free(test_ctx, svg);
}

static void bars_without_values_or_with_wild_intervals_are_drawn(void **state) {
    const double none = (double)NAN, wide = (double)INFINITY;
    const struct attn_bar wild[] = {{"one seed", 0.5, -wide, wide, {0}, 0},
                                    {"two seeds", 0.5, -30, 31, {0.9, -0.2}, 2},
                                    {"missing", none, none, none, {0.99}, 1},
                                    {"negative", -0.1, -0.2, 0, {0}, 0}},
                          empty[] = {{"missing", none, none, none, {0}, 0}};
    const struct attn_bars all = {"accuracy", wild, 4}, nothing = {"accuracy", empty, 1};
    char *svg = NULL;
    size_t bytes;
    (void)state;
    const attn_status status = attn_bars_svg(test_ctx, &all, &svg, &bytes);
    if (status == ATTN_EUNSUPPORTED) skip();
    assert_int_equal(status, ATTN_OK);
    assert_true(shows(svg, "one seed") && shows(svg, "missing") && shows(svg, "accuracy"));
    assert_true(shows(svg, " 1") && !shows(svg, " 2") && !shows(svg, " 30")); /* intervals do not stretch the axis */
    attn_free(test_ctx, svg);
    assert_int_equal(attn_bars_svg(test_ctx, &nothing, &svg, &bytes), ATTN_OK);
    attn_free(test_ctx, svg);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_at_the_axis_that_would_touch_are_left_out),
        cmocka_unit_test(a_logarithmic_axis_ends_near_its_points),
        cmocka_unit_test(quotes_and_long_labels_are_shown),
        cmocka_unit_test(bars_without_values_or_with_wild_intervals_are_drawn),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
