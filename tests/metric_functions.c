/* Metrics against their definitions, on random data with many ties and on edges. */
#include "base/random.h"
#include "metric/metric.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200, ROUNDS = 300 };

static void accuracy_is_the_share_of_labels_that_are_met(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 31);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t predictions[MOST], labels[MOST], met = 0, there = 0, counted;
        double share;
        const size_t count = 1 + attn_random_below(&random, MOST);
        for (size_t i = 0; i < count; i++) {
            predictions[i] = attn_random_between(&random, -1, 3);
            labels[i] = attn_random_between(&random, i == 0 ? 0 : -1, 3);
            if (labels[i] < 0) continue;
            there++;
            if (predictions[i] == labels[i]) met++;
        }
        assert_int_equal(attn_accuracy(test_ctx, predictions, labels, count, &share, &counted), ATTN_OK);
        assert_true(counted == there && share == (double)met / (double)there);
    }
    double share;
    int64_t counted;
    assert_int_equal(attn_accuracy(test_ctx, NULL, NULL, 0, &share, &counted), ATTN_EINVAL);
    assert_int_equal(attn_accuracy(test_ctx, (const int64_t[]){-1}, (const int64_t[]){-1}, 1, &share, &counted), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "found no label from 0 on among 1"));
}

static void errors_are_summed_to_mean_square_and_mean_absolute_value(void **state) {
    (void)state;
    struct attn_random random;
    struct attn_error_sum none = {.count = 0};
    attn_random_init(&random, 33);
    assert_true(isnan(attn_error_mse(&none)) && isnan(attn_error_mae(&none)));
    for (int round = 0; round < ROUNDS; round++) {
        struct attn_error_sum sum = {.count = 0};
        const int count = 1 + (int)attn_random_below(&random, MOST);
        int64_t squares = 0, absolutes = 0; /* whole errors have exact sums */
        for (int i = 0; i < count; i++) {
            const int64_t predicted = attn_random_between(&random, -99, 99), truth = attn_random_between(&random, -99, 99);
            squares += (predicted - truth) * (predicted - truth);
            absolutes += predicted > truth ? predicted - truth : truth - predicted;
            attn_error_add(&sum, (double)predicted, (double)truth);
        }
        assert_true(attn_error_mse(&sum) == (double)squares / count && attn_error_mae(&sum) == (double)absolutes / count);
    }
}

/* All pairs of a positive and a negative; twice the wins, so that ties count in whole numbers. */
static double auc_of_all_pairs(const double *scores, const int64_t *labels, size_t count) {
    int64_t twice = 0, pairs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (labels[i] == 1 && labels[j] == 0) {
                pairs++;
                twice += scores[i] > scores[j] ? 2 : scores[i] == scores[j] ? 1 : 0;
            }
    return (double)twice / (2.0 * (double)pairs);
}

static void auc_is_the_share_of_pairs_in_order_with_ties_halved(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 32);
    for (int round = 0; round < ROUNDS; round++) {
        double scores[MOST], area, turned;
        int64_t labels[MOST];
        const size_t count = 2 + attn_random_below(&random, MOST - 2);
        const uint64_t levels = round % 3 == 0 ? 1u << 30 : 1 + attn_random_below(&random, 8);
        for (size_t i = 0; i < count; i++) {
            scores[i] = (double)attn_random_below(&random, levels) - 3;
            if (round % 5 == 0 && attn_random_below(&random, 10) == 0) scores[i] = i % 2 ? (double)INFINITY : -(double)INFINITY;
            labels[i] = (int64_t)attn_random_below(&random, 2);
        }
        labels[0] = 0;
        labels[1] = 1;
        assert_int_equal(attn_auc(test_ctx, scores, labels, count, &area), ATTN_OK);
        assert_true(area == auc_of_all_pairs(scores, labels, count));
        for (size_t i = 0; i < count; i++) scores[i] = -scores[i]; /* the other way round */
        assert_int_equal(attn_auc(test_ctx, scores, labels, count, &turned), ATTN_OK);
        assert_true(fabs(area + turned - 1) <= 0x1p-52);
    }
}

static void auc_of_what_has_none_is_refused_with_its_place(void **state) {
    (void)state;
    double area;
    static const double scores[] = {1, 2, (double)NAN};
    assert_int_equal(attn_auc(test_ctx, scores, (const int64_t[]){1, 1}, 2, &area), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "found no negative among 2 labels"));
    assert_int_equal(attn_auc(test_ctx, scores, (const int64_t[]){0, 0}, 2, &area), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "found no positive among 2 labels"));
    assert_int_equal(attn_auc(test_ctx, scores, (const int64_t[]){0, 2}, 2, &area), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "label 1: found 2, expected 0 or 1, a label"));
    assert_int_equal(attn_auc(test_ctx, scores, (const int64_t[]){0, 1, 1}, 3, &area), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "score 2: found NaN"));
    assert_int_equal(attn_auc(test_ctx, NULL, NULL, 0, &area), ATTN_EINVAL);
    assert_int_equal(attn_auc(test_ctx, scores, (const int64_t[]){0, 1}, 2, &area), ATTN_OK);
    assert_true(area == 1);
}

