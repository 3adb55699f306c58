/* aaren/recall: examples against their definition, figures against a slow count, training that lowers the loss; and the system's check. */
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/claims.h"
#include "system/aaren/recall_example.h"
#include "system/systems.h"
#include "train/try.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 64, PAIRS = 64 };

static void every_example_asks_for_each_of_its_different_keys_once(void **state) {
    static const struct attn_aaren_recall_size sizes[] = {{64, 64, 16}, {1, 2, 1}, {2, 1000, 2}, {64, 3, 64}, {17, 2, 5}};
    int32_t token[3 * PAIRS], label[PAIRS], scratch[KEYS];
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int64_t index = 0; index < 50; index++) {
            const struct attn_aaren_recall_size *z = &sizes[s];
            int32_t value_of[KEYS];
            bool asked[KEYS] = {false};
            for (int k = 0; k < KEYS; k++) value_of[k] = -1;
            attn_aaren_recall_example(z, 7 + s, index, token, label, scratch);
            for (int64_t i = 0; i < z->pairs; i++) {
                const int32_t key = token[2 * i], value = token[2 * i + 1];
                assert_true(key >= 0 && key < z->keys && value >= z->keys && value < z->keys + z->values);
                assert_int_equal(value_of[key], -1);
                value_of[key] = value - (int32_t)z->keys;
            }
            for (int64_t i = 0; i < z->pairs; i++) {
                const int32_t key = token[2 * z->pairs + i];
                assert_true(key >= 0 && key < z->keys && !asked[key] && value_of[key] >= 0);
                assert_int_equal(label[i], value_of[key]);
                asked[key] = true;
            }
        }
}

/* Within 5 standard deviations of its share: keys and values at the first pair's place, and the first pair among those that are asked for. */
static void keys_values_and_orders_are_drawn_evenly(void **state) {
    enum { DRAWS = 40000, K = 5, V = 4, P = 3 };
    const struct attn_aaren_recall_size size = {K, V, P};
    int32_t token[3 * P], label[P], scratch[K];
    int keys[K] = {0}, values[V] = {0}, place[P] = {0};
    (void)state;
    for (int64_t index = 0; index < DRAWS; index++) {
        attn_aaren_recall_example(&size, 1, index, token, label, scratch);
        keys[token[0]]++;
        values[token[1] - K]++;
        for (int i = 0; i < P; i++) place[i] += token[2 * P + i] == token[0];
    }
    for (int k = 0; k < K; k++) assert_true(fabs(keys[k] - (double)DRAWS / K) < 5 * sqrt((double)DRAWS / K));
    for (int v = 0; v < V; v++) assert_true(fabs(values[v] - (double)DRAWS / V) < 5 * sqrt((double)DRAWS / V));
    for (int i = 0; i < P; i++) assert_true(fabs(place[i] - (double)DRAWS / P) < 5 * sqrt((double)DRAWS / P));
}

static void an_example_depends_on_seed_and_number_alone(void **state) {
    const struct attn_aaren_recall_size size = {64, 64, 16};
    int32_t a[48], b[48], label[2][16], scratch[64];
    (void)state;
    attn_aaren_recall_example(&size, 3, 5, a, label[0], scratch);
    attn_aaren_recall_example(&size, 3, 6, b, label[1], scratch);
    assert_memory_not_equal(a, b, sizeof a);
    attn_aaren_recall_example(&size, 4, 5, b, label[1], scratch);
    assert_memory_not_equal(a, b, sizeof a);
    attn_aaren_recall_example(&size, 3, 5, b, label[1], scratch);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(label[0], label[1], sizeof label[0]);
}

/* ------------------------------------------------------------------------------------------------------------- jobs */

struct recall_job {
    attn_ctx *ctx;
    struct attn_recipe *recipe;
    struct attn_job job;
};

