/* Verdicts on claims: what the interval of each kind of claim's number says, and what the store's runs make of an arm. */
#include "support/training.h"
#include "system/zoology/experiments.h"
#include "system/zoology/zoology.h"
#include "train/reproduce.h"
#include "train/work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* Figures of a language model: the lower, the better. */
static const struct attn_experiment texts = {
    .name = "texts", .title = "texts", .task = &attn_zoology_lm, .arms = three_arms, .arm_count = ARMS, .seeds = SEEDS};

static struct attn_claim_result judged_text(struct attn_claim claim) {
    static const double figure[ARMS][SEEDS] = {{20, 21, 22}, {30, 31, 32}, {25, 25, 26}},
                        hits[ARMS][SEEDS] = {{1, 1.1, 1.2}, {3, 3.1, 3.2}, {1.5, 1.6, 1.7}},
                        other[ARMS][SEEDS] = {{2, 2, 2}, {2.5, 2.5, 2.5}, {2.25, 2.25, 2.25}};
    static struct attn_arm_result arms[ARMS];
    struct attn_claim_result result;
    memset(arms, 0, sizeof arms);
    for (int arm = 0; arm < ARMS; arm++)
        for (int seed = 0; seed < SEEDS; seed++) {
            arms[arm].figure[seed] = figure[arm][seed];
            attn_figures_add(&arms[arm].figures[seed], "perplexity", figure[arm][seed]);
            attn_figures_add(&arms[arm].figures[seed], "loss_hits", hits[arm][seed]);
            attn_figures_add(&arms[arm].figures[seed], "loss_other", other[arm][seed]);
        }
    claim.at[ATTN_QUICK].experiment = &texts;
    attn_claim_judge(&claim, ATTN_QUICK, arms, SEEDS, &result);
    return result;
}

static void expect_mean(struct attn_claim claim, double mean, enum attn_verdict verdict) {
    const struct attn_claim_result r = judged_text(claim);
    if (!(fabs(r.interval.mean - mean) < 1e-12)) fail_msg("%.17g is not %.17g", r.interval.mean, mean);
    assert_int_equal(r.verdict, verdict);
}

static void where_lower_is_better_an_arm_is_above_that_has_less(void **state) {
    (void)state;
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_ABOVE, .arms = {"one", "two", "three"}}, (5 + 4 + 4) / 3.0, ATTN_HOLDS);
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_ABOVE, .arms = {"two", "one"}}, -10, ATTN_DOES_NOT_HOLD);
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_RISING, .arms = {"two", "three", "one"}}, (5 + 4 + 4) / 3.0, ATTN_HOLDS);
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_AT_MOST, .arms = {"one", "three"}, .threshold = -40}, -(25 + 25 + 26) / 3.0,
                ATTN_HOLDS);
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_AT_LEAST, .arms = {"one", "three"}, .threshold = 18}, 21, ATTN_HOLDS);
}

static void a_claim_compares_the_figure_that_it_names(void **state) {
    (void)state;
    struct attn_claim claim = {.kind = ATTN_CLAIM_ABOVE, .arms = {"one", "two"}, .figure = "loss_hits", .lower = true, .threshold = 1.9};
    expect_mean(claim, 2, ATTN_HOLDS);
    claim.lower = false;
    expect_mean(claim, -2, ATTN_DOES_NOT_HOLD);
    claim.figure = "none";
    assert_true(isnan(judged_text(claim).interval.mean));
    assert_int_equal(judged_text(claim).verdict, ATTN_INCONCLUSIVE);
}

