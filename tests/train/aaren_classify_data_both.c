/* Series as the classifier takes them: interpolated, standardised, level; splits; what a saved model knows; each against slow loops or numbers by hand. */
#include "base/random.h"
#include "support/data.h"
#include "support/series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(ATTN_TRAIN_DOUBLE)
static const double rounding = 1e-13;
#else
static const double rounding = 1e-6;
#endif

static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    ctx = test_context(2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static const char *sentence(void) {
    static char text[1024];
    return attn_ctx_error(ctx, text, sizeof text);
}

/* ---------------------------------------------------------------------------------------------------- interpolation */

static void missing_values_lie_on_lines_between_those_that_are_known(void **state) {
    static const double wanted[2][7] = {{2, 2, 3, 4, 7, 10, 10}, {5, 4.5, 4, 3.5, 3, 2.5, 2}};
    struct attn_ts ts;
    (void)state;
    test_series(ctx, "@data\n?,2,?,4,?,10,?:5,?,?,?,3,?,2\n?,?:1,2\n", &ts);
    for (int64_t d = 0; d < 2; d++) {
        double value[7];
        bool known;
        assert_int_equal(attn_aaren_classify_channel(&ts, 0, d, false, value, &known), 7);
        assert_true(known);
        for (int t = 0; t < 7; t++) assert_true(fabs(value[t] - wanted[d][t]) <= 1e-15);
    }
    double none[2];
    bool known;
    assert_int_equal(attn_aaren_classify_channel(&ts, 1, 0, false, none, &known), 2);
    assert_false(known);
    attn_ts_free(ctx, &ts);
}

/* 300 values of the first dimension, 256 and 257 of the others. */
static void long_dimensions_of_ragged_cases_keep_every_second_value(void **state) {
    static const int lengths[3] = {300, 256, 257};
    char *text = malloc(1 << 16), *at = text;
    struct attn_ts ts;
    (void)state;
    assert_non_null(text);
    at += sprintf(at, "@data\n");
    for (int d = 0; d < 3; d++)
        for (int t = 0; t < lengths[d]; t++) at += sprintf(at, "%d%c", 1000 * d + t, t + 1 < lengths[d] ? ',' : d < 2 ? ':' : '\n');
    test_series(ctx, text, &ts);
    assert_true(ts.ragged);
    assert_int_equal(attn_aaren_classify_longest(&ts, false), 300);
    assert_int_equal(attn_aaren_classify_longest(&ts, true), 256);
    for (int d = 0; d < 3; d++) {
        const int stride = d == 1 ? 1 : 2, kept = d == 0 ? 150 : d == 1 ? 256 : 129;
        double value[256];
        bool known;
        assert_int_equal(attn_aaren_classify_channel(&ts, 0, d, true, value, &known), 256);
        for (int t = 0; t < 256; t++) assert_true(value[t] == 1000 * d + stride * (t < kept ? t : kept - 1));
    }
    free(text);
    attn_ts_free(ctx, &ts);
}

/* ----------------------------------------------------------------------------------------------------------- scale */

static void channels_have_the_mean_and_deviation_of_the_training_part(void **state) {
    struct attn_aaren_classify_scale scale;
    struct attn_aaren_classify_set set;
    struct attn_ts ts;
    const int64_t fit[] = {2, 0};
    (void)state;
    test_series(ctx, "@classLabel true a b\n@data\n1,2,3:7,7,7:a\n100,200:0,9:b\n5,?,9,11:7,7,7,7:b\n", &ts);
    assert_int_equal(attn_aaren_classify_scale_open(ctx, &ts, fit, 2, false, false, &scale), ATTN_OK);
    const double mean = (1 + 2 + 3 + 5 + 7 + 9 + 11) / 7.0, square = (1 + 4 + 9 + 25 + 49 + 81 + 121) / 7.0,
                 deviation = sqrt(square - mean * mean);
    assert_true(fabs(scale.mean[0] - mean) <= 1e-14);
    assert_true(fabs(scale.deviation[0] - deviation) <= 1e-14 * square);
    assert_true(scale.mean[1] == 7);
    assert_true(scale.deviation[1] == 1); /* it never changes */
    assert_int_equal(attn_aaren_classify_set_open(ctx, &ts, NULL, 3, &scale, 5, &set), ATTN_OK);
    static const double x[3][5] = {{1, 2, 3}, {100, 200}, {5, 7, 9, 11}};
    for (int c = 0; c < 3; c++) {
        assert_int_equal(set.steps[c], 2 + (c == 0) + 2 * (c == 2));
        assert_int_equal(set.label[c], c > 0);
        for (int t = 0; t < 5; t++) {
            const double wanted = t < set.steps[c] ? (x[c][t] - mean) / deviation : 0;
            assert_true(fabs((double)set.x[(c * 5 + t) * 2] - wanted) <= rounding * fmax(1, fabs(wanted)));
            assert_true(t < set.steps[c] || set.x[(c * 5 + t) * 2 + 1] == 0);
        }
    }
    attn_aaren_classify_set_close(ctx, &set);
    attn_aaren_classify_scale_close(ctx, &scale);
    attn_ts_free(ctx, &ts);
}

/* A mean of 1e9 takes nothing from a deviation of 1. */
static void small_changes_of_great_values_are_kept(void **state) {
    struct attn_aaren_classify_scale scale;
    struct attn_aaren_classify_set set;
    struct attn_ts ts;
    (void)state;
    test_series(ctx, "@data\n1000000001,999999999\n", &ts);
    assert_int_equal(attn_aaren_classify_scale_open(ctx, &ts, NULL, 1, false, false, &scale), ATTN_OK);
    assert_true(scale.mean[0] == 1e9);
    assert_true(scale.deviation[0] == 1);
    assert_int_equal(attn_aaren_classify_set_open(ctx, &ts, NULL, 1, &scale, 2, &set), ATTN_OK);
    assert_true(set.x[0] == 1 && set.x[1] == -1);
    assert_int_equal(set.label[0], -1);
    attn_aaren_classify_set_close(ctx, &set);
    attn_aaren_classify_scale_close(ctx, &scale);
    attn_ts_free(ctx, &ts);
}

static void per_case_every_case_has_mean_0_and_deviation_1(void **state) {
    struct attn_aaren_classify_scale scale;
    struct attn_aaren_classify_set set;
    struct attn_ts ts;
    (void)state;
    test_series(ctx, "@data\n1,2,4:0,5,1\n-30,0,60:3,1,1\n", &ts);
    assert_int_equal(attn_aaren_classify_scale_open(ctx, &ts, NULL, 2, false, true, &scale), ATTN_OK);
    assert_int_equal(attn_aaren_classify_set_open(ctx, &ts, NULL, 2, &scale, 3, &set), ATTN_OK);
    for (int c = 0; c < 2; c++)
        for (int d = 0; d < 2; d++) {
            double mean = 0, square = 0;
            for (int t = 0; t < 3; t++) {
                const double x = (double)set.x[(c * 3 + t) * 2 + d];
                mean += x / 3;
                square += x * x / 3;
            }
            assert_true(fabs(mean) <= 10 * rounding);
            assert_true(fabs(square - 1) <= 2e-2); /* 1e-5 is added to the variance, which is 1e-3 at least here */
        }
    attn_aaren_classify_set_close(ctx, &set);
    attn_aaren_classify_scale_close(ctx, &scale);
    attn_ts_free(ctx, &ts);
}

/* ----------------------------------------------------------------------------------------------------------- splits */

static void splits_take_its_share_of_every_class_and_leave_one_case(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 11);
    for (int round = 0; round < 300; round++) {
        enum { MOST = 90, CLASSES = 6 };
        const int64_t count = attn_random_between(&random, 1, MOST), classes = attn_random_between(&random, 1, CLASSES);
        const double share = 0.05 + 0.8 * attn_random_uniform(&random);
        int32_t label[MOST];
        int64_t order[MOST], again[MOST], fit, fit_again, seen[MOST] = {0}, cases[CLASSES] = {0}, out[CLASSES] = {0}, most = 0;
        for (int64_t i = 0; i < count; i++) cases[label[i] = (int32_t)attn_random_below(&random, (uint64_t)classes)]++;
        assert_int_equal(attn_aaren_classify_split(ctx, label, count, classes, share, (uint64_t)round, order, &fit), ATTN_OK);
        assert_int_equal(attn_aaren_classify_split(ctx, label, count, classes, share, (uint64_t)round, again, &fit_again), ATTN_OK);
        assert_int_equal(fit, fit_again);
        assert_memory_equal(order, again, (size_t)count * sizeof *order);
        for (int64_t i = 0; i < count; i++) seen[order[i]]++;
        for (int64_t i = 0; i < count; i++) assert_int_equal(seen[i], 1);
        for (int64_t i = fit; i < count; i++) out[label[order[i]]]++;
        bool spent = false; /* a class has no more to give, and others stand in for it */
        for (int64_t k = 0; k < classes; k++) spent = spent || (out[k] == cases[k] - 1 && (double)out[k] < share * (double)cases[k]);
        for (int64_t k = 0; k < classes; k++) {
            assert_true(cases[k] == 0 || out[k] < cases[k]);
            assert_true(spent || (double)out[k] < share * (double)cases[k] + 1);
            assert_true((double)out[k] > share * (double)cases[k] - 1 || out[k] == cases[k] - 1);
            most += cases[k] > 0 ? cases[k] - 1 : 0;
        }
        assert_int_equal(count - fit, attn_min64(most, llround(share * (double)count)));
    }
}

