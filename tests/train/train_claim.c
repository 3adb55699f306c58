/* Verdicts on claims: what the interval of each kind of claim's number says, and what the store's runs make of an arm. */
#include "support/training.h"
#include "system/zoology/zoology.h"
#include "train/claim.h"
#include "train/work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 3, ARMS = 3 };

static const struct attn_arm three_arms[ARMS] = {{"one", {NULL}}, {"two", {NULL}}, {"three", {NULL}}};
static const struct attn_experiment three = {
    .name = "three", .title = "three", .task = &attn_zoology_mqar, .arms = three_arms, .arm_count = ARMS, .seeds = SEEDS};

/* The verdict on figures of each arm and seed. */
static struct attn_claim_result judged(enum attn_claim_kind kind, double threshold, int seeds, double spread,
                                       const double figure[ARMS][SEEDS]) {
    struct attn_claim claim = {.name = "c", .kind = kind, .arms = {"one", "two", "three"}, .threshold = threshold};
    struct attn_arm_result arms[ARMS] = {{.runs = 0}};
    struct attn_claim_result result;
    claim.at[ATTN_QUICK] = (struct attn_claim_scale){.experiment = &three, .spread = spread};
    for (int arm = 0; arm < ARMS; arm++) memcpy(arms[arm].figure, figure[arm], SEEDS * sizeof figure[arm][0]);
    attn_claim_judge(&claim, ATTN_QUICK, arms, seeds, &result);
    return result;
}

static void the_number_of_each_kind_is_that_of_its_definition(void **state) {
    static const double figure[ARMS][SEEDS] = {{0.9, 0.8, 0.7}, {0.5, 0.6, 0.1}, {0.6, 0.4, 0.6}};
    static const struct {
        enum attn_claim_kind kind;
        double mean;
    } cases[] = {{ATTN_CLAIM_AT_LEAST, (0.5 + 0.4 + 0.1) / 3},
                 {ATTN_CLAIM_AT_MOST, -(0.9 + 0.8 + 0.7) / 3},
                 {ATTN_CLAIM_ABOVE, (0.3 + 0.2 + 0.1) / 3},
                 {ATTN_CLAIM_RISING, (-0.4 - 0.2 - 0.6) / 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct attn_claim_result r = judged(cases[i].kind, 0, SEEDS, 0, figure);
        assert_int_equal(r.interval.count, SEEDS);
        assert_true(fabs(r.interval.mean - cases[i].mean) < 1e-15);
    }
}

static void a_verdict_says_on_which_side_of_the_threshold_the_interval_lies(void **state) {
    static const double figure[ARMS][SEEDS] = {{0.90, 0.91, 0.92}, {0.95, 0.95, 0.95}, {1, 1, 1}};
    const double half = 4.303 * 0.01 / sqrt(3); /* of the least figures' mean, 0.91 */
    (void)state;
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.91 - half - 1e-6, SEEDS, 0, figure).verdict, ATTN_HOLDS);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.91 - half + 1e-6, SEEDS, 0, figure).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.91 + half - 1e-6, SEEDS, 0, figure).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.91 + half + 1e-6, SEEDS, 0, figure).verdict, ATTN_DOES_NOT_HOLD);
}

static void arms_that_are_alike_are_neither_above_nor_rising(void **state) {
    static const double saturated[ARMS][SEEDS] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, rising[ARMS][SEEDS] = {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}};
    (void)state;
    assert_int_equal(judged(ATTN_CLAIM_RISING, 0, SEEDS, 0, saturated).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_ABOVE, 0, SEEDS, 0, saturated).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 1, SEEDS, 0, saturated).verdict, ATTN_HOLDS);
    assert_int_equal(judged(ATTN_CLAIM_RISING, 0, SEEDS, 0, rising).verdict, ATTN_HOLDS);
    assert_int_equal(judged(ATTN_CLAIM_ABOVE, 0, SEEDS, 0, rising).verdict, ATTN_DOES_NOT_HOLD);
}

static void one_seed_decides_only_beyond_a_spread_recorded_before(void **state) {
    static const double figure[ARMS][SEEDS] = {{0.9}, {0.9}, {0.9}};
    (void)state;
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.1, 1, 0, figure).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.8, 1, 0.05, figure).verdict, ATTN_HOLDS);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 0.8, 1, 0.2, figure).verdict, ATTN_INCONCLUSIVE);
    assert_int_equal(judged(ATTN_CLAIM_AT_LEAST, 1, 1, 0.05, figure).verdict, ATTN_DOES_NOT_HOLD);
}

static void a_missing_figure_leaves_the_claim_open(void **state) {
    const double figure[ARMS][SEEDS] = {{0.9, 0.9, 0.9}, {0.9, (double)NAN, 0.9}, {0.9, 0.9, 0.9}};
    (void)state;
    for (int kind = ATTN_CLAIM_AT_LEAST; kind <= ATTN_CLAIM_RISING; kind++)
        assert_int_equal(judged((enum attn_claim_kind)kind, -5, SEEDS, 0, figure).verdict, ATTN_INCONCLUSIVE);
}

/* ------------------------------------------------------------------------------------------------------- of tuning */

static struct attn_run_summary run_with(enum attn_run_state state, double accuracy) {
    struct attn_run_summary run = {.state = state};
    attn_figures_add(&run.figures, "accuracy", accuracy);
    return run;
}