static attn_status open_job(struct recall_job *t, int threads, const char *words) {
    char all[512];
    snprintf(all, sizeof all, "pairs=3 keys=7 values=5 width=8 ffn=12 layers=1 batch=8 test_examples=70 mixer=aaren:heads=2 %s", words);
    t->ctx = test_context(threads);
    t->recipe = test_task_recipe(t->ctx, &attn_aaren_recall, all);
    return attn_job_open(t->ctx, &attn_aaren_recall, t->recipe, NULL, 0, NULL, &t->job);
}

static void close_job(struct recall_job *t) {
    attn_job_close(&t->job);
    attn_free(t->ctx, t->recipe);
    attn_ctx_destroy(t->ctx);
}

/* Plain gradient descent on the first batch, so many steps; the loss behind them. */
static double descend(struct recall_job *t, int steps) {
    attn_tape *tape = attn_model_tape(t->job.model);
    for (int s = 0;; s++) {
        attn_tape_reset(tape);
        attn_tensor *loss = attn_aaren_recall.loss(&t->job, 0, 0, 1);
        assert_int_equal(attn_tape_backward(loss), ATTN_OK);
        if (s == steps) return (double)attn_data(loss)[0];
        for (int64_t p = 0; p < attn_model_count(t->job.model); p++) {
            attn_tensor *x = attn_model_tensor(t->job.model, p);
            for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] -= (attn_real)0.1 * attn_grad(x)[i];
        }
    }
}

/* Parameters of the two blocks, of tables, of the norm behind, and of the layer to the values. */
static void a_job_opens_with_its_defaults(void **state) {
    enum { D = 64, FFN = 256, BLOCK = 4 * D * D + 4 * D + D /* query */ + 2 * D * FFN + FFN + D + 4 * D };
    attn_ctx *ctx = test_context(1);
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_recall, "");
    struct attn_job job;
    int64_t numbers = 0;
    (void)state;
    assert_int_equal(attn_job_open(ctx, &attn_aaren_recall, recipe, NULL, 0, NULL, &job), ATTN_OK);
    for (int64_t p = 0; p < attn_model_count(job.model); p++) numbers += attn_count(attn_model_tensor(job.model, p));
    assert_int_equal(numbers, 2 * BLOCK + (64 + 64 + 48) * D + 2 * D + 64 * D + 64);
    attn_job_close(&job);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

static const char *const mixers[] = {"", "mixer=attention:heads=2", "mixer=baseconv:kernel=2",
                                     "mixer=aaren:heads=4+attention:heads=1 layers=2"};
enum { MIXERS = sizeof mixers / sizeof mixers[0] };

static void three_steps_lower_the_loss_with_any_mixer(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        struct recall_job t;
        assert_int_equal(open_job(&t, 1, mixers[m]), ATTN_OK);
        const double before = descend(&t, 0), after = descend(&t, 3);
        if (!(after < before)) fail_msg("%s: loss %g, then %g", mixers[m], before, after);
        close_job(&t);
    }
}

/* Micro-batches of a step add up to its loss; one of the batch's mean has the same examples. */
static void micro_batches_add_up_to_the_loss_of_a_step(void **state) {
    struct recall_job t;
    (void)state;
    assert_int_equal(open_job(&t, 1, ""), ATTN_OK);
    attn_tensor *all = attn_aaren_recall.loss(&t.job, 3, 0, 1);
    assert_non_null(all);
    double sum = 0;
    for (int micro = 0; micro < 4; micro++) {
        attn_tensor *part = attn_aaren_recall.loss(&t.job, 3, micro, 4);
        assert_non_null(part);
        sum += (double)attn_data(part)[0];
    }
    assert_true(fabs(sum - (double)attn_data(all)[0]) < 1e-6 * fabs(sum));
    close_job(&t);
}