/* -------------------------------------------------------------------------------------------------------- knowledge */

static void what_a_model_knows_is_read_back_to_the_bit(void **state) {
    double mean[] = {0.1, -1e300, 0}, deviation[] = {1.0 / 3, 5e-324, 1};
    char name[2][ATTN_TS_NAME] = {"a\"b\\", "\xC3\xA9"};
    int64_t seen[] = {7, 0};
    const struct attn_aaren_classify_kind kind = {.classes = 2,
                                                  .length = 29,
                                                  .name = name,
                                                  .seen = seen,
                                                  .scale = {.channels = 3, .mean = mean, .deviation = deviation, .halve = true}};
    struct attn_aaren_classify_kind back;
    char *text;
    (void)state;
    assert_int_equal(attn_aaren_classify_kind_text(ctx, &kind, &text), ATTN_OK);
    if (attn_aaren_classify_kind_parse(ctx, text, &back)) fail_msg("%s in %s", sentence(), text);
    assert_int_equal(back.classes, 2);
    assert_int_equal(back.length, 29);
    assert_true(back.scale.halve);
    assert_int_equal(back.scale.channels, 3);
    assert_memory_equal(back.scale.mean, mean, sizeof mean);
    assert_memory_equal(back.scale.deviation, deviation, sizeof deviation);
    assert_memory_equal(back.seen, seen, sizeof seen);
    for (int k = 0; k < 2; k++) assert_string_equal(back.name[k], name[k]);
    attn_aaren_classify_kind_close(ctx, &back);
    attn_free(ctx, text);
}

