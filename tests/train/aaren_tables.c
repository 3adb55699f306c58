/* The tables of the system aaren: conditions that recipes can meet, figures that evaluations have, and what they show of a small store's runs. */
#include "support/store.h"
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/tables.h"
#include "train/try.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { ASSIGNMENTS = 16, METRICS = 512 };

/* ----------------------------------------------------------------------------------------------------------- conditions */

static void expect_ok(attn_ctx *ctx, attn_status status, const char *what) {
    char sentence[512];
    attn_ctx_error(ctx, sentence, sizeof sentence);
    if (status) fail_msg("%s: %s", what, sentence);
}

static void add_all(attn_ctx *ctx, struct attn_recipe *recipe, const char *const *conditions) {
    for (int i = 0; i < ATTN_PAPER_CONDITIONS && conditions[i]; i++) expect_ok(ctx, attn_recipe_set(recipe, conditions[i]), conditions[i]);
}

static void every_condition_is_a_value_of_a_field_of_its_task(void **state) {
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (int t = 0; t < ATTN_AAREN_TABLES; t++) {
        const struct attn_paper_table *table = &attn_aaren_tables[t];
        assert_in_range(table->column_count, 1, ATTN_PAPER_COLUMNS);
        for (int row = 0; row < table->row_count; row++)
            for (int c = 0; c < table->column_count; c++) {
                struct attn_recipe *recipe;
                const struct attn_paper_cell *cell = &table->rows[row].cell[c];
                assert_int_equal(attn_task_recipe(ctx, table->task, &recipe), ATTN_OK);
                add_all(ctx, recipe, table->rows[row].where);
                add_all(ctx, recipe, cell->where);
                attn_free(ctx, recipe);
                assert_true(table->rows[row].where[0] && table->rows[row].cell[0].text);
                if (table->columns[c].form == ATTN_PAPER_TEXT) assert_true(!cell->figure);
            }
    }
    attn_ctx_destroy(ctx);
}

static void columns_have_names_of_their_own(void **state) {
    (void)state;
    for (int t = 0; t < ATTN_AAREN_TABLES; t++)
        for (int c = 0; c < attn_aaren_tables[t].column_count; c++)
            for (int k = 0; k < c; k++)
                assert_string_not_equal(attn_aaren_tables[t].columns[c].title, attn_aaren_tables[t].columns[k].title);
}

/* -------------------------------------------------------------------------------------------------------------- figures */

/* Two steps of the task with a cell's conditions, of generated data. */
static void try_cell(attn_ctx *ctx, const struct attn_task *task, const struct attn_paper_cell *cell, struct attn_figures *figures) {
    static const struct small {
        const struct attn_task *task;
        const char *words[ASSIGNMENTS];
    } smalls[] = {
        {&attn_aaren_forecast, {"rows=200", "length=8", "horizon=4", "label=4", "supervise=last"}},
        {&attn_aaren_classify, {"length=12", "train_examples=12", "test_examples=6"}},
        {&attn_aaren_events, {"horizon=10", "train_sequences=8", "test_sequences=4"}},
        {&attn_aaren_control, {"episodes=10", "context=5", "rollouts=2"}},
        {&attn_aaren_recall, {"pairs=4", "keys=8", "values=8", "test_examples=8"}},
    };
    const char *words[2 * ASSIGNMENTS] = {"width=8", "ffn=8", "layers=1", "batch=4"};
    int count = 4;
    for (size_t i = 0; i < sizeof smalls / sizeof smalls[0]; i++)
        for (int k = 0; smalls[i].task == task && smalls[i].words[k]; k++) words[count++] = smalls[i].words[k];
    for (int i = 0; i < ATTN_PAPER_CONDITIONS && cell->where[i]; i++) words[count++] = cell->where[i];
    expect_ok(ctx, attn_job_try(ctx, task, words, 2, figures), task->name);
}

/* Tries each model once: cells with the same conditions stand in one table. */
static void every_figure_is_one_that_its_model_is_evaluated_by(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_figures figures;
    (void)state;
    for (int t = 0; t < ATTN_AAREN_TABLES; t++) {
        const struct attn_paper_table *table = &attn_aaren_tables[t];
        const struct attn_paper_cell *before = NULL;
        for (int c = 0; c < table->column_count; c++) {
            const struct attn_paper_cell *cell = &table->rows[table->row_count - 1].cell[c];
            if (!cell->figure) continue;
            if (!before || memcmp(before->where, cell->where, sizeof cell->where) != 0) {
                memset(&figures, 0, sizeof figures);
                try_cell(ctx, table->task, cell, &figures);
            }
            before = cell;
            if (isnan(attn_figures_get(&figures, cell->figure))) fail_msg("%s has no %s", table->columns[c].title, cell->figure);
        }
    }
    attn_ctx_destroy(ctx);
}

/* ------------------------------------------------------------------------------------------------------------- a store */

static const struct attn_arm models[] = {{"A", {"mixer=aaren:heads=4"}}, {"T", {"mixer=attention:heads=4"}}};
static const struct attn_arm encoders[] = {{"A", {"mixer=aaren:heads=1"}}, {"gru", {"encoder=gru"}}};
static const char *const forecast_words[] = {"rows=500", NULL}, *const event_words[] = {"train_sequences=20", NULL},
                         *const recall_words[] = {"pairs=8", NULL};