/* The text that is generated and the figures of a trained model, on one thread and on three. */
static void examples_and_figures_are_the_same_on_any_number_of_threads(void **state) {
    char *text[2];
    size_t bytes[2];
    struct attn_figures figures[2] = {{.count = 0}, {.count = 0}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct recall_job t;
        assert_int_equal(open_job(&t, i == 0 ? 1 : 3, ""), ATTN_OK);
        FILE *out = open_memstream(&text[i], &bytes[i]);
        assert_non_null(out);
        assert_int_equal(attn_aaren_recall.generate(&t.job, 5, out), ATTN_OK);
        fclose(out);
        descend(&t, 3);
        assert_int_equal(attn_aaren_recall.evaluate(&t.job, NULL, &figures[i]), ATTN_OK);
        close_job(&t);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(text[0], text[1], bytes[0]);
    assert_int_equal(figures[0].count, 2);
    for (int f = 0; f < figures[0].count; f++) assert_true(figures[0].at[f].value == figures[1].at[f].value);
    assert_ptr_equal(strstr(text[0], "{\"tokens\": ["), text[0]);
    for (int i = 0; i < 2; i++) free(text[i]);
}

/* With all weights zero but one bias every answer is that value: accuracy is its share of the tests' labels, drawn here again, and the loss log(e^2 + 4) - 2
 * where it is right, log(e^2 + 4) elsewhere. */
static void figures_are_shares_and_means_over_all_keys_that_are_asked_for(void **state) {
    enum { VALUE = 3, BIAS = 2 };
    const struct attn_aaren_recall_size size = {7, 5, 3};
    struct recall_job t;
    struct attn_figures figures = {.count = 0};
    int32_t token[9], label[3], scratch[7];
    double right = 0;
    (void)state;
    assert_int_equal(open_job(&t, 2, "seed=11"), ATTN_OK);
    for (int64_t p = 0; p < attn_model_count(t.job.model); p++) {
        attn_tensor *x = attn_model_tensor(t.job.model, p);
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] = 0;
        if (strcmp(attn_model_name(t.job.model, p), "out.bias") == 0) attn_data(x)[VALUE] = BIAS;
    }
    for (int64_t i = 0; i < 70; i++) {
        attn_aaren_recall_example(&size, (UINT64_C(1) << 31) + 11, i, token, label, scratch);
        for (int k = 0; k < 3; k++) right += label[k] == VALUE;
    }
    assert_int_equal(attn_aaren_recall.evaluate(&t.job, NULL, &figures), ATTN_OK);
    assert_string_equal(figures.at[0].name, attn_aaren_recall.figure);
    assert_true(right > 0 && fabs(attn_figures_get(&figures, "accuracy") - right / 210) < 1e-12);
    assert_true(fabs(attn_figures_get(&figures, "loss") - (log(exp(BIAS) + 4) - BIAS * right / 210)) < 1e-5);
    close_job(&t);
}

static void more_pairs_than_keys_and_files_are_refused(void **state) {
    struct recall_job t;
    struct attn_figures figures = {.count = 0};
    char sentence[256];
    (void)state;
    assert_int_equal(open_job(&t, 1, "pairs=8"), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), "pairs=8, keys=7: the keys of an example differ"));
    close_job(&t);
    assert_int_equal(open_job(&t, 1, ""), ATTN_OK);
    assert_int_equal(attn_aaren_recall.evaluate(&t.job, "x.csv", &figures), ATTN_EUNSUPPORTED);
    assert_non_null(
        strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), "x.csv: aaren/recall is evaluated on generated examples only"));
    close_job(&t);
}

/* ----------------------------------------------------------------------------------------------------------- system */

static void every_task_of_the_system_is_found_by_its_short_name(void **state) {
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (int i = 0; i < attn_system_aaren.task_count; i++) {
        const struct attn_task *task = attn_system_aaren.tasks[i];
        assert_ptr_equal(attn_task_named(ctx, strchr(task->name, '/') + 1), task);
    }
    attn_ctx_destroy(ctx);
}

static void the_check_finds_that_every_host_runs(void **state) {
    attn_ctx *ctx = test_context(2);
    double value = 0;
    (void)state;
    assert_int_equal(attn_aaren_claims[0].check(ctx, &value), ATTN_OK);
    assert_true(value == 1);
    attn_ctx_destroy(ctx);
}