static void malformed_knowledge_is_refused(void **state) {
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0], \"deviation\": [0]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0], \"deviation\": [1, 1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1, 2], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [-1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [1], \"seen\": [1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"\\u0000\"], \"seen\": [1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [], \"seen\": [], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 0, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 99999999999, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": 0, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [0], \"deviation\": [1]}",
        "{\"length\": 3, \"halve\": false, \"classes\": [\"a\"], \"seen\": [1], \"mean\": [\"0\"], \"deviation\": [1]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct attn_aaren_classify_kind kind;
        if (attn_aaren_classify_kind_parse(ctx, wrong[i], &kind) != ATTN_EINVAL || !strstr(sentence(), "attn_extra"))
            fail_msg("%s: %s", wrong[i], sentence());
    }
}

/* ------------------------------------------------------------------------------------------------------------ waves */

static void waves_depend_on_seed_and_number_alone(void **state) {
    const struct attn_aaren_classify_waves waves = {.length = 17, .channels = 3, .noise = 0.5};
    struct attn_ts few, many, other;
    (void)state;
    assert_int_equal(attn_aaren_classify_waves_make(ctx, &waves, 4, 5, &few), ATTN_OK);
    assert_int_equal(attn_aaren_classify_waves_make(ctx, &waves, 4, 11, &many), ATTN_OK);
    assert_int_equal(attn_aaren_classify_waves_make(ctx, &waves, 5, 5, &other), ATTN_OK);
    assert_memory_equal(few.value, many.value, (size_t)(5 * 17 * 3) * sizeof *few.value);
    assert_int_equal(few.first[15], 5 * 17 * 3);
    for (int c = 0; c < 5; c++) {
        assert_int_equal(few.label[c], c % 3);
        assert_true(few.value[c * 51] != other.value[c * 51]);
    }
    attn_ts_free(ctx, &few);
    attn_ts_free(ctx, &many);
    attn_ts_free(ctx, &other);
}

