/* Tables of papers: what a cell shows of an arm's runs, which rows a scale shows, and that Pointer Networks' tables name what their experiments measure. */
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/pointer/pointer.h"
#include "train/paper_table.h"

#include <math.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 4, SHARE = 2, NUMBER = 3 /* columns that are measured */ };

static const struct attn_arm arms[] = {{"net", {NULL}}, {"other", {NULL}}};
static const struct attn_experiment quick = {
    .name = "quick-one", .title = "t", .task = &attn_pointer_hull, .arms = arms, .arm_count = 2, .seeds = 3};
static const struct attn_experiment full = {
    .name = "full-one", .title = "t", .task = &attn_pointer_hull, .arms = arms, .arm_count = 2, .seeds = 3};
static const struct attn_paper_column columns[] = {
    {"n", ATTN_PAPER_TEXT}, {"area", ATTN_PAPER_TEXT}, {"area here", ATTN_PAPER_PERCENT}, {"length here", ATTN_PAPER_NUMBER}};
#define MEASURED(arm_)                                                                                                                     \
    [SHARE] = {.arm = arm_, .figure = "area_5", .failing = "simple_area_5"}, [NUMBER] = {.arm = arm_, .figure = "length_5"}
static const struct attn_paper_row rows[ROWS] = {
    {.cell = {{.text = "5"}, {.text = "99.9 %"}}, .paper = true},
    {.cell = {{.text = "5"}, MEASURED("net")}, .at = {[ATTN_QUICK] = &quick, [ATTN_FULL] = &full}},
    {.cell = {{.text = "7"}, {.text = "FAIL"}, MEASURED("other")}, .at = {[ATTN_FULL] = &full}, .paper = true},
    {.cell = {{.text = "9"}, MEASURED("nobody")}, .at = {[ATTN_FULL] = &full}},
};
static const struct attn_paper_table table = {
    .name = "table-1", .title = "Table 1", .columns = columns, .column_count = 4, .rows = rows, .row_count = ROWS};
static const struct attn_system one = {.name = "one", .tables = &table, .table_count = 1};

/* A reproduction at a scale whose arm "net" has these figures of its seeds, and "other" none. */
static struct attn_reproduction r;
static struct attn_arm_result results[2];

static void set_seed(int seed, double figure, double area, double simple, double length) {
    struct attn_arm_result *net = &results[0];
    net->figure[seed] = figure;
    attn_figures_add(&net->figures[seed], "area_5", area);
    attn_figures_add(&net->figures[seed], "simple_area_5", simple);
    attn_figures_add(&net->figures[seed], "length_5", length);
}

static int set_up(void **state) {
    (void)state;
    r = (struct attn_reproduction){.system = &one, .scale = ATTN_QUICK, .experiment = {&quick}, .result = {results}, .count = 1};
    memset(results, 0, sizeof results);
    for (int i = 0; i < 2; i++)
        for (int seed = 0; seed < ATTN_CLAIM_SEEDS; seed++) results[i].figure[seed] = (double)NAN;
    results[0].interval.count = results[1].interval.count = 3;
    results[0].done = 1;
    return 0;
}

static struct attn_paper_value value_of(int row, int column) {
    struct attn_paper_value value;
    attn_paper_value(&r, &table, row, column, &value);
    return value;
}

static void expect(int row, int column, const char *shown) {
    assert_string_equal(value_of(row, column).shown, shown);
}

/* ----------------------------------------------------------------------------------------------------------- cells */

static void a_measured_cell_is_the_mean_over_seeds_with_its_standard_error(void **state) {
    (void)state;
    set_seed(0, 1, 0.91, 0.91, 2.125);
    set_seed(1, 1, 0.92, 0.92, 2.126);
    set_seed(2, 1, 0.96, 0.96, 2.133);
    const struct attn_paper_value share = value_of(1, SHARE), number = value_of(1, NUMBER);
    const double deviation = sqrt((0.02 * 0.02 + 0.01 * 0.01 + 0.03 * 0.03) / 2); /* of .91, .92, .96 about .93 */
    assert_true(fabs(share.value - 0.93) < 1e-15);
    assert_true(fabs(share.error - deviation / sqrt(3)) < 1e-15);
    assert_true(fabs(share.deviation - deviation) < 1e-15);
    assert_int_equal(share.seeds, 3);
    assert_string_equal(share.shown, "93.0 ± 1.5 %");
    assert_true(fabs(number.value - 2.128) < 1e-15);
    assert_string_equal(number.shown, "2.128");
}

