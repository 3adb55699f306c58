/* Runs as rows: conditions, order, the fields in which they differ, and the axes that are chosen by what varies. */
#include "report/axes.h"
#include "report/runs.h"
#include "support/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* A run that is done, with a figure. */
static void add(const char *fields, double accuracy) {
    char id[32], recipe[512], metrics[512], number[40] = "null", state[40] = "";
    snprintf(id, sizeof id, "run%02d", made++);
    snprintf(recipe, sizeof recipe, "{\"task\":\"t\",%s}\n", fields);
    if (isfinite(accuracy)) snprintf(number, sizeof number, "%.17g", accuracy);
    if (made % 2 == 0) snprintf(state, sizeof state, "\"state_bytes\":%d,", 10 * made); /* not of every model */
    snprintf(metrics, sizeof metrics,
             "{\"event\":\"start\",\"step\":0,\"steps\":4,\"parameters\":%d,\"forward_flops\":%d000000,\"step_flops\":%d000000,%s"
             "\"paper_state_bytes\":%d}\n{\"event\":\"done\",\"step\":4,\"seconds\":%d,\"accuracy\":%s}\n",
             100 * made, made, 3 * made, state, 10 * made, made, number);
    test_store_run(store, id, recipe, metrics, NULL);
}

static void open_runs(void) {
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
    assert_int_equal(runs.count, made);
}

/* The numbers of the runs that are left, "0 2 5". */
static void expect_left(const char *expected) {
    char text[256] = "";
    for (int64_t i = 0; i < runs.count; i++) attn_append(text, sizeof text, "%s%d", i > 0 ? " " : "", atoi(runs.at[i].summary->id + 3));
    assert_string_equal(text, expected);
}

static void add_some(void) {
    add("\"mixer\":\"attention\",\"width\":64,\"lr\":0.001,\"deep\":true,\"seed\":1", 0.9);
    add("\"mixer\":\"attention\",\"width\":128,\"lr\":0.001,\"deep\":true,\"seed\":1", 0.95);
    add("\"mixer\":\"hyena\",\"width\":64,\"lr\":0.01,\"deep\":true,\"seed\":1", 0.5);
    add("\"mixer\":\"hyena\",\"width\":128,\"lr\":0.01,\"deep\":true,\"seed\":1", (double)NAN);
    add("\"mixer\":\"hyena\",\"width\":9,\"lr\":1e-3,\"deep\":true,\"seed\":1,\"extra\":\"x\"", 0.7);
    open_runs();
}

static void conditions_keep_the_runs_that_meet_all(void **state) {
    static const struct {
        const char *conditions, *left;
    } cases[] = {{"", "0 1 2 3 4"},
                 {"mixer=attention", "0 1"},
                 {"mixer!=attention  width=64.0", "2"},
                 {"width>9 width<=64", "0 2"},
                 {"width<64", "4"},
                 {"lr=1e-3", "0 1 4"},
                 {"accuracy>=0.7", "0 1 4"},
                 {"extra=x", "4"},
                 {"extra!=x", "0 1 2 3"},
                 {"deep=true state=done task=t seconds>3", "3 4"},
                 {"parameters=200", "1"},
                 {"run=run03", "3"},
                 {"forward_flops>2e6 step_flops<=1.2e7", "2 3"},
                 {"state_bytes>=20 paper_state_bytes=40", "3"},
                 {"state_bytes!=20", "0 2 3 4"},
                 {"mixer=none", ""},
                 {"mixer=none width=3", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i == 0)
            add_some();
        else
            assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
        assert_int_equal(attn_report_where(&runs, cases[i].conditions), ATTN_OK);
        expect_left(cases[i].left);
        attn_report_runs_close(&runs);
    }
}

