/* Tables of papers on the page and as attn reproduce prints them, from a store that has all runs of Pointer Networks' quick scale. */
#include "report/page.h"
#include "support/shell.h"
#include "support/store.h"
#include "support/xml.h"
#include "system/pointer/pointer.h"
#include "train/reproduce.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 17, METRICS = 8192 };

static attn_ctx *ctx;
static char folder[64], runs_path[80];

/* Lengths n / 2 of n cities, and what others' tours of them are, which would be measured anew otherwise. */
static void put_tours(char *metrics, int n) {
    attn_append(metrics, METRICS, ",\"length_%d\":%g,\"ratio_%d\":1.25,\"optimal_%d\":%g,\"nearest_%d\":9", n, n / 2.0, n, n, n / 2.5, n);
    attn_append(metrics, METRICS, ",\"a1_%d\":8,\"a2_%d\":7,\"a3_%d\":6", n, n, n);
}

/* Of n points: shares .8 - .01 n, but the areas of the second arm's first seed and of all of the third's FAIL; or tours. */
static void put_figures(char *metrics, bool tours, int arm, int seed) {
    static const int sizes[] = {5, 6, 8, 10, 12, 15, 20, 30, 50};
    const double base = 0.8;
    attn_append(metrics, METRICS, "{\"event\":\"start\",\"step\":0,\"steps\":9,\"parameters\":100}\n");
    attn_append(metrics, METRICS, "{\"event\":\"done\",\"step\":9,\"seconds\":2,\"accuracy\":%.17g,\"ratio\":%.17g", base, 2 - base);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int n = sizes[i];
        char area[40];
        snprintf(area, sizeof area, "%.17g", base - 0.01 * n);
        if (tours) {
            put_tours(metrics, n);
            continue;
        }
        if (arm == 2 || (arm == 1 && seed == 0)) snprintf(area, sizeof area, "null");
        attn_append(metrics, METRICS, ",\"accuracy_%d\":%.17g,\"accuracy_%d_wide\":%.17g,\"area_%d\":%s,\"area_%d_wide\":%s", n,
                    base - 0.01 * n, n, base, n, area, n, area);
        attn_append(metrics, METRICS, ",\"simple_area_%d\":0.9,\"simple_area_%d_wide\":0.9", n, n);
    }
    attn_append(metrics, METRICS, "}\n");
}

static void add_experiment(const struct attn_experiment *e) {
    struct attn_sweep sweep;
    assert_int_equal(attn_experiment_recipes(ctx, e, 0, &sweep), ATTN_OK);
    const int each = (int)(sweep.count / e->arm_count);
    for (int i = 0; i < sweep.count; i++) {
        char id[128], metrics[METRICS] = "", *recipe = attn_recipe_text(attn_sweep_recipe(&sweep, i));
        assert_non_null(recipe);
        snprintf(id, sizeof id, "%s-%03d", e->name, i);
        put_figures(metrics, e->task->references != NULL, i / each, i % each);
        test_store_run(runs_path, id, recipe, metrics, NULL);
        attn_free(ctx, recipe);
    }
    attn_sweep_free(ctx, &sweep);
}