static void one_seed_has_no_error(void **state) {
    (void)state;
    results[0].interval.count = 1;
    set_seed(0, 1, 0.876, 0.876, 2.5);
    assert_true(isnan(value_of(1, SHARE).error));
    expect(1, SHARE, "87.6 %");
    expect(1, NUMBER, "2.500");
}

static void a_figure_that_is_missing_by_the_papers_rule_fails(void **state) {
    const double none = (double)NAN;
    (void)state;
    for (int seed = 0; seed < 3; seed++) set_seed(seed, 1, none, 0.9, 2);
    expect(1, SHARE, "FAIL");
    assert_true(isnan(value_of(1, SHARE).value));
    set_up(NULL);
    for (int seed = 0; seed < 3; seed++) set_seed(seed, 1, seed == 1 ? none : 0.9, 0.9, 2);
    expect(1, SHARE, "FAIL 1 of 3");
}

/* As a dictionary of 10 points has no figure of 15. */
static void a_figure_that_the_runs_have_not_is_not_measured(void **state) {
    const double none = (double)NAN;
    (void)state;
    for (int seed = 0; seed < 3; seed++) set_seed(seed, 1, none, none, none);
    expect(1, SHARE, "-");
    expect(1, NUMBER, "-");
}

static void a_seed_without_its_runs_leaves_the_cell_open(void **state) {
    (void)state;
    expect(1, SHARE, "incomplete");
    set_seed(0, 1, 0.9, 0.9, 2);
    set_seed(1, 1, 0.9, 0.9, 2);
    expect(1, SHARE, "incomplete");
    assert_true(isnan(value_of(1, SHARE).value));
}

static void an_arm_of_which_nothing_has_run_is_not_run(void **state) {
    (void)state;
    results[0].done = 0;
    expect(1, SHARE, "not run");
    assert_true(isnan(value_of(1, SHARE).value));
    results[0].failed = 1;
    expect(1, SHARE, "incomplete");
}

static void texts_are_shown_as_they_are_and_nothing_as_a_dash(void **state) {
    (void)state;
    expect(0, 0, "5");
    expect(0, 1, "99.9 %");
    expect(1, 1, "-");
    expect(0, SHARE, "-");
    expect(2, NUMBER, "-");
    assert_int_equal(value_of(0, SHARE).seeds, 0);
}

/* ------------------------------------------------------------------------------------------------------------ rows */

static void a_scale_shows_the_papers_rows_and_those_that_it_measures(void **state) {
    static const bool shown[][ROWS] = {[ATTN_QUICK] = {true, true, true, false}, [ATTN_FULL] = {true, true, true, true}};
    (void)state;
    for (int row = 0; row < ROWS; row++) assert_int_equal(attn_paper_shows(&r, &table, row), shown[ATTN_QUICK][row]);
    r.scale = ATTN_FULL;
    r.experiment[0] = &full;
    for (int row = 0; row < ROWS; row++) assert_int_equal(attn_paper_shows(&r, &table, row), shown[ATTN_FULL][row]);
    expect(3, SHARE, "-"); /* the experiment has no such arm */
    assert_true(attn_paper_measured(&r, &table));
    r.scale = ATTN_NIGHT;
    assert_false(attn_paper_measured(&r, &table));
    assert_false(attn_paper_shows(&r, &table, 1));
    r.scale = ATTN_FULL;
    r.count = 0; /* as where the data are not here */
    assert_false(attn_paper_measured(&r, &table));
    expect(1, SHARE, "-");
}

static void tables_bring_their_experiments_each_once(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_reproduction opened;
    (void)state;
    assert_int_equal(attn_reproduction_open(ctx, &one, ATTN_FULL, 0, &opened), ATTN_OK);
    assert_int_equal(opened.count, 1);
    assert_ptr_equal(opened.experiment[0], &full);
    attn_reproduction_close(ctx, &opened);
    assert_int_equal(attn_reproduction_open(ctx, &one, ATTN_SMOKE, 0, &opened), ATTN_OK);
    assert_int_equal(opened.count, 0);
    attn_reproduction_close(ctx, &opened);
    attn_ctx_destroy(ctx);
}