static void bad_conditions_are_refused_with_what_is_expected(void **state) {
    static const char *const bad[][2] = {{"mixer", "expected NAME=VALUE"},
                                         {"=x", "expected NAME=VALUE"},
                                         {"mixer = x", "expected NAME=VALUE"},
                                         {"mixr=x", "did you mean 'mixer'?"},
                                         {"acuracy>1", "did you mean 'accuracy'?"},
                                         {"!=", "expected NAME=VALUE"},
                                         {"step_flop>1", "did you mean 'step_flops'?"}};
    char text[1024];
    (void)state;
    add_some();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(attn_report_where(&runs, bad[i][0]), ATTN_EINVAL);
        attn_ctx_error(ctx, text, sizeof text);
        if (!strstr(text, bad[i][1])) fail_msg("%s: found: %s", bad[i][0], text);
    }
    expect_left("0 1 2 3 4");
}

static void the_order_is_best_first_for_the_figure_and_least_first_for_the_rest(void **state) {
    static const struct {
        struct attn_report_order order;
        const char *left;
    } cases[] = {{{"accuracy", "accuracy", false, false}, "1 0 4 2 3"}, {{"accuracy", "accuracy", false, true}, "2 4 0 1 3"},
                 {{"accuracy", "accuracy", true, false}, "2 4 0 1 3"},  {{"accuracy", NULL, false, false}, "2 4 0 1 3"},
                 {{"width", "accuracy", false, false}, "4 0 2 1 3"},    {{"mixer", "accuracy", false, true}, "2 3 4 0 1"},
                 {{"seconds", NULL, false, true}, "4 3 2 1 0"},         {{"extra", NULL, false, false}, "4 0 1 2 3"},
                 {{"state_bytes", NULL, false, false}, "1 3 0 2 4"},    {{"step_flops", NULL, false, true}, "4 3 2 1 0"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i == 0)
            add_some();
        else
            assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
        assert_int_equal(attn_report_sort(&runs, &cases[i].order), ATTN_OK);
        expect_left(cases[i].left);
        const struct attn_report_order unknown = {"widht", NULL, false, false};
        assert_int_equal(attn_report_sort(&runs, &unknown), ATTN_EINVAL);
        attn_report_runs_close(&runs);
    }
}

static void only_fields_that_differ_are_named(void **state) {
    const char **names;
    int count;
    char text[256] = "";
    (void)state;
    add_some();
    assert_int_equal(attn_report_differences(&runs, &names, &count), ATTN_OK);
    for (int i = 0; i < count; i++) attn_append(text, sizeof text, "%s ", names[i]);
    assert_string_equal(text, "mixer width lr extra ");
    attn_free(ctx, names);
}

/* ------------------------------------------------------------------------------------------------------------ axes */

static void add_formatted(double accuracy, const char *format, ...) {
    char fields[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fields, sizeof fields, format, arguments);
    va_end(arguments);
    add(fields, accuracy);
}

static void expect_axes(const char *expected) {
    struct attn_axes a;
    char text[256] = "";
    assert_int_equal(attn_axes_choose(&runs, NULL, &a), ATTN_OK);
    attn_append(text, sizeof text, "x=%s panel=%s lines=", a.x ? a.x : "-", a.panel ? a.panel : "-");
    for (int i = 0; i < a.line_count; i++) attn_append(text, sizeof text, "%s%s", i > 0 ? "," : "", a.line[i]);
    attn_append(text, sizeof text, "%s%s", a.tuned ? " tuned" : "", a.seeds ? " seeds" : "");
    assert_string_equal(text, expected);
}

