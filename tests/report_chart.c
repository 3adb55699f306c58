/* Charts of systems: as a plot, as files, on the page, and as attn bench stream writes them. */
#include "report/chart.h"
#include "report/page_claims.h"
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "support/shell.h"
#include "support/store.h"
#include "support/xml.h"
#include "system/aaren/cost_charts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATH = 160, OUTPUT = 1 << 14 };

/* Two lines with one place in common. */
static attn_status measure(attn_ctx *ctx, struct attn_chart_lines *out) {
    (void)ctx;
    *out = (struct attn_chart_lines){.at = {{.label = "a <line>", .count = 3, .x = {10, 100, 1000}, .y = {5, 50, 2e6}},
                                            {.label = "b", .count = 2, .x = {100, 300}, .y = {7, 7}}},
                                     .count = 2};
    return ATTN_OK;
}

static attn_status refuse(attn_ctx *ctx, struct attn_chart_lines *out) {
    (void)out;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "nothing to measure");
}

static const struct attn_chart charts[] = {{.name = "cost",
                                            .title = "Cost & size",
                                            .caption = "What it costs.",
                                            .x_label = "size",
                                            .y_label = "bytes",
                                            .log_x = true,
                                            .log_y = true,
                                            .at = {[ATTN_QUICK] = true},
                                            .measure = measure}};
static const struct attn_system one = {.name = "one", .charts = charts, .chart_count = 1};

static void a_chart_lists_its_places_once_and_in_order(void **state) {
    struct attn_chart_lines lines;
    static const double places[] = {10, 100, 300, 1000};
    double x[ATTN_CHART_LINES * ATTN_CHART_POINTS];
    (void)state;
    assert_int_equal(measure(test_ctx, &lines), ATTN_OK);
    assert_int_equal(attn_chart_places(&lines, x), 4);
    for (int i = 0; i < 4; i++) assert_true(x[i] == places[i]);
    assert_true(attn_chart_value(&lines.at[1], 300) == 7);
    assert_true(isnan(attn_chart_value(&lines.at[1], 10)));
}

static void a_record_has_the_point_and_what_it_is_of(void **state) {
    struct attn_chart_lines lines;
    struct attn_record record;
    char *text = NULL;
    size_t bytes = 0;
    (void)state;
    assert_int_equal(measure(test_ctx, &lines), ATTN_OK);
    attn_chart_record(&one, ATTN_QUICK, &charts[0], &lines.at[0], 2, &record);
    FILE *file = open_memstream(&text, &bytes);
    attn_json_line(file, &record);
    fclose(file);
    assert_string_equal(text, "{\"record\":\"point\",\"system\":\"one\",\"scale\":\"quick\",\"chart\":\"cost\",\"line\":\"a <line>\","
                              "\"x_label\":\"size\",\"y_label\":\"bytes\",\"x\":1000,\"y\":2000000}\n");
    free(text);
}

static void the_files_are_a_plot_and_its_numbers(void **state) {
    struct attn_chart_lines lines;
    char folder[64], figures[PATH], path[2 * PATH];
    (void)state;
    test_store_make(folder);
    snprintf(figures, sizeof figures, "%s/new", folder);
    assert_int_equal(measure(test_ctx, &lines), ATTN_OK);
    const attn_status status = attn_chart_write(test_ctx, &charts[0], &lines, figures);
    snprintf(path, sizeof path, "%s/cost.csv", figures);
    char *csv = test_read_file(path);
    assert_string_equal(csv, "line,size,bytes\na <line>,10,5\na <line>,100,50\na <line>,1000,2000000\nb,100,7\nb,300,7\n");
    free(csv);
    if (status == ATTN_OK) {
        snprintf(path, sizeof path, "%s/cost.svg", figures);
        char *svg = test_read_file(path);
        assert_null(test_xml_wrong(svg, NULL, NULL));
        assert_non_null(strstr(svg, "Cost &amp; size"));
        assert_non_null(strstr(svg, "a &lt;line&gt;: from 5 at 10 to 2e+06 at 1000."));
        assert_non_null(strstr(svg, "prefers-color-scheme: dark"));
        free(svg);
    } else {
        assert_int_equal(status, ATTN_EUNSUPPORTED); /* there is no gnuplot */
    }
    snprintf(figures, sizeof figures, "%s/new/cost.csv", folder);
    assert_int_not_equal(attn_chart_write(test_ctx, &charts[0], &lines, figures), ATTN_OK);
    test_store_remove(folder);
}

/* ----------------------------------------------------------------------------------------------------------------- page */