static const char *text_of(const struct attn_record *record, const char *name) {
    for (int i = 0; i < record->count; i++)
        if (strcmp(record->field[i].name, name) == 0) return record->field[i].text;
    fail_msg("no %s", name);
    return NULL;
}

static void a_record_tells_the_row_and_what_was_measured(void **state) {
    struct attn_paper_value value;
    struct attn_record record;
    (void)state;
    for (int seed = 0; seed < 3; seed++) set_seed(seed, 1, 0.5, 0.5, 2);
    assert_true(attn_paper_record(&r, &table, 1, SHARE, &value, &record));
    assert_string_equal(text_of(&record, "record"), "cell");
    assert_string_equal(text_of(&record, "scale"), "quick");
    assert_string_equal(text_of(&record, "table"), "table-1");
    assert_string_equal(text_of(&record, "n"), "5");
    assert_null(text_of(&record, "area"));
    assert_string_equal(text_of(&record, "column"), "area here");
    assert_string_equal(text_of(&record, "experiment"), "quick-one");
    assert_string_equal(text_of(&record, "arm"), "net");
    assert_string_equal(text_of(&record, "shown"), "50.0 ± 0.0 %");
    assert_false(attn_paper_record(&r, &table, 1, 0, &value, &record));
    assert_false(attn_paper_record(&r, &table, 0, SHARE, &value, &record));
    assert_false(attn_paper_record(&r, &table, 2, SHARE, &value, &record));
}

/* -------------------------------------------------------------------------------------------------- tables of a task */

static const struct attn_arm found_arms[] = {{"first", {NULL}}, {"second", {NULL}}};
static const struct attn_experiment others = {
    .name = "others", .title = "t", .task = &attn_pointer_hull, .arms = found_arms, .arm_count = 2, .seeds = 3};
static const struct attn_experiment long_one = {
    .name = "long", .title = "t", .task = &attn_aaren_forecast, .arms = found_arms, .arm_count = 2, .seeds = 3};
static const struct attn_experiment short_one = {
    .name = "short", .title = "t", .task = &attn_aaren_forecast, .arms = found_arms, .arm_count = 2, .seeds = 3};
static const struct attn_paper_column found_columns[] = {
    {"set", ATTN_PAPER_TEXT}, {"Aaren", ATTN_PAPER_SPREAD}, {"Transformer", ATTN_PAPER_SPREAD_SCORE}, {"any", ATTN_PAPER_SPREAD_PERCENT}};
#define FOUND                                                                                                                              \
    [1] = {.figure = "test_mse", .where = {"mixer=aaren"}}, [2] = {.figure = "test_mse", .where = {"mixer=attention"}},                    \
    [3] = {.figure = "test_mse"}
enum { NONE, SHORT, LONG, GENERATED, FOUND_ROWS };
static const struct attn_paper_row found_rows[FOUND_ROWS] = {
    [NONE] = {.cell = {{.text = "none"}, FOUND}, .where = {"data=ETTh"}, .paper = true},
    [SHORT] = {.cell = {{.text = "short"}, FOUND}, .where = {"data=ETTh1", "horizon=96"}},
    [LONG] = {.cell = {{.text = "long"}, FOUND}, .where = {"data=ETTh1", "horizon=720"}},
    [GENERATED] = {.cell = {{.text = "generated"}, FOUND}, .where = {"data="}},
};
static const struct attn_paper_table found_table = {.name = "found",
                                                    .title = "t",
                                                    .task = &attn_aaren_forecast,
                                                    .columns = found_columns,
                                                    .column_count = 4,
                                                    .rows = found_rows,
                                                    .row_count = FOUND_ROWS};
static struct attn_arm_result found_results[3][2];

/* An arm with these words of which two seeds gave these figures; done 0: it has not run. */
static void set_found(attn_ctx *ctx, int experiment, int arm, const char *words, int64_t done, double a, double b) {
    struct attn_arm_result *to = &found_results[experiment][arm];
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_forecast, words);
    memset(to, 0, sizeof *to);
    to->recipe = *recipe;
    to->done = done;
    to->interval.count = 2;
    for (int i = 0; i < 2; i++) {
        to->figure[i] = done > 0 ? 1 : (double)NAN;
        attn_figures_add(&to->figures[i], "test_mse", i == 0 ? a : b);
    }
    attn_free(ctx, recipe);
}

