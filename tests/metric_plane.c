/* Signs of orientations and of circles against whole numbers of 128 bits, on grids, close to lines and circles, and at both ends of what doubles can be. */
#include "base/random.h"
#include "metric/plane.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__extension__ typedef __int128 exact;

static int rounds(int few) {
    return getenv("ATTN_TEST_LONG") ? 10 * few : getenv("ATTN_TEST_QUICK") ? few / 10 : few;
}

static int sign_of(exact x) {
    return (x > 0) - (x < 0);
}

/* Of whole numbers below 2^60. */
static int orientation(const int64_t *p) {
    const exact ax = (exact)p[0] - p[4], ay = (exact)p[1] - p[5], bx = (exact)p[2] - p[4], by = (exact)p[3] - p[5];
    return sign_of(ax * by - ay * bx);
}

/* Of whole numbers below 2^28. */
static int in_circle(const int64_t *p) {
    exact d[3][2], sum = 0;
    for (int i = 0; i < 3; i++)
        for (int axis = 0; axis < 2; axis++) d[i][axis] = (exact)p[2 * i + axis] - p[6 + axis];
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        sum += (d[i][0] * d[i][0] + d[i][1] * d[i][1]) * (d[j][0] * d[k][1] - d[j][1] * d[k][0]);
    }
    return sign_of(sum);
}

/* The numbers times 2^exponent, which must be doubles. */
static void expect_orientation(const int64_t *p, int exponent) {
    double x[6];
    for (int i = 0; i < 6; i++) x[i] = ldexp((double)p[i], exponent);
    const int got = attn_orientation(x, x + 2, x + 4), want = orientation(p);
    if (got != want) fail_msg("(%a %a) (%a %a) (%a %a): %d, not %d", x[0], x[1], x[2], x[3], x[4], x[5], got, want);
}

static void expect_in_circle(const int64_t *p, int exponent) {
    double x[8];
    for (int i = 0; i < 8; i++) x[i] = ldexp((double)p[i], exponent);
    const int got = attn_in_circle(x, x + 2, x + 4, x + 6), want = in_circle(p);
    if (got != want) fail_msg("(%a %a) (%a %a) (%a %a), (%a %a): %d, not %d", x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], got, want);
}

/* Whether whole numbers of some bits stay doubles. */
static const int scales[] = {0, -24, -300, -600, -1074, 400, 900, 995};
enum { SCALES = sizeof scales / sizeof *scales };

static void orientations_are_those_of_whole_numbers_at_every_scale(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 71);
    for (int round = 0; round < rounds(50000); round++) {
        static const int64_t sizes[] = {1, 2, 7, 1000, 1 << 24, 1 << 28};
        const int64_t size = sizes[round % 6];
        int64_t p[6];
        for (int i = 0; i < 6; i++) p[i] = attn_random_between(&random, -size, size);
        expect_orientation(p, scales[round / 6 % SCALES]);
    }
}

/* c = a + k (b - a) / m, to within a unit or two of the numbers' last place. */
static void orientations_next_to_a_line_are_exact(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 72);
    for (int round = 0; round < rounds(50000); round++) {
        int64_t p[6];
        for (int i = 0; i < 4; i++) p[i] = attn_random_between(&random, 0, ((int64_t)1 << 53) - 8);
        const double share = attn_random_uniform(&random);
        for (int axis = 0; axis < 2; axis++) {
            const int64_t on = p[axis] + (int64_t)(share * (double)(p[2 + axis] - p[axis]));
            p[4 + axis] = llabs(on + attn_random_between(&random, -2, 2));
        }
        expect_orientation(p, round % 2 ? -53 : 900);
    }
    for (int64_t i = 0; i < 64 * 64; i++) { /* Kettner et al. 2008, "Classroom examples of robustness problems in geometric computations" */
        const int64_t half = (int64_t)1 << 52,
                      p[6] = {half + i % 64, half + i / 64, 12 * (2 * half), 12 * (2 * half), 24 * (2 * half), 24 * (2 * half)};
        expect_orientation(p, -53);
    }
}

static void circles_are_those_of_whole_numbers_at_every_scale(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 73);
    for (int round = 0; round < rounds(50000); round++) {
        static const int64_t sizes[] = {1, 2, 7, 1000, 1 << 24, (1 << 28) - 1};
        const int64_t size = sizes[round % 6];
        int64_t p[8];
        for (int i = 0; i < 8; i++) p[i] = attn_random_between(&random, -size, size);
        expect_in_circle(p, scales[round / 6 % SCALES]);
    }
}