static void the_best_of_a_tuning_counts_once_all_of_it_is_at_its_end(void **state) {
    struct attn_run_summary good = run_with(ATTN_RUN_DONE, 0.5), better = run_with(ATTN_RUN_DONE, 0.6),
                            failed = run_with(ATTN_RUN_FAILED, 0.9), none = run_with(ATTN_RUN_DONE, (double)NAN),
                            running = run_with(ATTN_RUN_RUNNING, 0.9);
    const struct attn_run_summary *runs[] = {&none, &good, &failed, &better};
    int64_t index;
    (void)state;
    assert_true(attn_tuning_best(runs, 4, "accuracy", false, &index) == 0.6);
    assert_int_equal(index, 3);
    assert_true(attn_tuning_best(runs, 4, "accuracy", true, &index) == 0.5);
    assert_int_equal(index, 1);
    assert_true(isnan(attn_tuning_best(runs, 4, "loss", false, &index)));
    assert_int_equal(index, -1);
    runs[2] = &running;
    assert_true(isnan(attn_tuning_best(runs, 4, "accuracy", false, &index)));
    runs[2] = NULL;
    assert_true(isnan(attn_tuning_best(runs, 4, "accuracy", false, &index)));
    assert_true(isnan(attn_tuning_best((const struct attn_run_summary *[]){&failed}, 1, "accuracy", false, &index)));
}

/* ---------------------------------------------------------------------------------------------------- of the store */

#define SMALL                                                                                                                              \
    "vocabulary=32", "length=16", "pairs=2", "width=16", "layers=2", "batch=8", "train_examples=64", "test_examples=16", "epochs=0",       \
        "schedule=constant", "decay=0", "steps=3"
static const char *const small[] = {SMALL, NULL}, *const two_rates[] = {"lr=0.01,0.02", NULL}, *const wild[] = {"lr=1e-6,1000", NULL};
static const char *const descent[] = {SMALL, "optimizer=sgd", "decay=1000", "steps=9", NULL};
static const struct attn_arm one_arm[] = {{"attention", {"mixer=attention"}}};
static const struct attn_experiment tuned = {.name = "tuned",
                                             .title = "tuned",
                                             .task = &attn_zoology_mqar,
                                             .common = small,
                                             .tuning = two_rates,
                                             .arms = one_arm,
                                             .arm_count = 1,
                                             .seeds = 2};

static struct attn_arm_result read_arm(attn_ctx *ctx, const struct attn_experiment *e, const char *store) {
    struct attn_arm_result arm;
    struct attn_run_list list;
    struct attn_run_view view[8];
    bool used[8] = {false};
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_in_range(list.count, 0, 8);
    for (int64_t i = 0; i < list.count; i++) view[i] = (struct attn_run_view){&list.at[i], list.recipe[i]};
    assert_int_equal(attn_experiment_read(ctx, e, 0, &(struct attn_run_views){view, list.count, used}, NULL, 0, &arm), ATTN_OK);
    for (int64_t i = 0; i < list.count; i++) assert_true(used[i]); /* the store has no others */
    attn_run_list_free(ctx, &list);
    return arm;
}

static void a_seed_counts_once_all_of_its_tuning_is_done(void **state) {
    attn_ctx *ctx = test_context(1);
    char store[64];
    struct attn_sweep sweep;
    struct attn_run_summary run;
    double best = 0;
    const struct attn_work work = {.task = &attn_zoology_mqar, .store = store};
    (void)state;
    test_folder_make(store);
    assert_int_equal(attn_experiment_recipes(ctx, &tuned, 0, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, 4);
    for (int i = 0; i < 3; i++) {
        assert_true(isnan(read_arm(ctx, &tuned, store).figure[i / 2]));
        assert_int_equal(attn_work_one(ctx, &work, attn_sweep_recipe(&sweep, i), NULL, NULL, &run), ATTN_OK);
        if (i < 2) best = fmax(best, attn_figures_get(&run.figures, "accuracy"));
    }
    const struct attn_arm_result arm = read_arm(ctx, &tuned, store);
    assert_true(arm.figure[0] == best);
    assert_true(isnan(arm.figure[1])); /* one of its two rates is done */
    assert_int_equal(arm.done, 3);
    assert_int_equal(arm.runs, 4);
    attn_sweep_free(ctx, &sweep);
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void a_rate_at_which_training_diverges_is_not_the_best(void **state) {
    struct attn_experiment e = tuned;
    attn_ctx *ctx = test_context(1);
    char store[64];
    struct attn_sweep sweep;
    struct attn_run_summary run[2];
    const struct attn_work work = {.task = &attn_zoology_mqar, .store = store};
    (void)state;
    e.common = descent;
    e.tuning = wild;
    e.seeds = 1;
    test_folder_make(store);
    assert_int_equal(attn_experiment_recipes(ctx, &e, 0, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, 2);
    assert_int_equal(attn_work_one(ctx, &work, attn_sweep_recipe(&sweep, 0), NULL, NULL, &run[0]), ATTN_OK);
    assert_int_equal(attn_work_one(ctx, &work, attn_sweep_recipe(&sweep, 1), NULL, NULL, &run[1]), ATTN_EINVAL);
    assert_true(read_arm(ctx, &e, store).figure[0] == attn_figures_get(&run[0].figures, "accuracy"));
    attn_sweep_free(ctx, &sweep);
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_of_each_kind_is_that_of_its_definition),
        cmocka_unit_test(a_verdict_says_on_which_side_of_the_threshold_the_interval_lies),
        cmocka_unit_test(arms_that_are_alike_are_neither_above_nor_rising),
        cmocka_unit_test(one_seed_decides_only_beyond_a_spread_recorded_before),
        cmocka_unit_test(a_missing_figure_leaves_the_claim_open),
        cmocka_unit_test(the_best_of_a_tuning_counts_once_all_of_it_is_at_its_end),
        cmocka_unit_test(a_seed_counts_once_all_of_its_tuning_is_done),
        cmocka_unit_test(a_rate_at_which_training_diverges_is_not_the_best),
    };
    return cmocka_run_group_tests_name("train: claims", tests, NULL, NULL);
}