static void a_sweep_is_drawn_by_width_mixer_and_length_with_lr_tuned_over_seeds(void **state) {
    static const char *const mixers[] = {"attention", "hyena"};
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int mixer = 0; mixer < 2; mixer++)
        for (int length = 64; length <= 128; length *= 2)
            for (int width = 16; width <= 64; width *= 2)
                for (int lr = 1; lr <= 2; lr++)
                    for (int seed = 1; seed <= 2; seed++)
                        add_formatted(mixer * 0.1 + width * 0.001 + lr * 0.01 + seed * 0.002 - length * 0.0001,
                                      "\"mixer\":\"%s\",\"width\":%d,\"length\":%d,\"pairs\":%d,\"lr\":%d,\"seed\":%d", mixers[mixer],
                                      width, length, length / 4, lr, seed);
    open_runs();
    expect_axes("x=width panel=length lines=mixer tuned seeds"); /* pairs follow from length */
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    assert_int_equal(panels.count, 2);
    assert_string_equal(panels.at[1].value, "128");
    assert_int_equal(panels.at[1].line_count, 2);
    const struct attn_plot_line *l = &panels.at[1].line[1];
    assert_string_equal(l->label, "mixer=hyena");
    assert_int_equal(l->count, 3);
    assert_true(l->x[2] == 64);
    assert_true(fabs(l->y[2] - (0.1 + 0.064 + 0.02 + 0.003 - 0.0128)) < 1e-12); /* the better rate, the mean of two seeds */
    assert_true(fabs(l->low[2] - (l->y[2] - 0.001)) < 1e-12 && fabs(l->high[2] - (l->y[2] + 0.001)) < 1e-12);
    attn_panels_free(ctx, &panels);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", true, &panels), ATTN_OK);
    assert_true(fabs(panels.at[0].line[0].y[0] - (0.016 + 0.01 + 0.003 - 0.0064)) < 1e-12); /* lower is better: the other rate */
    attn_panels_free(ctx, &panels);
}

/* The rule of claims: the rate is chosen for each seed by itself. */
static void of_each_seed_the_best_rate_counts(void **state) {
    static const double accuracy[2][2] = {{0.5, 0.9}, {0.7, 0.6}}; /* [seed][rate] */
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int width = 16; width <= 32; width *= 2)
        for (int lr = 0; lr < 2; lr++)
            for (int seed = 0; seed < 2; seed++)
                add_formatted(accuracy[seed][lr], "\"width\":%d,\"lr\":%d,\"seed\":%d", width, lr + 1, seed);
    open_runs();
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    const struct attn_plot_line *l = &panels.at[0].line[0];
    assert_int_equal(l->count, 2);
    for (int i = 0; i < 2; i++) assert_true(fabs(l->y[i] - 0.8) < 1e-12 && fabs(l->low[i] - 0.7) < 1e-12 && fabs(l->high[i] - 0.9) < 1e-12);
    attn_panels_free(ctx, &panels);
}

static void seeds_run_at_fewer_rates_than_others_do_not_count(void **state) {
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int width = 16; width <= 32; width *= 2)
        for (int lr = 1; lr <= 2; lr++)
            for (int seed = 1; seed <= (lr == 2 ? 1 : 3); seed++)
                add_formatted(lr == 2 ? 0.4 : 0.5 + 0.01 * seed, "\"width\":%d,\"lr\":%d,\"seed\":%d", width, lr, seed);
    open_runs();
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_true(axes.tuned && axes.seeds);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    assert_int_equal(panels.at[0].line[0].count, 2);
    for (int i = 0; i < 2; i++) assert_true(fabs(panels.at[0].line[0].y[i] - 0.51) < 1e-12);
    attn_panels_free(ctx, &panels);
}

/* A rate at which training breaks down is at its end: the seed counts with its other rates. */
static void a_run_that_failed_counts_as_run(void **state) {
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int width = 16; width <= 32; width *= 2)
        for (int lr = 1; lr <= 2; lr++)
            for (int seed = 1; seed <= 2; seed++)
                add_formatted(0.1 * lr + 0.01 * seed, "\"width\":%d,\"lr\":%d,\"seed\":%d", width, lr, seed);
    open_runs();
    for (int64_t i = 0; i < runs.count; i += 4) list.at[i + 3].state = ATTN_RUN_FAILED; /* lr 2, seed 2 */
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    assert_true(fabs(panels.at[0].line[0].y[0] - (0.21 + 0.12) / 2) < 1e-12);
    attn_panels_free(ctx, &panels);
}