static int set_up(void **state) {
    struct attn_reproduction r;
    (void)state;
    test_store_make(folder);
    snprintf(runs_path, sizeof runs_path, "%s/runs", folder);
    if (mkdir(runs_path, 0777) != 0 || attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    assert_int_equal(attn_reproduction_open(ctx, &attn_system_pointer, ATTN_QUICK, 0, &r), ATTN_OK);
    for (int i = 0; i < r.count; i++) add_experiment(r.experiment[i]);
    attn_reproduction_close(ctx, &r);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(folder);
    attn_ctx_destroy(ctx);
    return 0;
}

static void expect(const char *text, const char *piece) {
    if (!strstr(text, piece)) fail_msg("expected \"%s\" in:\n%s", piece, text);
}

static void the_page_has_them_behind_the_claims_and_in_files(void **state) {
    struct attn_run_list list;
    struct attn_report_runs runs;
    char path[256], figures[128];
    bool plots;
    (void)state;
    snprintf(path, sizeof path, "%s/page.html", folder);
    snprintf(figures, sizeof figures, "%s/figures", folder);
    const struct attn_page_options options = {.title = "Runs", .path = path, .figures = figures};
    assert_int_equal(attn_store_list(ctx, runs_path, &list), ATTN_OK);
    assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
    assert_int_equal(attn_page_write(&runs, &options, &plots), ATTN_OK);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    char *page = test_read_file(path);
    assert_null(test_xml_wrong(page, NULL, NULL));
    const char *claims = strstr(page, "<h3>pointer, quick</h3>"), *table = strstr(page, "<caption>Table 1: ");
    assert_true(claims && table && claims < table);
    expect(table, "<tr><th scope=\"row\">Ptr-Net</th><td class=\"n\">5-50</td><td class=\"n\">5</td><td class=\"n\">92.0 %</td>"
                  "<td class=\"n\">99.6 %</td><td class=\"n\">-</td><td class=\"n\">-</td></tr>");
    expect(table, "<tr><th scope=\"row\">Ptr-Net</th><td class=\"n\">5-10</td><td class=\"n\">5</td><td class=\"n\">-</td>"
                  "<td class=\"n\">-</td><td class=\"n\">75.0 ± 0.0 %</td><td class=\"n\">75.0 ± 0.0 %</td></tr>");
    expect(table, "<td class=\"n\">FAIL 1 of ");
    expect(table, "<td class=\"n\">FAIL</td></tr>");
    expect(table, "<caption>Table 2: ");
    free(page);
    snprintf(path, sizeof path, "%s/pointer-table-1-quick.csv", figures);
    char *csv = test_read_file(path);
    expect(csv, "record,system,scale,table,method,trained n,n,accuracy,area,column,experiment,arm,figure,value,deviation,error,seeds,shown\n");
    expect(csv, "\ncell,pointer,quick,table-1,Ptr-Net,5-10,5,,,accuracy here,hulls,Ptr-Net,accuracy_5,0.75");
    free(csv);
}

static void reproduce_prints_them_behind_the_claims(void **state) {
    static char output[OUTPUT];
    (void)state;
    const int status = test_shell(folder, "$ATTN reproduce pointer --scale quick --quiet --store runs", output, OUTPUT);
    assert_true(status == 0 || status == 1); /* the figures are made up: claims may surprise */
    const char *claims = strstr(output, "constrained-tours-are-valid"), *table = strstr(output, "Table 1: ");
    assert_true(claims && table && claims < table);
    expect(table, "\nPtr-Net                      5-50    5    92.0 %  99.6 %              -             -\n");
    expect(table, "\nPtr-Net                      5-10    5         -       -   75.0 ± 0.0 %  75.0 ± 0.0 %\n");
    expect(table, "\n50 (A3)           n/a  6.46  5.84  5.79     6.09             -                  -"
                  "             -        -        -        -\n");
    expect(table, "\n5 (5-8)             -     -     -     -        -         2.500              1.250"
                  "         2.000    8.000    7.000    6.000\n");
}

static void as_json_each_measured_cell_is_a_record(void **state) {
    static char output[OUTPUT];
    int cells = 0, failing = 0;
    (void)state;
    test_shell(folder, "$ATTN reproduce pointer --scale quick --quiet --json --store runs", output, OUTPUT);
    for (char *at = output, *end; (end = strchr(at, '\n')); at = end + 1) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(line);
        const char *record = json_string_value(json_object_get(line, "record"));
        if (record && strcmp(record, "cell") == 0) {
            const bool failed = strncmp(json_string_value(json_object_get(line, "shown")), "FAIL", 4) == 0;
            assert_int_equal(json_is_null(json_object_get(line, "value")), failed);
            assert_true(json_integer_value(json_object_get(line, "seeds")) > 1);
            cells++;
            failing += failed;
        }
        json_decref(line);
    }
    assert_true(cells >= 36 && failing >= 4);
    test_shell(folder, "$ATTN reproduce pointer --scale quick --quiet --csv --store runs", output, OUTPUT);
    assert_null(strstr(output, "accuracy here"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_them_behind_the_claims_and_in_files),
        cmocka_unit_test(reproduce_prints_them_behind_the_claims),
        cmocka_unit_test(as_json_each_measured_cell_is_a_record),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