/* What the page has of a system's charts at a scale; freed by free. */
static char *page_of(const struct attn_system *system, enum attn_scale scale, attn_status *status) {
    const struct attn_reproduction r = {.system = system, .scale = scale};
    const struct attn_page_options options = {.title = "t"};
    char *text = NULL;
    size_t bytes = 0;
    struct attn_page page = {.ctx = test_ctx, .options = &options, .file = open_memstream(&text, &bytes)};
    page.stems = open_memstream(&page.stems_text, &page.stems_bytes);
    *status = attn_page_charts(&page, &r);
    fclose(page.file);
    fclose(page.stems);
    free(page.stems_text);
    return text;
}

static void the_page_has_it_where_its_scale_does(void **state) {
    attn_status status;
    (void)state;
    char *text = page_of(&one, ATTN_QUICK, &status);
    assert_int_equal(status, ATTN_OK);
    assert_non_null(strstr(text, "<h4>Cost &amp; size</h4>"));
    assert_non_null(strstr(text, "<figcaption>What it costs.</figcaption>"));
    assert_non_null(strstr(text, "a &lt;line&gt;</th><td class=\"n\">1000</td><td class=\"n\">2e+06</td>"));
    free(text);
    text = page_of(&one, ATTN_FULL, &status);
    assert_int_equal(status, ATTN_OK);
    assert_string_equal(text, "");
    free(text);
    struct attn_chart failing = charts[0];
    failing.measure = refuse;
    const struct attn_system other = {.name = "other", .charts = &failing, .chart_count = 1};
    text = page_of(&other, ATTN_QUICK, &status);
    assert_int_equal(status, ATTN_EUNSUPPORTED);
    free(text);
}

/* --------------------------------------------------------------------------------------------------------------- streams */

static void costs_become_a_line_of_bytes_and_two_of_seconds(void **state) {
    struct attn_aaren_cost cost[ATTN_CHART_POINTS + 1] = {{.tokens = 16, .state_bytes = 800, .seconds = 3, .attention_seconds = 2},
                                                          {.tokens = 32, .state_bytes = 900, .seconds = 5, .attention_seconds = 4}};
    struct attn_chart_lines bytes = {.count = 0}, seconds = {.count = 0};
    (void)state;
    attn_aaren_cost_chart("m", cost, 2, &bytes, &seconds);
    assert_int_equal(bytes.count, 1);
    assert_int_equal(seconds.count, 2);
    assert_int_equal(bytes.at[0].count, 2);
    assert_true(bytes.at[0].x[1] == 32 && bytes.at[0].y[1] == 900);
    assert_true(seconds.at[0].y[0] == 3 && seconds.at[1].y[0] == 2);
    assert_string_equal(seconds.at[1].label, "m, mixers");
    for (int i = 0; i < ATTN_CHART_LINES; i++) attn_aaren_cost_chart("more", cost, ATTN_CHART_POINTS + 1, &bytes, &seconds);
    assert_int_equal(bytes.count, ATTN_CHART_LINES); /* no more than there is room for */
    assert_int_equal(seconds.count, ATTN_CHART_LINES);
    assert_int_equal(bytes.at[1].count, ATTN_CHART_POINTS);
}

static void bench_stream_writes_what_it_measured(void **state) {
    static char output[OUTPUT];
    char folder[64], path[PATH];
    (void)state;
    test_store_make(folder);
    const int status =
        test_shell(folder, "$ATTN bench stream --tokens 40 --dim 8 --layers 1 --heads 2 --json --figures out", output, OUTPUT);
    snprintf(path, sizeof path, "%s/out/state.csv", folder);
    char *csv = test_read_file(path);
    assert_non_null(strstr(csv, "line,tokens,bytes of state\naaren:heads=2,16,"));
    assert_non_null(strstr(csv, "\nattention:heads=2,40,2560\n")); /* 2 of each channel and token, 4 bytes */
    free(csv);
    if (status != 0) assert_non_null(strstr(output, "gnuplot"));
    test_shell(folder, "$ATTN bench stream --tokens 40 --dim 8 --layers 1 --heads 2 --figures out/state.csv", output, OUTPUT);
    assert_non_null(strstr(output, "state.csv"));
    test_store_remove(folder);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chart_lists_its_places_once_and_in_order),
        cmocka_unit_test(a_record_has_the_point_and_what_it_is_of),
        cmocka_unit_test(the_files_are_a_plot_and_its_numbers),
        cmocka_unit_test(the_page_has_it_where_its_scale_does),
        cmocka_unit_test(costs_become_a_line_of_bytes_and_two_of_seconds),
        cmocka_unit_test(bench_stream_writes_what_it_measured),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