static void a_task_says_what_goes_along_the_axis(void **state) {
    static const struct attn_task task = {.name = "t", .along = "width", .panel = "length"};
    struct attn_axes a;
    (void)state;
    for (int width = 0; width < 2; width++)
        for (int length = 0; length < 2; length++)
            for (int pairs = 0; pairs < 3; pairs++) add_formatted(0.5, "\"pairs\":%d,\"width\":%d,\"length\":%d", pairs, width, length);
    open_runs();
    expect_axes("x=pairs panel=width lines=length");
    assert_int_equal(attn_axes_choose(&runs, &task, &a), ATTN_OK);
    assert_string_equal(a.x, "width");
    assert_string_equal(a.panel, "length");
    assert_string_equal(a.line[0], "pairs");
}

/* Texts of recipes may have a thousand characters, of which the last ones differ. */
static void long_texts_that_differ_at_their_end_are_lines_of_their_own(void **state) {
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int mixer = 0; mixer < 3; mixer++)
        for (int width = 0; width < 4; width++) add_formatted(0.5, "\"mixer\":\"%0300d\",\"width\":%d", mixer, width);
    open_runs();
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    assert_int_equal(panels.at[0].line_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(panels.at[0].line[i].count, 4);
        assert_int_equal(strlen(panels.at[0].line[i].label), 306);
        assert_int_equal(panels.at[0].line[i].label[305], '0' + i);
    }
    attn_panels_free(ctx, &panels);
}

static void a_sweep_of_rates_alone_is_drawn_by_rate(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) add_formatted(0.5, "\"mixer\":\"%s\",\"lr\":%g,\"seed\":1", i % 2 ? "a" : "b", 0.001 * (1 + i / 2));
    open_runs();
    expect_axes("x=lr panel=- lines=mixer");
}

static void rates_that_belong_to_mixers_are_no_axis(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++)
        add_formatted(0.5, "\"mixer\":\"%s\",\"lr\":%g,\"width\":%d", i % 2 ? "a" : "b", i % 2 ? 0.1 : 0.2, 8 * (1 + i / 2));
    open_runs();
    expect_axes("x=width panel=- lines=mixer");
}

static void words_alone_make_no_figure_nor_do_equal_runs(void **state) {
    (void)state;
    add("\"mixer\":\"a\",\"deep\":true", 0.1);
    add("\"mixer\":\"b\",\"deep\":false", 0.2);
    open_runs();
    expect_axes("x=- panel=- lines=");
}

static void more_lines_and_panels_than_are_told_apart_are_counted(void **state) {
    struct attn_axes axes;
    struct attn_panels panels;
    (void)state;
    for (int length = 0; length < ATTN_AXES_PANELS + 2; length++)
        for (int mixer = 0; mixer < (length == 0 ? ATTN_PLOT_LINES + 3 : 1); mixer++)
            for (int width = 0; width < ATTN_AXES_PANELS + 3; width++)
                add_formatted(0.5, "\"mixer\":\"m%02d\",\"width\":%d,\"length\":%d", mixer, width, length);
    open_runs();
    assert_int_equal(attn_axes_choose(&runs, NULL, &axes), ATTN_OK);
    assert_string_equal(axes.panel, "length");
    assert_int_equal(attn_axes_points(&runs, &axes, "accuracy", false, &panels), ATTN_OK);
    assert_int_equal(panels.count, ATTN_AXES_PANELS);
    assert_int_equal(panels.at[0].line_count, ATTN_PLOT_LINES);
    assert_int_equal(panels.lines_left_out, 3);
    assert_int_equal(panels.panels_left_out, 2);
    attn_panels_free(ctx, &panels);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conditions_keep_the_runs_that_meet_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_conditions_are_refused_with_what_is_expected, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_is_best_first_for_the_figure_and_least_first_for_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_fields_that_differ_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_is_drawn_by_width_mixer_and_length_with_lr_tuned_over_seeds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_each_seed_the_best_rate_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seeds_run_at_fewer_rates_than_others_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_failed_counts_as_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_says_what_goes_along_the_axis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_that_differ_at_their_end_are_lines_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_of_rates_alone_is_drawn_by_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rates_that_belong_to_mixers_are_no_axis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_alone_make_no_figure_nor_do_equal_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_lines_and_panels_than_are_told_apart_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
