/* Tasks that are measured, not trained: their runs in a store, one at a time, and what is refused. */
#include "base/file.h"
#include "support/training.h"
#include "train/reproduce.h"
#include "train/try.h"
#include "train/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is measured: as many units as its field says, and 0.01 of the repeat. While it is measured there is a file, which no other measurement may find. */
static char lock[80];
static const struct attn_recipe_field fields[] = {{"units", "of what is measured", ATTN_WHOLE, "3", 0, 100, NULL}};

static attn_status measure(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_halt *halt, struct attn_figures *out) {
    const double units = (double)attn_recipe_whole(recipe, "units");
    if (units == 13) return attn_fail(ctx, ATTN_EINVAL, "units=13: expected another number");
    if (halt->asked && halt->asked(halt->user)) halt->heard = true;
    FILE *file = lock[0] ? fopen(lock, "wx") : NULL;
    if (lock[0] && !file) return attn_fail(ctx, ATTN_EINVAL, "%s is there: another measurement is made", lock);
    if (file) {
        usleep(20000);
        fclose(file);
        remove(lock);
    }
    attn_figures_add(out, "units", units + 0.01 * attn_recipe_number(recipe, "seed"));
    return ATTN_OK;
}

static double seconds_of(const struct attn_recipe *recipe) {
    return attn_recipe_number(recipe, "units");
}

static const struct attn_task task = {
    .name = "test/units", .fields = fields, .field_count = 1, .figure = "units", .measure = measure, .seconds = seconds_of};

static bool always(void *user) {
    (void)user;
    return true;
}

static attn_status work_on(attn_ctx *ctx, const char *store, const char *words, bool (*stop)(void *user), struct attn_run_summary *out) {
    struct attn_recipe *recipe = test_task_recipe(ctx, &task, words);
    const struct attn_work work = {.task = &task, .store = store, .options = {.stop = stop}};
    const attn_status status = attn_work_one(ctx, &work, recipe, NULL, NULL, out);
    attn_free(ctx, recipe);
    return status;
}

static void a_measurement_is_a_run_that_is_not_made_twice(void **state) {
    attn_ctx *ctx = test_context(1);
    char store[64];
    struct attn_run_summary run, same;
    (void)state;
    test_folder_make(store);
    assert_int_equal(work_on(ctx, store, "seed=2", NULL, &run), ATTN_OK);
    assert_int_equal(run.state, ATTN_RUN_DONE);
    assert_int_equal(run.step, 1);
    assert_int_equal(run.steps, 1);
    assert_true(attn_figures_get(&run.figures, "units") == 3.02);
    assert_int_equal(work_on(ctx, store, "seed=2", NULL, &same), ATTN_OK);
    assert_string_equal(same.folder, run.folder);
    assert_int_equal(work_on(ctx, store, "seed=3", NULL, &same), ATTN_OK);
    assert_string_not_equal(same.folder, run.folder);
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void one_that_was_halted_is_made_anew_in_its_folder(void **state) {
    attn_ctx *ctx = test_context(1);
    char store[64];
    struct attn_run_summary run, again;
    (void)state;
    test_folder_make(store);
    assert_int_equal(work_on(ctx, store, "", always, &run), ATTN_OK);
    assert_int_equal(run.state, ATTN_RUN_STOPPED);
    assert_int_equal(run.figures.count, 0);
    assert_int_equal(work_on(ctx, store, "", NULL, &again), ATTN_OK);
    assert_int_equal(again.state, ATTN_RUN_DONE);
    assert_string_equal(again.folder, run.folder);
    assert_true(attn_figures_get(&again.figures, "units") == 3.01);
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void what_cannot_be_measured_fails_and_stays_failed(void **state) {
    attn_ctx *ctx = test_context(1);
    char store[64], text[256];
    struct attn_run_summary run;
    struct attn_run_list list;
    (void)state;
    test_folder_make(store);
    assert_int_equal(work_on(ctx, store, "units=13", NULL, &run), ATTN_EINVAL);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), "units=13: expected another number");
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.at[0].state, ATTN_RUN_FAILED);
    assert_string_equal(list.at[0].message, "units=13: expected another number");
    attn_run_list_free(ctx, &list);
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void its_recipe_has_the_seed_and_its_own_fields_and_it_has_no_model(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_recipe *recipe = test_task_recipe(ctx, &task, "");
    struct attn_job job;
    char text[256];
    (void)state;
    assert_int_equal(recipe->count, 2);
    assert_true(attn_recipe_has(recipe, "seed") && attn_recipe_has(recipe, "units"));
    assert_int_equal(attn_job_open(ctx, &task, recipe, NULL, 0, NULL, &job), ATTN_EUNSUPPORTED);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), "test/units is measured, not trained: it has no model and no data");
    attn_job_close(&job);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