/* Four of the 128 points on x^2 + y^2 = 160225 times a square, moved by a unit or not at all. */
static void circles_through_nearly_four_points_are_exact(void **state) {
    (void)state;
    enum { RADIUS_SQUARED = 160225, MOST = 256 };
    int64_t on[MOST][2], count = 0;
    for (int64_t x = -400; x <= 400; x++)
        for (int64_t y = -401; y <= 401; y++)
            if (x * x + y * y == RADIUS_SQUARED && count < MOST) {
                on[count][0] = x;
                on[count++][1] = y;
            }
    assert_true(count > 30);
    struct attn_random random;
    attn_random_init(&random, 74);
    for (int round = 0; round < rounds(50000); round++) {
        const int64_t factor = attn_random_between(&random, 1, 600000), centre = attn_random_between(&random, 0, 1000);
        int64_t p[8];
        for (int i = 0; i < 4; i++) {
            const int64_t *q = on[attn_random_below(&random, (uint64_t)count)];
            p[2 * i] = factor * q[0] + centre;
            p[2 * i + 1] = factor * q[1] - centre;
        }
        if (round % 3 != 0) p[attn_random_below(&random, 8)] += attn_random_between(&random, -1, 1);
        expect_in_circle(p, scales[round % SCALES]);
    }
}

/* Any finite double. */
static double any_double(struct attn_random *random) {
    const double x = ldexp(attn_random_uniform(random) - 0.5, (int)attn_random_between(random, -1074, 1024));
    return attn_random_below(random, 8) == 0 ? 0.0 : x;
}

static void signs_of_any_doubles_turn_with_the_order_of_points(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 75);
    for (int round = 0; round < rounds(3000); round++) {
        double p[4][2];
        for (int i = 0; i < 8; i++) p[i / 2][i % 2] = any_double(&random);
        const int turn = attn_orientation(p[0], p[1], p[2]), circle = attn_in_circle(p[0], p[1], p[2], p[3]);
        assert_int_equal(attn_orientation(p[1], p[2], p[0]), turn);
        assert_int_equal(attn_orientation(p[1], p[0], p[2]), -turn);
        assert_int_equal(attn_in_circle(p[1], p[2], p[0], p[3]), circle);
        assert_int_equal(attn_in_circle(p[1], p[0], p[2], p[3]), -circle);
        assert_int_equal(attn_in_circle(p[3], p[1], p[2], p[0]), -circle);
        assert_int_equal(attn_orientation(p[0], p[1], p[0]), 0);
        assert_int_equal(attn_in_circle(p[0], p[1], p[2], p[1]), 0);
    }
}

static void the_greatest_and_the_least_doubles_meet_exactly(void **state) {
    (void)state;
    const double most = DBL_MAX, least = 0x1p-1074, below = nextafter(most, 0);
    const double low[2] = {-most, -most}, high[2] = {most, most}, right[2] = {least, 0}, left[2] = {0, least}, middle[2] = {least, least};
    assert_int_equal(attn_orientation(low, high, right), -1);
    assert_int_equal(attn_orientation(low, high, left), 1);
    assert_int_equal(attn_orientation(low, high, middle), 0);
    const double east[2] = {most, 0}, north[2] = {0, most}, west[2] = {-most, 0};
    const double south[2] = {0, -most}, inside[2] = {0, -below}, outside[2] = {least, -most};
    assert_int_equal(attn_in_circle(east, north, west, south), 0);
    assert_int_equal(attn_in_circle(east, north, west, inside), 1);
    assert_int_equal(attn_in_circle(east, north, west, outside), -1);
    const double a[2] = {least, 0}, b[2] = {0, least}, c[2] = {-least, 0}, d[2] = {0, -least}, o[2] = {0, 0}, e[2] = {least, -least};
    assert_int_equal(attn_in_circle(a, b, c, d), 0);
    assert_int_equal(attn_in_circle(a, b, c, o), 1);
    assert_int_equal(attn_in_circle(a, b, c, e), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientations_are_those_of_whole_numbers_at_every_scale),
        cmocka_unit_test(orientations_next_to_a_line_are_exact),
        cmocka_unit_test(circles_are_those_of_whole_numbers_at_every_scale),
        cmocka_unit_test(circles_through_nearly_four_points_are_exact),
        cmocka_unit_test(signs_of_any_doubles_turn_with_the_order_of_points),
        cmocka_unit_test(the_greatest_and_the_least_doubles_meet_exactly),
    };
    return cmocka_run_group_tests_name("metric: plane", tests, NULL, NULL);
}