static void perplexity_is_that_of_the_definition_in_each_bin(void **state) {
    (void)state;
    enum { BINS = 4 };
    struct attn_random random;
    attn_random_init(&random, 33);
    for (int round = 0; round < ROUNDS; round++) {
        struct attn_likelihood sums[BINS] = {{0, 0, 0}}, all = {0, 0, 0};
        double nll[MOST], tokens[MOST];
        int64_t bins[MOST];
        const size_t count = 1 + attn_random_below(&random, MOST);
        for (size_t i = 0; i < count; i++) {
            tokens[i] = (double)attn_random_below(&random, 50);
            nll[i] = tokens[i] * 5 * attn_random_uniform(&random);
            bins[i] = (int64_t)attn_random_below(&random, BINS);
        }
        assert_int_equal(attn_perplexity_bins(test_ctx, nll, tokens, bins, count, sums), ATTN_OK);
        assert_int_equal(attn_perplexity_bins(test_ctx, nll, tokens, NULL, count, &all), ATTN_OK);
        long double total = 0, total_tokens = 0;
        for (int b = 0; b < BINS; b++) {
            long double sum = 0, n = 0;
            for (size_t i = 0; i < count; i++) {
                if (bins[i] != b) continue;
                sum += (long double)nll[i];
                n += (long double)tokens[i];
            }
            total += sum;
            total_tokens += n;
            const double value = attn_perplexity(&sums[b]), expected = (double)expl(sum / n);
            assert_true(sums[b].tokens == (double)n);
            /* the exponent is below 8, and rounded twice: 8 * 2^-52, and exp's own unit */
            if (n > 0)
                assert_true(fabs(value - expected) <= 10 * 0x1p-52 * expected);
            else
                assert_true(isnan(value));
        }
        if (total_tokens > 0)
            assert_true(fabs(attn_perplexity(&all) - (double)expl(total / total_tokens)) <= 10 * 0x1p-52 * attn_perplexity(&all));
    }
}

/* A million times 0.1, and a great number that comes and goes, beside which each 0.1 is nothing: rounding is kept aside, and its own sum is as
 * exact as that of a million numbers, 10^6 half units. */
static void likelihoods_are_summed_without_losing_small_ones(void **state) {
    (void)state;
    struct attn_likelihood sum = {0, 0, 0};
    attn_likelihood_add(&sum, 1e16, 0);
    for (int i = 0; i < 1000000; i++) attn_likelihood_add(&sum, 0.1, 1);
    attn_likelihood_add(&sum, -1e16, 0);
    assert_true(fabs(attn_perplexity(&sum) - exp(0.1)) <= 1e6 * 0x1p-53);
    attn_likelihood_add(&sum, (double)INFINITY, 1);
    assert_true(isinf(attn_perplexity(&sum)));
}

static void likelihoods_that_are_none_are_refused_with_their_place(void **state) {
    (void)state;
    struct attn_likelihood sum = {0, 0, 0};
    static const double nan[] = {1, (double)NAN}, negative[] = {1, -1}, endless[] = {(double)INFINITY};
    assert_int_equal(attn_perplexity_bins(test_ctx, nan, NULL, NULL, 2, &sum), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "nll 1: found NaN"));
    assert_int_equal(attn_perplexity_bins(test_ctx, negative, negative, NULL, 2, &sum), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "tokens 1: found -1, expected a number of tokens from 0 on"));
    assert_int_equal(attn_perplexity_bins(test_ctx, negative, endless, NULL, 1, &sum), ATTN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_is_the_share_of_labels_that_are_met),
        cmocka_unit_test(errors_are_summed_to_mean_square_and_mean_absolute_value),
        cmocka_unit_test(auc_is_the_share_of_pairs_in_order_with_ties_halved),
        cmocka_unit_test(auc_of_what_has_none_is_refused_with_its_place),
        cmocka_unit_test(perplexity_is_that_of_the_definition_in_each_bin),
        cmocka_unit_test(likelihoods_are_summed_without_losing_small_ones),
        cmocka_unit_test(likelihoods_that_are_none_are_refused_with_their_place),
    };
    return cmocka_run_group_tests_name("metric: functions", tests, test_open_context, test_close_context);
}