static const struct attn_experiment waves = {
    .name = "waves", .title = "t", .task = &attn_aaren_forecast, .common = forecast_words, .arms = models, .arm_count = 2, .seeds = 3};
static const struct attn_experiment hawkes = {
    .name = "hawkes", .title = "t", .task = &attn_aaren_events, .common = event_words, .arms = encoders, .arm_count = 2, .seeds = 1};
static const struct attn_experiment recall = {
    .name = "recall", .title = "t", .task = &attn_aaren_recall, .common = recall_words, .arms = models, .arm_count = 2, .seeds = 2};
static const struct attn_claim claims[] = {
    {.name = "a", .at = {[ATTN_QUICK] = {.experiment = &waves}}},
    {.name = "b", .at = {[ATTN_QUICK] = {.experiment = &hawkes}}},
    {.name = "c", .at = {[ATTN_QUICK] = {.experiment = &recall}}},
};
static const struct attn_system small_system = {
    .name = "small", .claims = claims, .claim_count = 3, .tables = attn_aaren_tables, .table_count = ATTN_AAREN_TABLES};

/* Runs of one arm: figure NAME, and NAME2, of seed i is of[i], and twice that. */
static void add_runs(attn_ctx *ctx, const char *store, const struct attn_experiment *e, int arm, const char *name, const char *name2,
                     const double *of) {
    struct attn_sweep sweep;
    assert_int_equal(attn_experiment_recipes(ctx, e, 0, &sweep), ATTN_OK);
    for (int i = 0; i < e->seeds; i++) {
        char id[64], metrics[METRICS], *recipe = attn_recipe_text(attn_sweep_recipe(&sweep, arm * e->seeds + i));
        snprintf(id, sizeof id, "%s-%d-%d", e->name, arm, i);
        snprintf(metrics, sizeof metrics,
                 "{\"event\":\"start\",\"step\":0,\"steps\":9,\"parameters\":100}\n"
                 "{\"event\":\"done\",\"step\":9,\"seconds\":2,\"%s\":1,\"%s\":%.17g,\"%s\":%.17g}\n",
                 e->task->figure, name, of[i], name2, 2 * of[i]);
        test_store_run(store, id, recipe, metrics, NULL);
        attn_free(ctx, recipe);
    }
    attn_sweep_free(ctx, &sweep);
}

static const struct attn_paper_table *table_named(const char *name) {
    for (int t = 0; t < ATTN_AAREN_TABLES; t++)
        if (strcmp(attn_aaren_tables[t].name, name) == 0) return &attn_aaren_tables[t];
    fail_msg("no table %s", name);
    return NULL;
}

static void expect(const struct attn_reproduction *r, const char *name, const char *set, const char *column, const char *shown) {
    const struct attn_paper_table *t = table_named(name);
    for (int row = 0; row < t->row_count; row++)
        for (int c = 0; c < t->column_count; c++) {
            struct attn_paper_value value;
            if (strcmp(t->rows[row].cell[0].text, set) != 0 || strcmp(t->columns[c].title, column) != 0) continue;
            attn_paper_value(r, t, row, c, &value);
            assert_string_equal(value.shown, shown);
            return;
        }
    fail_msg("no %s of %s", column, set);
}

static void tables_show_what_a_store_has_and_say_what_has_not_run(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_reproduction r;
    char folder[64], store[80];
    (void)state;
    test_store_make(folder);
    snprintf(store, sizeof store, "%s/runs", folder);
    assert_int_equal(mkdir(store, 0777), 0);
    add_runs(ctx, store, &waves, 0, "test_mse", "test_mae", (const double[]){0.44, 0.46, 0.48});
    add_runs(ctx, store, &hawkes, 1, "test_nll", "test_true_nll", (const double[]){3.25});
    add_runs(ctx, store, &recall, 1, "accuracy", "none", (const double[]){1, 0.98});
    assert_int_equal(attn_reproduction_open(ctx, &small_system, ATTN_QUICK, 0, &r), ATTN_OK);
    assert_int_equal(r.count, 3);
    assert_int_equal(attn_reproduction_read_store(ctx, &r, store), ATTN_OK);
    expect(&r, "forecasting", "waves", "MSE Aaren", "0.460 ± 0.020");
    expect(&r, "forecasting", "waves", "MAE Aaren", "0.920 ± 0.040");
    expect(&r, "forecasting", "waves", "MSE Transformer", "not run");
    expect(&r, "forecasting", "waves", "decoder MSE Aaren", "not run");
    expect(&r, "forecasting", "ETTh1", "MSE Aaren", "not run");
    expect(&r, "events", "Hawkes", "NLL GRU", "3.250");
    expect(&r, "events", "Hawkes", "NLL truth", "6.500");
    expect(&r, "events", "Hawkes", "NLL Aaren", "not run");
    expect(&r, "recall", "8", "% right Transformer", "99.0 ± 1.4");
    expect(&r, "recall", "8", "% right Aaren", "not run");
    assert_false(attn_paper_measured(&r, table_named("control")));
    assert_false(attn_paper_measured(&r, table_named("classification")));
    attn_reproduction_close(ctx, &r);
    test_store_remove(folder);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_condition_is_a_value_of_a_field_of_its_task),
        cmocka_unit_test(columns_have_names_of_their_own),
        cmocka_unit_test(every_figure_is_one_that_its_model_is_evaluated_by),
        cmocka_unit_test(tables_show_what_a_store_has_and_say_what_has_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