static int set_up_found(void **state) {
    attn_ctx *ctx = test_context(1);
    (void)state;
    r = (struct attn_reproduction){.system = &one,
                                   .scale = ATTN_QUICK,
                                   .experiment = {&others, &long_one, &short_one},
                                   .result = {found_results[0], found_results[1], found_results[2]},
                                   .count = 3};
    memset(found_results[0], 0, sizeof found_results[0]);
    set_found(ctx, 1, 0, "data=/data/ett/ETTh1.csv horizon=720 mixer=aaren:heads=4", 2, 0.5, 0.52);
    set_found(ctx, 1, 1, "data=/data/ett/ETTh1.csv horizon=720 mixer=attention", 0, 0, 0);
    set_found(ctx, 2, 0, "data=ETTh1.csv.gz mixer=attention:heads=4", 2, 40.1, 44.3);
    set_found(ctx, 2, 1, "data=ETTh1.csv.gz mixer=attention:heads=8", 2, 1, 1);
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_paper_value found_value(int row, int column) {
    struct attn_paper_value value;
    attn_paper_value(&r, &found_table, row, column, &value);
    return value;
}

static void cells_of_a_task_find_arms_by_their_recipes(void **state) {
    (void)state;
    struct attn_paper_value value = found_value(LONG, 1);
    assert_string_equal(value.shown, "0.510 ± 0.014");
    assert_true(fabs(value.deviation - 0.02 / sqrt(2)) < 1e-15 && fabs(value.error - 0.01) < 1e-15);
    assert_string_equal(value.experiment, "long");
    assert_string_equal(value.arm, "first");
    value = found_value(SHORT, 2); /* the first of two that meet the conditions */
    assert_string_equal(value.shown, "42.2 ± 3.0");
    assert_string_equal(value.experiment, "short");
    assert_string_equal(found_value(SHORT, 3).shown, "4220.0 ± 297.0");
    attn_ctx *ctx = test_context(1);
    set_found(ctx, 2, 0, "data=ETTh1.csv.gz mixer=attention", 2, 966480.0, 966490.0);
    attn_ctx_destroy(ctx);
    assert_string_equal(found_value(SHORT, 2).shown, "966485 ± 7"); /* great numbers have no digits behind the point */
    found_results[2][0].interval.count = 1;
    assert_string_equal(found_value(SHORT, 2).shown, "966480");
}

static void of_arms_that_meet_the_conditions_the_first_that_has_run_counts(void **state) {
    (void)state;
    assert_string_equal(found_value(LONG, 3).arm, "first");
    found_results[2][0].done = 0;
    assert_string_equal(found_value(SHORT, 2).arm, "second");
    found_results[2][1].done = 0;
    assert_string_equal(found_value(SHORT, 2).arm, "first");
    assert_string_equal(found_value(SHORT, 2).shown, "not run");
}

static void cells_of_a_task_without_runs_say_so(void **state) {
    (void)state;
    assert_string_equal(found_value(LONG, 2).shown, "not run");  /* the arm is there, its runs are not */
    assert_string_equal(found_value(SHORT, 1).shown, "not run"); /* there is no such arm */
    assert_string_equal(found_value(NONE, 3).shown, "not run");  /* a name that only begins alike is another */
    assert_null(found_value(NONE, 3).arm);
    assert_int_equal(found_value(NONE, 3).seeds, 0);
}

static void rows_of_a_task_are_shown_where_an_experiment_has_their_arms(void **state) {
    (void)state;
    assert_true(attn_paper_measured(&r, &found_table));
    assert_true(attn_paper_shows(&r, &found_table, NONE)); /* the paper's */
    assert_true(attn_paper_shows(&r, &found_table, SHORT));
    assert_true(attn_paper_shows(&r, &found_table, LONG));
    assert_false(attn_paper_shows(&r, &found_table, GENERATED));
    r.count = 1; /* of another task */
    assert_false(attn_paper_measured(&r, &found_table));
}

/* ----------------------------------------------------------------------------------------- of Pointer Networks' own */

static int arm_named(const struct attn_experiment *e, const char *name) {
    for (int i = 0; i < e->arm_count; i++)
        if (strcmp(e->arms[i].name, name) == 0) return i;
    fail_msg("%s has no arm '%s'", e->name, name);
    return 0;
}

/* A figure of N points, "length_10" or "length_10_wide", is measured where the test_points of the arm name N. */
static void expect_tested(attn_ctx *ctx, const struct attn_experiment *e, const char *arm, const char *figure) {
    char key[32], list[256];
    struct attn_sweep sweep;
    const char *number = strchr(figure, '_');
    while (number && !isdigit((unsigned char)number[1])) number = strchr(number + 1, '_');
    assert_non_null(number);
    assert_int_equal(attn_experiment_recipes(ctx, e, 1, &sweep), ATTN_OK);
    const struct attn_recipe *recipe = attn_sweep_recipe(&sweep, arm_named(e, arm) * (sweep.count / e->arm_count));
    snprintf(list, sizeof list, "+%s+", attn_recipe_words(recipe, "test_points"));
    snprintf(key, sizeof key, "+%lld+", strtoll(number + 1, NULL, 10));
    if (!strstr(list, key)) fail_msg("%s does not measure %s", e->name, figure);
    if (strstr(figure, "_wide")) assert_true(attn_recipe_whole(recipe, "wide_beam") > 0);
    attn_sweep_free(ctx, &sweep);
}

static void expect_cell(attn_ctx *ctx, const struct attn_paper_table *t, int row, int c) {
    const struct attn_paper_cell *cell = &t->rows[row].cell[c];
    const bool measured = t->columns[c].form != ATTN_PAPER_TEXT;
    assert_true(measured ? !cell->text : !cell->figure && !cell->arm);
    assert_int_equal(cell->arm != NULL, cell->figure != NULL);
    for (int scale = 0; scale < ATTN_SCALES && cell->arm; scale++) {
        const struct attn_experiment *e = t->rows[row].at[scale];
        if (!e) continue;
        expect_tested(ctx, e, cell->arm, cell->figure);
        if (cell->failing) expect_tested(ctx, e, cell->arm, cell->failing);
    }
}

static void every_cell_of_pointer_networks_tables_is_one_that_its_experiment_measures(void **state) {
    attn_ctx *ctx = test_context(1);
    (void)state;
    assert_true(attn_system_pointer.table_count >= 3);
    for (int i = 0; i < attn_system_pointer.table_count; i++) {
        const struct attn_paper_table *t = &attn_system_pointer.tables[i];
        assert_in_range(t->column_count, 1, ATTN_PAPER_COLUMNS);
        for (int row = 0; row < t->row_count; row++) {
            bool any = t->rows[row].paper;
            for (int c = 0; c < t->column_count; c++) expect_cell(ctx, t, row, c);
            for (int scale = 0; scale < ATTN_SCALES; scale++) any = any || t->rows[row].at[scale];
            assert_true(any && t->rows[row].cell[0].text);
        }
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_measured_cell_is_the_mean_over_seeds_with_its_standard_error, set_up),
        cmocka_unit_test_setup(one_seed_has_no_error, set_up),
        cmocka_unit_test_setup(a_figure_that_is_missing_by_the_papers_rule_fails, set_up),
        cmocka_unit_test_setup(a_figure_that_the_runs_have_not_is_not_measured, set_up),
        cmocka_unit_test_setup(a_seed_without_its_runs_leaves_the_cell_open, set_up),
        cmocka_unit_test_setup(an_arm_of_which_nothing_has_run_is_not_run, set_up),
        cmocka_unit_test_setup(texts_are_shown_as_they_are_and_nothing_as_a_dash, set_up),
        cmocka_unit_test_setup(a_scale_shows_the_papers_rows_and_those_that_it_measures, set_up),
        cmocka_unit_test(tables_bring_their_experiments_each_once),
        cmocka_unit_test_setup(a_record_tells_the_row_and_what_was_measured, set_up),
        cmocka_unit_test_setup(cells_of_a_task_find_arms_by_their_recipes, set_up_found),
        cmocka_unit_test_setup(of_arms_that_meet_the_conditions_the_first_that_has_run_counts, set_up_found),
        cmocka_unit_test_setup(cells_of_a_task_without_runs_say_so, set_up_found),
        cmocka_unit_test_setup(rows_of_a_task_are_shown_where_an_experiment_has_their_arms, set_up_found),
        cmocka_unit_test(every_cell_of_pointer_networks_tables_is_one_that_its_experiment_measures),
    };
    return cmocka_run_group_tests_name("train: tables of papers", tests, NULL, NULL);
}