/* Without noise a step has two levels, a burst is nearly still far from its middle, a chirp swings to both sides. */
static void waves_without_noise_are_what_their_names_say(void **state) {
    const struct attn_aaren_classify_waves waves = {.length = 400, .channels = 1, .noise = 0};
    struct attn_ts ts;
    (void)state;
    assert_int_equal(attn_aaren_classify_waves_make(ctx, &waves, 1, 60, &ts), ATTN_OK);
    for (int64_t c = 0; c < ts.cases; c++) {
        const double *value = ts.value + c * 400;
        double low = value[0], high = value[0];
        int levels = 1, still = 0;
        for (int t = 1; t < 400; t++) {
            low = fmin(low, value[t]);
            high = fmax(high, value[t]);
            levels += value[t] != value[t - 1];
        }
        for (int t = 0; t < 400; t++) still += fabs(value[t]) < 1e-2 * (high - low);
        const char *name = ts.class_name[ts.label[c]];
        if (strcmp(name, "step") == 0)
            assert_int_equal(levels, 2);
        else if (strcmp(name, "burst") == 0)
            assert_true(still > 400 / 4);
        else
            assert_true(low < 0 && high > 0 && still < 400 / 10);
    }
    attn_ts_free(ctx, &ts);
}

/* ------------------------------------------------------------------------------------------------------- neighbours */

static double slow_nearest(const struct attn_aaren_classify_set *train, const struct attn_aaren_classify_set *test) {
    const int64_t size = test->length * test->channels;
    int64_t right = 0;
    for (int64_t i = 0; i < test->cases; i++) {
        double least = (double)INFINITY;
        int32_t label = -1;
        for (int64_t c = 0; c < train->cases; c++) {
            double sum = 0;
            for (int64_t k = 0; k < size; k++) {
                const double d = (double)train->x[c * size + k] - (double)test->x[i * size + k];
                sum += d * d;
            }
            if (sum < least) label = train->label[c];
            least = fmin(least, sum);
        }
        right += label == test->label[i];
    }
    return (double)right / (double)test->cases;
}

