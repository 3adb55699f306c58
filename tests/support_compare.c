/* The comparator of the tests is tested itself: what must fail, fails. */
#include "support/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double nan_ = (double)NAN, inf = (double)INFINITY;

static void a_nan_equals_only_a_nan(void **state) {
    (void)state;
    assert_true(test_near(nan_, nan_, 1e-3, 1e-3));
    assert_false(test_near(nan_, 0.0, 1e9, 1e9));
    assert_false(test_near(0.0, nan_, 1e9, 1e9));
    const double got[2] = {1.0, 2.0}, want[2] = {1.0, nan_};
    assert_true(isinf(test_max_error(2, got, want)));
    assert_true(isinf(test_max_error(2, want, got)));
    assert_true(test_max_error(2, want, want) == 0.0);
}

static void an_infinity_equals_only_itself(void **state) {
    (void)state;
    assert_true(test_near(inf, inf, 0.0, 0.0));
    assert_true(test_near(-inf, -inf, 0.0, 0.0));
    assert_false(test_near(inf, -inf, 1e9, 1e9));
    assert_false(test_near(1e308, inf, 1.0, 1e308));
    assert_false(test_near(inf, 1e308, 1.0, 1e308));
    assert_false(test_near(inf, nan_, 1.0, 1.0));
}

static void finite_numbers_are_compared_by_both_tolerances(void **state) {
    (void)state;
    assert_true(test_near(1.01, 1.0, 0.0, 0.02));
    assert_false(test_near(1.03, 1.0, 0.0, 0.02));
    assert_true(test_near(101.0, 100.0, 0.02, 0.0));
    assert_false(test_near(103.0, 100.0, 0.02, 0.0));
}

static void an_array_fails_by_one_element(void **state) {
    (void)state;
    const double want[3] = {1.0, -2.0, 3.0}, got[3] = {1.0, -2.0, 3.1};
    assert_true(test_all_near("same", 3, want, want, 0.0, 0.0));
    assert_false(test_all_near("a difference that is expected here", 3, got, want, 1e-3, 0.0));
}

static void the_bound_scales_with_the_plain_error(void **state) {
    (void)state;
    const double want[2] = {1.0, 2.0}, plain[2] = {1.0, 2.0001}, good[2] = {1.00019, 2.0}, bad[2] = {1.0003, 2.0}, poison[2] = {1.0, nan_};
    assert_true(test_error_bounded("within", 2, good, want, plain, 1.0));
    assert_false(test_error_bounded("an error that is expected here", 2, bad, want, plain, 1.0));
    assert_false(test_error_bounded("a NaN that is expected here", 2, poison, want, plain, 1.0));
    assert_false(test_error_bounded("a NaN that is expected here", 2, good, want, poison, 1.0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nan_equals_only_a_nan),
        cmocka_unit_test(an_infinity_equals_only_itself),
        cmocka_unit_test(finite_numbers_are_compared_by_both_tolerances),
        cmocka_unit_test(an_array_fails_by_one_element),
        cmocka_unit_test(the_bound_scales_with_the_plain_error),
    };
    return cmocka_run_group_tests_name("tests: the comparator", tests, NULL, NULL);
}
