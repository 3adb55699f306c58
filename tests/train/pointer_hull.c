/* Hulls against the definition by all pairs and points, and the mean size that is known. */
#include "metric/plane.h"
#include "metric/polygon.h"
#include "system/pointer/hull.h"
#include "train/support/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 64 };

static bool between(const double *a, const double *p, const double *b) {
    const bool x = (a[0] <= p[0] && p[0] <= b[0]) || (b[0] <= p[0] && p[0] <= a[0]);
    return x && ((a[1] <= p[1] && p[1] <= b[1]) || (b[1] <= p[1] && p[1] <= a[1]));
}

static bool same_place(const double *a, const double *b) {
    return a[0] == b[0] && a[1] == b[1];
}

static bool is_first_copy(const double *xy, int64_t i) {
    for (int64_t k = 0; k < i; k++)
        if (same_place(xy + 2 * k, xy + 2 * i)) return false;
    return true;
}

/* An edge of the hull: no point to its right, and none on its line outside it. */
static bool is_edge(const double *xy, int64_t n, int64_t i, int64_t j) {
    const double *a = xy + 2 * i, *b = xy + 2 * j;
    for (int64_t k = 0; k < n; k++) {
        const double *p = xy + 2 * k;
        const int side = attn_orientation(a, b, p);
        if (side < 0 || (side == 0 && !between(a, p, b))) return false;
    }
    return !same_place(a, b);
}

/* In O(n^3): edges one behind the other, from the lowest corner on. */
static int64_t hull_by_all_pairs(const double *xy, int64_t n, int32_t *hull) {
    int32_t next[MOST];
    int64_t first = -1, count = 0;
    for (int64_t i = n - 1; i >= 0; i--) {
        next[i] = -1;
        for (int64_t j = 0; j < n; j++)
            if (is_first_copy(xy, i) && is_first_copy(xy, j) && is_edge(xy, n, i, j)) next[i] = (int32_t)j;
        if (next[i] >= 0) first = i;
    }
    if (first < 0 && n > 0) hull[count++] = 0; /* all in one place */
    for (int64_t i = first; i >= 0 && (count == 0 || i != first); i = next[i]) hull[count++] = (int32_t)i;
    return count;
}

static void expect_hull(const double *xy, int64_t n) {
    int32_t got[MOST + 1], want[MOST];
    void *scratch = malloc(attn_hull_scratch(n) + 1);
    assert_non_null(scratch);
    got[n] = -7;
    const int64_t count = attn_hull(xy, n, got, scratch), wanted = hull_by_all_pairs(xy, n, want);
    free(scratch);
    assert_int_equal(got[n], -7);
    if (count != wanted) fail_msg("%lld corners of %lld points, not %lld", (long long)count, (long long)n, (long long)wanted);
    for (int64_t i = 0; i < count; i++) assert_int_equal(got[i], want[i]);
    for (int64_t i = 0; count > 2 && i < count; i++)
        assert_int_equal(attn_orientation(xy + 2 * got[i], xy + 2 * got[(i + 1) % count], xy + 2 * got[(i + 2) % count]), 1);
}

static void hulls_are_those_of_all_pairs_of_points(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 101);
    for (int round = 0; round < test_rounds(2000, 10000) * TEST_POINTS_KINDS; round++) {
        double xy[2 * MOST];
        const int64_t n = attn_random_between(&random, 0, 12);
        test_points(&random, (enum test_points)(round % TEST_POINTS_KINDS), n, xy);
        expect_hull(xy, n);
    }
    for (int round = 0; round < 20 * TEST_POINTS_KINDS; round++) {
        double xy[2 * MOST];
        test_points(&random, (enum test_points)(round % TEST_POINTS_KINDS), MOST - 1, xy);
        expect_hull(xy, MOST - 1);
    }
}

/* Measured on 20,000 instances each; uniform points. */
static void hulls_of_uniform_points_have_the_mean_size_that_is_known(void **state) {
    (void)state;
    static const struct {
        int64_t n;
        double mean;
    } known[] = {{5, 4.23}, {10, 5.94}, {20, 7.72}, {50, 10.14}};
    struct attn_random random;
    attn_random_init(&random, 102);
    void *scratch = malloc(attn_hull_scratch(MOST));
    assert_non_null(scratch);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const int rounds = test_rounds(5000, 20000);
        double xy[2 * MOST], sum = 0, squares = 0;
        int32_t hull[MOST];
        for (int round = 0; round < rounds; round++) {
            test_points(&random, TEST_POINTS_UNIFORM, known[k].n, xy);
            const double size = (double)attn_hull(xy, known[k].n, hull, scratch);
            sum += size;
            squares += size * size;
        }
        const double mean = sum / rounds, variance = squares / rounds - mean * mean;
        /* both means are off, and the known one is rounded to 0.01 */
        const double error = sqrt(variance / rounds + variance / 20000);
        if (!(fabs(mean - known[k].mean) <= 4 * error + 0.005)) fail_msg("n = %lld: %g", (long long)known[k].n, mean);
    }
    free(scratch);
}

static void hulls_of_many_points_hold_all_of_them(void **state) {
    (void)state;
    enum { MANY = 20000 };
    struct attn_random random;
    attn_random_init(&random, 103);
    double *xy = malloc(2 * MANY * sizeof *xy);
    int32_t *hull = malloc(MANY * sizeof *hull);
    void *scratch = malloc(attn_hull_scratch(MANY));
    assert_true(xy && hull && scratch);
    for (int kind = 0; kind < TEST_POINTS_KINDS; kind++) {
        test_points(&random, (enum test_points)kind, MANY, xy);
        const int64_t count = attn_hull(xy, MANY, hull, scratch);
        for (int64_t i = 0; count > 2 && i < count; i++)
            for (int64_t k = 0; k < MANY; k++)
                assert_true(attn_orientation(xy + 2 * hull[i], xy + 2 * hull[(i + 1) % count], xy + 2 * k) >= 0);
        if (count > 2) assert_true(attn_polygon_area(xy, hull, count) > 0);
    }
    free(xy);
    free(hull);
    free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hulls_are_those_of_all_pairs_of_points),
        cmocka_unit_test(hulls_of_uniform_points_have_the_mean_size_that_is_known),
        cmocka_unit_test(hulls_of_many_points_hold_all_of_them),
    };
    return cmocka_run_group_tests_name("pointer: hull", tests, NULL, NULL);
}