static void a_trial_of_a_host_without_a_loss_looks_at_its_first_figure(void **state) {
    static const char *const good[] = {"rows=200", "length=8", "horizon=4", "width=8", "ffn=8", "layers=1", "batch=4", NULL};
    static const char *const bad[] = {"rows=200", "length=8", "horizon=4", "width=8", "ffn=8", "layers=1", "batch=4", "mixer=none", NULL};
    attn_ctx *ctx = test_context(1);
    struct attn_figures figures;
    (void)state;
    assert_int_equal(attn_job_try(ctx, &attn_aaren_forecast, good, 1, &figures), ATTN_OK);
    assert_true(isnan(attn_figures_get(&figures, "loss")) && isfinite(attn_figures_get(&figures, "validation_mse")));
    assert_int_equal(attn_job_try(ctx, &attn_aaren_forecast, bad, 1, &figures), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

/* With all weights zero but one bias, whichever key comes, that value has the probability e^2 / (e^2 + 4), and every other one 1 / (e^2 + 4). */
static void the_picture_has_the_probability_of_each_pairs_value_at_each_key(void **state) {
    enum { VALUE = 3, BIAS = 2, PAIRS_HERE = 3, KEYS_HERE = 7 };
    const struct attn_aaren_recall_size size = {KEYS_HERE, 5, PAIRS_HERE};
    struct recall_job t;
    struct attn_picture p = {.points = 0};
    int32_t token[9], label[3], scratch[7];
    (void)state;
    assert_int_equal(open_job(&t, 1, "seed=11"), ATTN_OK);
    for (int64_t k = 0; k < attn_model_count(t.job.model); k++)
        memset(attn_data(attn_model_tensor(t.job.model, k)), 0, (size_t)attn_count(attn_model_tensor(t.job.model, k)) * sizeof(attn_real));
    attn_tensor *bias = attn_model_tensor(t.job.model, attn_model_count(t.job.model) - 1);
    assert_int_equal(attn_count(bias), 5);
    attn_data(bias)[VALUE] = BIAS;
    attn_aaren_recall_example(&size, ((uint64_t)1 << 31) + 11, 0, token, label, scratch);
    assert_int_equal(attn_aaren_recall.picture(&t.job, 0, &p), ATTN_OK);
    assert_int_equal(p.rows, PAIRS_HERE);
    assert_int_equal(p.columns, PAIRS_HERE);
    for (int i = 0; i < PAIRS_HERE; i++) {
        assert_int_equal(atoi(p.label[i]), token[2 * i]);
        assert_int_equal(atoi(p.label[PAIRS_HERE + i]), token[2 * i + 1] - KEYS_HERE);
        for (int j = 0; j < PAIRS_HERE; j++) {
            const double raised = token[2 * j + 1] - KEYS_HERE == VALUE ? exp(BIAS) : 1;
            assert_true(fabs(p.cell[i * PAIRS_HERE + j] - raised / (exp(BIAS) + 4)) < 1e-6);
        }
    }
    attn_picture_free(t.ctx, &p);
    assert_int_equal(attn_aaren_recall.picture(&t.job, 1, &p), ATTN_OK);
    assert_true(attn_picture_empty(&p));
    close_job(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_asks_for_each_of_its_different_keys_once),
        cmocka_unit_test(keys_values_and_orders_are_drawn_evenly),
        cmocka_unit_test(an_example_depends_on_seed_and_number_alone),
        cmocka_unit_test(a_job_opens_with_its_defaults),
        cmocka_unit_test(three_steps_lower_the_loss_with_any_mixer),
        cmocka_unit_test(micro_batches_add_up_to_the_loss_of_a_step),
        cmocka_unit_test(examples_and_figures_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(figures_are_shares_and_means_over_all_keys_that_are_asked_for),
        cmocka_unit_test(more_pairs_than_keys_and_files_are_refused),
        cmocka_unit_test(every_task_of_the_system_is_found_by_its_short_name),
        cmocka_unit_test(the_check_finds_that_every_host_runs),
        cmocka_unit_test(the_picture_has_the_probability_of_each_pairs_value_at_each_key),
        cmocka_unit_test(a_trial_of_a_host_without_a_loss_looks_at_its_first_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
