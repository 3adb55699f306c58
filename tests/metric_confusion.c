/* Confusion matrices against counting by hand. */
#include "metric/confusion.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void rows_are_labels_and_columns_predictions(void **state) {
    const int32_t predictions[] = {0, 1, 1, 2, 0, 2}, labels[] = {0, 0, 1, 2, -1, 1};
    const int64_t wanted[] = {1, 1, 0, 0, 1, 1, 0, 0, 1};
    int64_t counts[9] = {0};
    (void)state;
    attn_confusion_count(predictions, labels, 4, 3, counts);
    attn_confusion_count(predictions + 4, labels + 4, 2, 3, counts);
    assert_memory_equal(counts, wanted, sizeof wanted);
    assert_true(attn_confusion_accuracy(counts, 3) == 3.0 / 5);
    assert_true(fabs(attn_confusion_balanced(counts, 3) - (0.5 + 0.5 + 1) / 3) <= 1e-15);
}

static void classes_without_cases_do_not_count_in_the_balanced_accuracy(void **state) {
    const int64_t one[] = {3, 1, 0, 0}, none[4] = {0};
    (void)state;
    assert_true(attn_confusion_balanced(one, 2) == 0.75);
    assert_true(attn_confusion_accuracy(one, 2) == 0.75);
    assert_true(isnan(attn_confusion_accuracy(none, 2)));
    assert_true(isnan(attn_confusion_balanced(none, 2)));
}

static void shares_of_random_matrices_are_those_of_slow_loops(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 3);
    for (int round = 0; round < 50; round++) {
        enum { MOST = 7, CASES = 60 };
        const int64_t classes = attn_random_between(&random, 1, MOST), n = attn_random_between(&random, 1, CASES);
        int32_t predictions[CASES], labels[CASES];
        int64_t counts[MOST * MOST] = {0};
        double right = 0, known = 0, sum = 0, present = 0;
        for (int64_t i = 0; i < n; i++) {
            predictions[i] = (int32_t)attn_random_below(&random, (uint64_t)classes);
            labels[i] = (int32_t)attn_random_between(&random, -1, classes - 1);
            known += labels[i] >= 0;
            right += labels[i] == predictions[i];
        }
        for (int32_t k = 0; k < classes; k++) {
            double of = 0, good = 0;
            for (int64_t i = 0; i < n; i++) {
                of += labels[i] == k;
                good += labels[i] == k && predictions[i] == k;
            }
            sum += of > 0 ? good / of : 0;
            present += of > 0;
        }
        attn_confusion_count(predictions, labels, n, classes, counts);
        if (known == 0) continue;
        assert_true(fabs(attn_confusion_accuracy(counts, classes) - right / known) <= 1e-15);
        assert_true(fabs(attn_confusion_balanced(counts, classes) - sum / present) <= 1e-15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_labels_and_columns_predictions),
        cmocka_unit_test(classes_without_cases_do_not_count_in_the_balanced_accuracy),
        cmocka_unit_test(shares_of_random_matrices_are_those_of_slow_loops),
    };
    return cmocka_run_group_tests_name("metric: confusion", tests, NULL, NULL);
}
