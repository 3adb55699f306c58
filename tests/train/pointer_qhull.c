/* Hulls and triangulations of points in general position are those of Qhull, where the build has it. */
#include "system/pointer/delaunay.h"
#include "system/pointer/hull.h"
#include "system/pointer/qhull.h"
#include "train/support/points.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 1000 };

static attn_ctx *ctx;

static int open_context(void **state) {
    (void)state;
    return (int)attn_ctx_create(NULL, &ctx, NULL, 0);
}

static int close_context(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static void uniform_points_have_the_hull_and_triangles_of_qhull(void **state) {
    (void)state;
    static double xy[2 * MOST];
    static int32_t ours[6 * MOST], theirs[6 * MOST];
    struct attn_random random;
    int64_t count;
    if (!attn_qhull_built()) skip();
    attn_random_init(&random, 151);
    void *scratch = malloc(attn_delaunay_scratch(MOST));
    assert_non_null(scratch);
    for (int round = 0; round < test_rounds(1000, 10000); round++) {
        const int64_t n = round % 100 == 0 ? MOST : attn_random_between(&random, 4, 60);
        test_points(&random, TEST_POINTS_UNIFORM, n, xy);
        assert_int_equal(attn_qhull_hull(ctx, xy, n, theirs, &count), ATTN_OK);
        assert_int_equal(attn_hull(xy, n, ours, scratch), count);
        assert_memory_equal(ours, theirs, (size_t)count * sizeof *ours);
        assert_int_equal(attn_qhull_delaunay(ctx, xy, n, theirs, &count), ATTN_OK);
        assert_int_equal(attn_delaunay(xy, n, ours, scratch), count);
        assert_memory_equal(ours, theirs, (size_t)(3 * count) * sizeof *ours);
    }
    free(scratch);
}

static void degenerate_points_are_answered_or_refused_by_qhull(void **state) {
    (void)state;
    double xy[2 * 40] = {0};
    int32_t answer[6 * 40];
    int64_t count = 0;
    struct attn_random random;
    attn_random_init(&random, 152);
    if (!attn_qhull_built()) skip();
    for (int round = 0; round < 200 * TEST_POINTS_KINDS; round++) {
        const int64_t n = attn_random_between(&random, 0, 40);
        test_points(&random, (enum test_points)(round % TEST_POINTS_KINDS), n, xy);
        if (attn_qhull_hull(ctx, xy, n, answer, &count) == ATTN_OK) assert_in_range(count, 2, n);
        if (attn_qhull_delaunay(ctx, xy, n, answer, &count) == ATTN_OK) assert_in_range(count, 0, attn_delaunay_most(n));
    }
    assert_int_equal(attn_qhull_hull(ctx, xy, 2, answer, &count), ATTN_EINVAL);
}

static void a_build_without_qhull_says_so(void **state) {
    (void)state;
    const double xy[] = {0, 0, 1, 0, 0, 1};
    int32_t answer[6];
    int64_t count;
    const attn_status want = attn_qhull_built() ? ATTN_OK : ATTN_EUNSUPPORTED;
    assert_int_equal(attn_qhull_hull(ctx, xy, 3, answer, &count), want);
    assert_int_equal(attn_qhull_delaunay(ctx, xy, 3, answer, &count), want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_points_have_the_hull_and_triangles_of_qhull),
        cmocka_unit_test(degenerate_points_are_answered_or_refused_by_qhull),
        cmocka_unit_test(a_build_without_qhull_says_so),
    };
    return cmocka_run_group_tests_name("pointer: Qhull", tests, open_context, close_context);
}
