/* What the tests use of cmocka, for targets that have no cmocka of their own (the arm64 preset): a failed assertion says where and jumps out
 * of its test. */
#ifndef TEST_SUPPORT_STANDIN_CMOCKA_H
#define TEST_SUPPORT_STANDIN_CMOCKA_H

#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(function)                                                                                                         \
    { #function, function }

enum standin_end { STANDIN_PASSED, STANDIN_FAILED, STANDIN_SKIPPED };
extern jmp_buf standin_test_end;

#define print_message(...) ((void)printf(__VA_ARGS__))
#define print_error(...)   ((void)fprintf(stderr, __VA_ARGS__))
#define fail_msg(...)                                                                                                                      \
    (print_error("%s:%d: ", __FILE__, __LINE__), print_error(__VA_ARGS__), print_error("\n"), longjmp(standin_test_end, STANDIN_FAILED))
#define fail() fail_msg("failed")
#define skip() longjmp(standin_test_end, STANDIN_SKIPPED)

#define assert_true(condition)        ((condition) ? (void)0 : fail_msg("expected: %s", #condition))
#define assert_false(condition)       assert_true(!(condition))
#define assert_null(pointer)          assert_true((pointer) == NULL)
#define assert_non_null(pointer)      assert_true((pointer) != NULL)
#define assert_ptr_equal(a, b)        assert_true((const void *)(a) == (const void *)(b))
#define assert_string_equal(a, b)     assert_true(strcmp(a, b) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp(a, b) != 0)
#define assert_memory_equal(a, b, n)  assert_true(memcmp(a, b, n) == 0)
#define assert_float_equal(a, b, by)  assert_true(fabs((double)(a) - (double)(b)) <= (double)(by))
#define assert_int_not_equal(a, b)    assert_true((long long)(a) != (long long)(b))
#define assert_in_range(x, low, high) assert_true((long long)(x) >= (long long)(low) && (long long)(x) <= (long long)(high))
#define assert_int_equal(a, b)                                                                                                             \
    ((long long)(a) == (long long)(b) ? (void)0 : fail_msg("%s is %lld, expected %lld", #a, (long long)(a), (long long)(b)))

/* Runs the tests between `up` and `down` (NULL: nothing to do); returns how many failed. */
int standin_run(const struct CMUnitTest *tests, size_t count, int (*up)(void **state), int (*down)(void **state));
#define cmocka_run_group_tests(tests, up, down)            standin_run(tests, sizeof(tests) / sizeof((tests)[0]), up, down)
#define cmocka_run_group_tests_name(name, tests, up, down) cmocka_run_group_tests(tests, up, down)

#endif
