/* Figures by size against the sizes: which runs count, which figures are of the series, and the plot with the sizes that training covers. */
#include "report/drawings.h"
#include "report/page.h"
#include "support/store.h"
#include "support/xml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct attn_task task = {.name = "pointer/hull", .figure = "accuracy", .series = "accuracy", .series_axis = "points"};
static attn_ctx *ctx;
static char store[64];
static struct attn_run_list list;
static struct attn_report_runs runs;
static int made;

static int set_up(void **state) {
    (void)state;
    test_store_make(store);
    made = 0;
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    test_store_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

/* A run that is done, with these fields and figures. */
static void add(const char *fields, const char *figures) {
    char id[32], recipe[512], metrics[512];
    snprintf(id, sizeof id, "run%02d", made++);
    snprintf(recipe, sizeof recipe, "{\"task\":\"pointer/hull\",%s}\n", fields);
    snprintf(metrics, sizeof metrics, "{\"event\":\"start\",\"step\":0,\"steps\":4}\n{\"event\":\"done\",\"step\":4,\"seconds\":1,%s}\n",
             figures);
    test_store_run(store, id, recipe, metrics, NULL);
}

static void add_run(const char *model, double rate, int seed, double accuracy, double at_5, double at_10) {
    char fields[128], figures[160];
    snprintf(fields, sizeof fields, "\"model\":\"%s\",\"points\":\"5-10\",\"lr\":%g,\"seed\":%d", model, rate, seed);
    snprintf(figures, sizeof figures, "\"accuracy\":%g,\"accuracy_10\":%g,\"accuracy_5\":%g", accuracy, at_10, at_5);
    add(fields, figures);
}

static void open_runs(void) {
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
    assert_int_equal(runs.count, made);
}

static struct attn_panels series(bool lower) {
    struct attn_axes axes;
    struct attn_panels panels;
    assert_int_equal(attn_axes_choose_series(&runs, &axes), ATTN_OK);
    assert_int_equal(attn_axes_series(&runs, &axes, "accuracy", "accuracy", lower, &panels), ATTN_OK);
    assert_in_range(panels.count, 0, 1);
    return panels;
}

/* The line as "label x:y[low,high] x:y[low,high]". */
static void expect_line(const struct attn_panels *panels, int number, const char *expected) {
    char text[256] = "";
    assert_true(panels->count == 1 && number < panels->at[0].line_count);
    const struct attn_plot_line *l = &panels->at[0].line[number];
    attn_append(text, sizeof text, "%s", l->label);
    for (int64_t i = 0; i < l->count; i++) attn_append(text, sizeof text, " %g:%.6g[%.6g,%.6g]", l->x[i], l->y[i], l->low[i], l->high[i]);
    assert_string_equal(text, expected);
}

/* The rule of claims: the rate whose figure is the best, not that whose figure at a size is. */
static void of_each_seed_the_run_with_the_best_figure_counts_at_every_size(void **state) {
    (void)state;
    add_run("lstm", 0.1, 1, 0.5, 0.9, 0.3);
    add_run("lstm", 0.2, 1, 0.6, 0.7, 0.5);
    add_run("lstm", 0.1, 2, 0.7, 0.8, 0.6);
    add_run("lstm", 0.2, 2, 0.4, 0.5, 0.9);
    add_run("ptrnet", 0.1, 1, 0.9, 1, 0.8);
    add_run("ptrnet", 0.2, 1, 0.8, 0.1, 0.9);
    open_runs();
    struct attn_panels panels = series(false);
    assert_int_equal(panels.at[0].line_count, 2);
    expect_line(&panels, 0, "model=lstm 5:0.75[0.7,0.8] 10:0.55[0.5,0.6]");
    expect_line(&panels, 1, "model=ptrnet 5:1[1,1] 10:0.8[0.8,0.8]");
    attn_panels_free(ctx, &panels);
    panels = series(true);
    expect_line(&panels, 0, "model=lstm 5:0.7[0.5,0.9] 10:0.6[0.3,0.9]");
    attn_panels_free(ctx, &panels);
}

static void seeds_and_rates_alone_are_one_line(void **state) {
    (void)state;
    add_run("lstm", 0.1, 1, 0.5, 0.9, 0.3);
    open_runs();
    struct attn_panels panels = series(false);
    expect_line(&panels, 0, "run00 5:0.9[0.9,0.9] 10:0.3[0.3,0.3]");
    attn_panels_free(ctx, &panels);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    add_run("lstm", 0.1, 2, 0.5, 0.7, 0.5);
    open_runs();
    panels = series(false);
    expect_line(&panels, 0, "all runs 5:0.8[0.7,0.9] 10:0.4[0.3,0.5]");
    attn_panels_free(ctx, &panels);
}

static void only_figures_named_by_a_number_are_of_the_series(void **state) {
    (void)state;
    add("\"model\":\"lstm\"",
        "\"accuracy\":1,\"accuracy_20\":0.2,\"accuracy_3\":0.3,\"accuracy_5_wide\":5,\"accuracy_05\":6,\"accuracy_\":7,"
        "\"accuracys_8\":8,\"accuracy_-9\":9,\"accuracy_1e1\":10,\"accuracy_0\":11,\"accuracy_12345678901234567890\":12,"
        "\"area_7\":13,\"accuracy_100\":null");
    open_runs();
    struct attn_panels panels = series(false);
    expect_line(&panels, 0, "run00 3:0.3[0.3,0.3] 20:0.2[0.2,0.2]");
    attn_panels_free(ctx, &panels);
}

/* ------------------------------------------------------------------------------------------------------- drawings */

static const struct attn_drawing *series_drawn(struct attn_drawings *out, const struct attn_task *of) {
    assert_int_equal(attn_drawings_make(&runs, of, out), ATTN_OK);
    for (int i = 0; i < out->count; i++)
        if (strcmp(out->at[i].name, "pointer/hull-accuracy-by-test-points") == 0) return &out->at[i];
    return NULL;
}

static void sizes_that_training_covers_are_shaded(void **state) {
    struct attn_drawings drawings;
    (void)state;
    add_run("lstm", 0.1, 1, 0.5, 0.9, 0.3);
    add_run("ptrnet", 0.1, 1, 0.5, 0.9, 0.6);
    open_runs();
    const struct attn_drawing *d = series_drawn(&drawings, &task);
    assert_non_null(d);
    assert_string_equal(d->title, "accuracy against points of the tests");
    assert_string_equal(d->caption, "Training's examples have 5 to 10 points (shaded). ");
    assert_true(d->plot.band_low == 5 && d->plot.band_high == 10);
    assert_true(d->plot.line_count == 2 && !d->plot.line[0].low);
    attn_drawings_free(&drawings);
}

static void training_on_one_size_is_told_and_on_several_ranges_left_to_the_lines(void **state) {
    static const char figures[] = "\"accuracy\":1,\"accuracy_5\":1,\"accuracy_10\":1";
    struct attn_drawings drawings;
    (void)state;
    add("\"points\":\"50\"", figures);
    open_runs();
    const struct attn_drawing *d = series_drawn(&drawings, &task);
    assert_non_null(d);
    assert_string_equal(d->caption, "Training's examples have 50 points. ");
    assert_false(d->plot.band_low < d->plot.band_high);
    attn_drawings_free(&drawings);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    add("\"points\":\"5-10\"", figures);
    open_runs();
    d = series_drawn(&drawings, &task);
    assert_non_null(d);
    assert_string_equal(d->caption, "");
    assert_string_equal(d->plot.line[0].label, "points=5-10");
    attn_drawings_free(&drawings);
}

static void one_size_or_a_task_without_a_series_has_no_plot(void **state) {
    static const struct attn_task plain = {.name = "pointer/hull", .figure = "accuracy"};
    struct attn_drawings drawings;
    (void)state;
    add("\"points\":\"5\"", "\"accuracy\":1,\"accuracy_5\":1,\"accuracy_10\":null");
    open_runs();
    assert_null(series_drawn(&drawings, &task));
    attn_drawings_free(&drawings);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    add("\"points\":\"5-10\"", "\"accuracy\":1,\"accuracy_5\":1,\"accuracy_10\":1");
    open_runs();
    assert_null(series_drawn(&drawings, &plain));
    attn_drawings_free(&drawings);
}

/* Of the program's own task. */
static void the_plot_of_a_task_is_on_the_page_and_in_files(void **state) {
    char page[128], figures[128], path[256];
    bool plots;
    (void)state;
    add_run("lstm", 0.1, 1, 0.5, 0.9, 0.3);
    add_run("ptrnet", 0.1, 1, 0.5, 0.9, 0.6);
    open_runs();
    snprintf(page, sizeof page, "%s/page.html", store);
    snprintf(figures, sizeof figures, "%s/figures", store);
    const struct attn_page_options options = {.title = "Hulls", .path = page, .figures = figures};
    assert_int_equal(attn_page_write(&runs, &options, &plots), ATTN_OK);
    char *text = test_read_file(page);
    assert_null(test_xml_wrong(text, NULL, NULL));
    assert_non_null(strstr(text, "<h4>accuracy against points of the tests</h4>"));
    assert_non_null(strstr(text, "Training&#39;s examples have 5 to 10 points (shaded)."));
    free(text);
    snprintf(path, sizeof path, "%s/pointer-hull-accuracy-by-test-points.csv", figures);
    text = test_read_file(path);
    assert_string_equal(text, "line,points,accuracy\nmodel=lstm,5,0.9\nmodel=lstm,10,0.3\nmodel=ptrnet,5,0.9\nmodel=ptrnet,10,0.6\n");
    free(text);
    snprintf(path, sizeof path, "%s/pointer-hull-accuracy-by-test-points.svg", figures);
    assert_int_equal(access(path, R_OK) == 0, plots);
    if (!plots) return;
    text = test_read_file(path);
    assert_null(test_xml_wrong(text, NULL, NULL));
    assert_non_null(strstr(text, "fill-opacity=\"0.15"));
    free(text);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_each_seed_the_run_with_the_best_figure_counts_at_every_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seeds_and_rates_alone_are_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_figures_named_by_a_number_are_of_the_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_that_training_covers_are_shaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(training_on_one_size_is_told_and_on_several_ranges_left_to_the_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_size_or_a_task_without_a_series_has_no_plot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_plot_of_a_task_is_on_the_page_and_in_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