static void nearest_neighbours_are_those_of_slow_loops(void **state) {
    const struct attn_aaren_classify_source source = {.train = "",
                                                      .test = "",
                                                      .waves = {.length = 30, .channels = 3, .noise = 1},
                                                      .train_cases = 50,
                                                      .test_cases = 40,
                                                      .held_out = 0.2,
                                                      .seed = 3};
    struct attn_aaren_classify_data data = {.loaded = false};
    double split, whole;
    (void)state;
    assert_int_equal(attn_aaren_classify_data_open(ctx, &source, &data), ATTN_OK);
    assert_int_equal(data.train.cases, 40);
    assert_int_equal(data.validation.cases, 10);
    assert_int_equal(attn_aaren_classify_nearest(ctx, &data.train, NULL, &data.test, &whole), ATTN_OK);
    assert_true(whole == slow_nearest(&data.train, &data.test));
    struct attn_aaren_classify_set all = {.cases = 50, .length = 30, .channels = 3};
    all.x = malloc(50 * 90 * sizeof *all.x);
    all.label = malloc(50 * sizeof *all.label);
    assert_true(all.x && all.label);
    memcpy(all.x, data.train.x, 40 * 90 * sizeof *all.x);
    memcpy(all.x + 40 * 90, data.validation.x, 10 * 90 * sizeof *all.x);
    memcpy(all.label, data.train.label, 40 * sizeof *all.label);
    memcpy(all.label + 40, data.validation.label, 10 * sizeof *all.label);
    assert_int_equal(attn_aaren_classify_nearest(ctx, &data.train, &data.validation, &data.test, &split), ATTN_OK);
    assert_true(split == slow_nearest(&all, &data.test));
    free(all.x);
    free(all.label);
    attn_aaren_classify_data_close(ctx, &data);
}

static void real_problems_are_split_and_level(void **state) {
    char train[256], test[256];
    struct attn_aaren_classify_data data = {.loaded = false};
    double nearest;
    (void)state;
    snprintf(train, sizeof train, "%s", test_data("ucr-uea/JapaneseVowels_TRAIN.ts.gz"));
    snprintf(test, sizeof test, "%s", test_data("ucr-uea/JapaneseVowels_TEST.ts.gz"));
    const struct attn_aaren_classify_source source = {.train = train, .test = test, .held_out = 0.2, .seed = 1};
    if (attn_aaren_classify_data_open(ctx, &source, &data)) fail_msg("%s", sentence());
    assert_int_equal(data.train.cases, 216);
    assert_int_equal(data.validation.cases, 54);
    assert_int_equal(data.test.cases, 370);
    assert_int_equal(data.kind.length, 29);
    assert_int_equal(data.kind.classes, 9);
    for (int64_t k = 0; k < 9; k++) assert_int_equal(data.kind.seen[k], 30);
    for (int64_t d = 0; d < 12; d++) {
        double sum = 0, square = 0, all = 0;
        for (int64_t c = 0; c < 216; c++)
            for (int64_t t = 0; t < data.train.steps[c]; t++) {
                const double x = (double)data.train.x[(c * 29 + t) * 12 + d];
                sum += x;
                square += x * x;
                all++;
            }
        assert_true(fabs(sum / all) <= rounding);
        assert_true(fabs(square / all - 1) <= 10 * rounding);
    }
    assert_int_equal(attn_aaren_classify_nearest(ctx, &data.train, &data.validation, &data.test, &nearest), ATTN_OK);
    assert_true(nearest > 0.9);
    attn_aaren_classify_data_close(ctx, &data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_values_lie_on_lines_between_those_that_are_known),
        cmocka_unit_test(long_dimensions_of_ragged_cases_keep_every_second_value),
        cmocka_unit_test(channels_have_the_mean_and_deviation_of_the_training_part),
        cmocka_unit_test(small_changes_of_great_values_are_kept),
        cmocka_unit_test(per_case_every_case_has_mean_0_and_deviation_1),
        cmocka_unit_test(splits_take_its_share_of_every_class_and_leave_one_case),
        cmocka_unit_test(what_a_model_knows_is_read_back_to_the_bit),
        cmocka_unit_test(malformed_knowledge_is_refused),
        cmocka_unit_test(waves_depend_on_seed_and_number_alone),
        cmocka_unit_test(waves_without_noise_are_what_their_names_say),
        cmocka_unit_test(nearest_neighbours_are_those_of_slow_loops),
        cmocka_unit_test(real_problems_are_split_and_level),
    };
    return cmocka_run_group_tests_name("aaren: data of the classifier", tests, set_up, tear_down);
}