static void a_claim_of_sums_is_judged_by_the_least_of_them(void **state) {
    static const struct attn_claim_term gap[] = {{1, "two", "loss_hits"}, {-1, "one", "loss_hits"}, {0, NULL, NULL}},
                                        more[] = {{1, "two", "loss_hits"},
                                                  {-1, "one", "loss_hits"},
                                                  {-3, "two", "loss_other"},
                                                  {3, "one", "loss_other"},
                                                  {0, NULL, NULL}},
                                        task[] = {{0.5, "two", NULL}, {0, NULL, NULL}},
                                        lost[] = {{1, "four", "loss_hits"}, {0, NULL, NULL}};
    static const struct attn_claim_term *const sums[] = {gap, more, task, NULL}, *const missing[] = {gap, lost, NULL};
    (void)state;
    const struct attn_claim claim = {.kind = ATTN_CLAIM_SUMS, .sums = sums};
    assert_string_equal(attn_claim_arm(&claim, 0), "two");
    assert_string_equal(attn_claim_arm(&claim, 1), "one");
    assert_null(attn_claim_arm(&claim, 2));
    expect_mean(claim, 2 - 3 * 0.5, ATTN_HOLDS);
    expect_mean((struct attn_claim){.kind = ATTN_CLAIM_SUMS, .sums = sums, .threshold = 0.5 + 1e-9}, 0.5, ATTN_DOES_NOT_HOLD);
    assert_true(isnan(judged_text((struct attn_claim){.kind = ATTN_CLAIM_SUMS, .sums = missing}).interval.mean));
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

/* ---------------------------------------------------------------------------------------------------- files of data */

static const char *const text_files[] = {"data=texts/train.txt", "valid=texts/valid.txt", NULL};
static const char *const text_common[] = {"tokenizer=character", "length=8", "batch=2", "width=8", "layers=1", "epochs=1",
                                          "eval_every=0",        "warmup=0", NULL};

static void write_text(const char *store, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/texts/%s", store, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 20; i++) fputs("abcabd ", file);
    fclose(file);
}

static void experiments_on_files_need_the_folder_of_data(void **state) {
    struct attn_experiment e = texts;
    attn_ctx *ctx = test_context(1);
    char store[64], text[256], expected[128];
    struct attn_sweep sweep;
    (void)state;
    e.files = text_files;
    e.common = text_common;
    test_folder_make(store);
    unsetenv("ATTN_DATA");
    assert_false(attn_experiment_has_data(&e, text, sizeof text));
    assert_string_equal(text, "ATTN_DATA is not set, expected a folder with texts/train.txt");
    assert_int_equal(attn_experiment_recipes(ctx, &e, 0, &sweep), ATTN_EINVAL);
    setenv("ATTN_DATA", store, 1);
    snprintf(text, sizeof text, "%s/texts", store);
    assert_int_equal(mkdir(text, 0777), 0);
    write_text(store, "train.txt");
    assert_false(attn_experiment_has_data(&e, text, sizeof text));
    snprintf(expected, sizeof expected, "%s has no texts/valid.txt", store);
    assert_string_equal(text, expected);
    write_text(store, "valid.txt");
    assert_true(attn_experiment_has_data(&e, text, sizeof text));
    assert_int_equal(attn_experiment_recipes(ctx, &e, 1, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, ARMS);
    snprintf(expected, sizeof expected, "%s/texts/valid.txt", store);
    assert_string_equal(attn_recipe_words(attn_sweep_recipe(&sweep, 0), "valid"), expected);
    attn_sweep_free(ctx, &sweep);
    char quoted[96];
    snprintf(quoted, sizeof quoted, "%s/a\"b, c", store); /* what parts and quotes values on a command line */
    snprintf(text, sizeof text, "%s/texts", quoted);
    assert_int_equal(mkdir(quoted, 0777), 0);
    assert_int_equal(mkdir(text, 0777), 0);
    write_text(quoted, "train.txt");
    write_text(quoted, "valid.txt");
    setenv("ATTN_DATA", quoted, 1);
    assert_int_equal(attn_experiment_recipes(ctx, &e, 1, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, ARMS);
    snprintf(expected, sizeof expected, "%s/texts/train.txt", quoted);
    assert_string_equal(attn_recipe_words(attn_sweep_recipe(&sweep, 0), "data"), expected);
    attn_sweep_free(ctx, &sweep);
    unsetenv("ATTN_DATA");
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
}

static void claims_on_data_that_are_not_here_are_not_tested(void **state) {
    struct attn_experiment e = texts;
    struct attn_claim claim = {.name = "c", .kind = ATTN_CLAIM_ABOVE, .arms = {"one", "two"}, .at = {[ATTN_NIGHT] = {.experiment = &e}}};
    const struct attn_system system = {.name = "s", .claims = &claim, .claim_count = 1};
    attn_ctx *ctx = test_context(1);
    struct attn_reproduction r;
    struct attn_claim_result result;
    (void)state;
    e.files = text_files;
    unsetenv("ATTN_DATA");
    assert_int_equal(attn_reproduction_open(ctx, &system, ATTN_NIGHT, 0, &r), ATTN_OK);
    assert_int_equal(r.count, 0);
    assert_non_null(strstr(r.missing, "ATTN_DATA is not set"));
    assert_int_equal(attn_reproduction_judge(ctx, &r, 0, &result), ATTN_OK);
    assert_int_equal(result.verdict, ATTN_NOT_TESTED);
    assert_false(result.surprise);
    attn_reproduction_close(ctx, &r);
    attn_ctx_destroy(ctx);
}

static void a_reproduction_that_cannot_be_opened_leaves_nothing(void **state) {
    enum { EXPERIMENTS = ATTN_EXPERIMENTS + 1 };
    static struct attn_experiment e[EXPERIMENTS];
    static struct attn_claim claims[EXPERIMENTS];
    const struct attn_system system = {.name = "s", .claims = claims, .claim_count = EXPERIMENTS};
    attn_ctx *ctx = test_context(1);
    struct attn_reproduction r;
    char text[256];
    (void)state;
    for (int i = 0; i < EXPERIMENTS; i++) {
        e[i] = texts;
        claims[i] = (struct attn_claim){
            .name = "c", .kind = ATTN_CLAIM_ABOVE, .arms = {"one", "two"}, .at = {[ATTN_QUICK] = {.experiment = &e[i]}}};
    }
    assert_int_equal(attn_reproduction_open(ctx, &system, ATTN_QUICK, 0, &r), ATTN_EINVAL);
    assert_int_equal(r.count, 0);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "system s: found more than 48 experiments at scale quick, expected at most so many");
    attn_ctx_destroy(ctx);
}

/* ---------------------------------------------------------------------------------------------------- Zoology's own */

static void expect_arm(const struct attn_experiment *e, const char *name) {
    for (int i = 0; i < e->arm_count; i++)
        if (strcmp(e->arms[i].name, name) == 0) return;
    fail_msg("%s has no arm '%s'", e->name, name);
}

/* Names that an experiment has not would leave a claim open for ever. */
static void every_arm_that_a_claim_of_zoology_names_is_one_of_its_experiment(void **state) {
    (void)state;
    for (int i = 0; i < attn_system_zoology.claim_count; i++)
        for (int scale = 0; scale < ATTN_SCALES; scale++) {
            const struct attn_claim *claim = &attn_system_zoology.claims[i];
            const struct attn_experiment *e = claim->at[scale].experiment;
            for (int a = 0; e && a < ATTN_CLAIM_ARMS && claim->arms[a]; a++) expect_arm(e, claim->arms[a]);
            for (int n = 0; e && claim->sums && claim->sums[n]; n++)
                for (const struct attn_claim_term *t = claim->sums[n]; t->arm; t++) expect_arm(e, t->arm);
            assert_int_equal(claim->kind == ATTN_CLAIM_SUMS, claim->sums != NULL);
            if (e && e->seeds == 1) assert_int_equal(claim->at[scale].expected, ATTN_INCONCLUSIVE);
        }
}

static int64_t recipes_of(attn_ctx *ctx, const struct attn_experiment *e, struct attn_sweep *sweep) {
    assert_int_equal(attn_experiment_recipes(ctx, e, 0, sweep), ATTN_OK);
    return sweep->count;
}

static void figure_2_has_448_runs_of_which_no_two_are_alike(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_sweep sweep;
    uint64_t hash[448];
    (void)state;
    assert_int_equal(recipes_of(ctx, &attn_zoology_recall_paper, &sweep), 448);
    for (int i = 0; i < 448; i++) {
        hash[i] = attn_recipe_hash(attn_sweep_recipe(&sweep, i));
        for (int j = 0; j < i; j++) assert_true(hash[i] != hash[j]);
    }
    attn_sweep_free(ctx, &sweep);
    attn_ctx_destroy(ctx);
}

/* How many recipes of one experiment are another's too. */
static int shared(attn_ctx *ctx, const struct attn_experiment *a, const struct attn_experiment *b) {
    struct attn_sweep x, y;
    int count = 0;
    recipes_of(ctx, a, &x);
    recipes_of(ctx, b, &y);
    for (int64_t i = 0; i < x.count; i++) {
        const uint64_t hash = attn_recipe_hash(attn_sweep_recipe(&x, i));
        for (int64_t j = 0; j < y.count; j++) count += hash == attn_recipe_hash(attn_sweep_recipe(&y, j));
    }
    attn_sweep_free(ctx, &x);
    attn_sweep_free(ctx, &y);
    return count;
}

static void experiments_take_the_runs_that_they_share(void **state) {
    attn_ctx *ctx = test_context(1);
    (void)state;
    assert_int_equal(shared(ctx, &attn_zoology_pairs_full, &attn_zoology_stacked_full), 6 * 3 * 3); /* 6 arms, 3 rates, 3 seeds */
    assert_int_equal(shared(ctx, &attn_zoology_window_full, &attn_zoology_behind_full), 1 * 2 * 3);
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
        cmocka_unit_test(where_lower_is_better_an_arm_is_above_that_has_less),
        cmocka_unit_test(a_claim_compares_the_figure_that_it_names),
        cmocka_unit_test(a_claim_of_sums_is_judged_by_the_least_of_them),
        cmocka_unit_test(experiments_on_files_need_the_folder_of_data),
        cmocka_unit_test(claims_on_data_that_are_not_here_are_not_tested),
        cmocka_unit_test(a_reproduction_that_cannot_be_opened_leaves_nothing),
        cmocka_unit_test(every_arm_that_a_claim_of_zoology_names_is_one_of_its_experiment),
        cmocka_unit_test(figure_2_has_448_runs_of_which_no_two_are_alike),
        cmocka_unit_test(experiments_take_the_runs_that_they_share),
    };
    return cmocka_run_group_tests_name("train: claims", tests, NULL, NULL);
}