/* ------------------------------------------------------------------------------------------------------------- claims */

static const struct attn_arm arms[] = {{"few", {"units=2"}}, {"many", {"units=5"}}};
static const struct attn_experiment units = {.name = "units", .title = "units", .task = &task, .arms = arms, .arm_count = 2, .seeds = 3};
static const struct attn_claim claim = {.name = "many-is-more",
                                        .kind = ATTN_CLAIM_ABOVE,
                                        .arms = {"many", "few"},
                                        .threshold = 2.5,
                                        .at = {[ATTN_QUICK] = {.experiment = &units}}};
static const struct attn_system with_units = {.name = "units", .claims = &claim, .claim_count = 1};

/* Two processes are asked for; the file would make the second fail. */
static void claims_are_judged_on_repeats_that_are_made_one_at_a_time(void **state) {
    attn_ctx *ctx = test_context(1);
    char store[64];
    struct attn_reproduction r;
    struct attn_reproduction_cost cost;
    struct attn_work_count count;
    struct attn_claim_result result;
    struct attn_work work = {.store = store};
    (void)state;
    test_folder_make(store);
    snprintf(lock, sizeof lock, "%s.lock", store);
    assert_int_equal(attn_reproduction_open(ctx, &with_units, ATTN_QUICK, 0, &r), ATTN_OK);
    work.sources = &r.sources;
    assert_int_equal(attn_reproduction_cost(ctx, &r, &work, &cost), ATTN_OK);
    assert_int_equal(cost.missing, 6);
    assert_true(cost.seconds == 0 && cost.alone == 3 * (2 + 5));
    assert_int_equal(attn_reproduction_train(ctx, &r, &work, 2, 1, NULL, NULL, &count), ATTN_OK);
    assert_true(count.failed == 0 && count.left == 0);
    assert_int_equal(attn_reproduction_read_store(ctx, &r, store), ATTN_OK);
    assert_int_equal(attn_reproduction_judge(ctx, &r, 0, &result), ATTN_OK);
    assert_int_equal(result.verdict, ATTN_HOLDS);
    assert_int_equal(result.interval.count, 3);
    assert_true(result.interval.mean > 3 - 1e-9 && result.interval.mean < 3 + 1e-9);
    attn_reproduction_close(ctx, &r);
    lock[0] = '\0';
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void a_trial_is_one_measurement(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_figures figures;
    (void)state;
    assert_int_equal(attn_job_try(ctx, &task, (const char *const[]){"units=7", NULL}, 0, &figures), ATTN_OK);
    assert_true(attn_figures_get(&figures, "units") == 7.01);
    assert_int_equal(attn_job_try(ctx, &task, (const char *const[]){"units=13", NULL}, 0, &figures), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_measurement_is_a_run_that_is_not_made_twice),
        cmocka_unit_test(one_that_was_halted_is_made_anew_in_its_folder),
        cmocka_unit_test(what_cannot_be_measured_fails_and_stays_failed),
        cmocka_unit_test(its_recipe_has_the_seed_and_its_own_fields_and_it_has_no_model),
        cmocka_unit_test(claims_are_judged_on_repeats_that_are_made_one_at_a_time),
        cmocka_unit_test(a_trial_is_one_measurement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
