/* The checks of `attn bench tour` on answers made by hand: what is right passes, what looks like it does not. */
#include "bench/tour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The corners of a regular pentagon, counter-clockwise, then two points inside, one of them near the middle of a side. */
static const double pentagon[] = {1, 0, 0.309, 0.951, -0.809, 0.588, -0.809, -0.588, 0.309, -0.951, 0, 0, 0.65, 0.45};
enum { POINTS = 7 };

#define ANSWER(...) (const int32_t[]){__VA_ARGS__}, (int64_t)(sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* Of the first n points; of triangles three numbers are one. */
static bool passes(const char *method, int64_t n, const int32_t *answer, int64_t numbers) {
    static double scratch[8 * POINTS];
    for (int i = 0; i < attn_tour_method_count; i++) {
        const struct attn_tour_method *m = &attn_tour_methods[i];
        if (strcmp(m->name, method) != 0) continue;
        return m->check(pentagon, n, answer, strcmp(m->answer, "triangles") == 0 ? numbers / 3 : numbers, scratch);
    }
    fail_msg("there is no method %s", method);
    return false;
}

static void hulls_turn_counter_clockwise_and_once_around_and_hold_all_points(void **state) {
    static const char *const methods[] = {"hull", "hull-qhull"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(passes(methods[i], POINTS, ANSWER(0, 1, 2, 3, 4)));
        assert_true(passes(methods[i], POINTS, ANSWER(3, 4, 0, 1, 2)));
        assert_false(passes(methods[i], POINTS, ANSWER(4, 3, 2, 1, 0)));
        assert_false(passes(methods[i], POINTS, ANSWER(0, 2, 4, 1, 3))); /* a pentagram: every corner turns alike */
        assert_false(passes(methods[i], POINTS, ANSWER(0, 1, 2, 3, 4, 0, 1, 2, 3, 4)));
        assert_false(passes(methods[i], POINTS, ANSWER(0, 1, 2, 2, 3, 4)));
        assert_false(passes(methods[i], POINTS, ANSWER(0, 1)));
        assert_false(passes(methods[i], POINTS, ANSWER(0)));
        assert_false(passes(methods[i], POINTS, NULL, 0));
    }
    assert_false(passes("hull", POINTS, ANSWER(0, 1, 2, 3))); /* without a corner */
    assert_false(passes("hull", POINTS, ANSWER(0, 1, 2)));
}

static void triangles_have_the_hulls_area(void **state) {
    (void)state;
    assert_true(passes("delaunay", 6, ANSWER(0, 1, 5, 1, 2, 5, 2, 3, 5, 3, 4, 5, 0, 4, 5)));
    assert_false(passes("delaunay", 6, ANSWER(0, 1, 5, 1, 2, 5, 2, 3, 5, 3, 4, 5)));
    assert_false(passes("delaunay", 6, ANSWER(0, 1, 5, 1, 2, 5, 2, 3, 5, 3, 4, 5, 0, 4, 5, 0, 4, 5)));
}

static void tours_visit_every_city_once_from_the_first_on(void **state) {
    (void)state;
    assert_true(passes("exact", 5, ANSWER(0, 1, 2, 3, 4)));
    assert_true(passes("search", 5, ANSWER(0, 3, 1, 4, 2)));
    assert_false(passes("search", 5, ANSWER(1, 0, 2, 3, 4)));
    assert_false(passes("search", 5, ANSWER(0, 1, 2, 3)));
    assert_false(passes("search", 5, ANSWER(0, 1, 2, 3, 3)));
    assert_false(passes("search", 5, ANSWER(0, 1, 2, 3, 5)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hulls_turn_counter_clockwise_and_once_around_and_hold_all_points),
        cmocka_unit_test(triangles_have_the_hulls_area),
        cmocka_unit_test(tours_visit_every_city_once_from_the_first_on),
    };
    return cmocka_run_group_tests_name("pointer: bench", tests, NULL, NULL);
}
