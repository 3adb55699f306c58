/* Polygons on small grids against the definition, by hand at the edges; cycles against every rotation. */
#include "base/random.h"
#include "metric/polygon.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 12 };

struct segment {
    int64_t x, y, dx, dy;
};

/* Whether 0 <= a / b <= 1. */
static bool within(int64_t a, int64_t b) {
    return b > 0 ? a >= 0 && a <= b : a <= 0 && a >= b;
}

/* Whether p + t dp = q + u dq for some t and u from 0 to 1: by Cramer's rule, or on one line by where the ends of one fall in the other. */
static bool meet(struct segment p, struct segment q) {
    const int64_t x = q.x - p.x, y = q.y - p.y, across = p.dx * q.dy - p.dy * q.dx;
    if (across != 0) return within(x * q.dy - y * q.dx, across) && within(x * p.dy - y * p.dx, across);
    if (x * p.dy != y * p.dx || x * q.dy != y * q.dx) return false;
    const int64_t length_p = p.dx * p.dx + p.dy * p.dy, length_q = q.dx * q.dx + q.dy * q.dy, begin = x * p.dx + y * p.dy;
    return within(begin, length_p) || within(begin + q.dx * p.dx + q.dy * p.dy, length_p) || within(-x * q.dx - y * q.dy, length_q);
}

/* Neighbours are told from a touch by taking their common vertex away: the second edge begins a sixteenth later, which is less than any other edge. */
static bool simple(int64_t (*at)[2], int64_t count) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < i; j++) {
            struct segment s[2];
            for (int k = 0; k < 2; k++) {
                const int64_t *a = at[k == 0 ? j : i], *b = at[((k == 0 ? j : i) + 1) % count];
                s[k] = (struct segment){16 * a[0], 16 * a[1], 16 * (b[0] - a[0]), 16 * (b[1] - a[1])};
                if (s[k].dx == 0 && s[k].dy == 0) return false;
            }
            struct segment *later = (j + 1) % count == i ? &s[1] : (i + 1) % count == j ? &s[0] : NULL;
            if (later) {
                later->x += later->dx / 16;
                later->y += later->dy / 16;
                later->dx -= later->dx / 16;
                later->dy -= later->dy / 16;
            }
            if (meet(s[0], s[1])) return false;
        }
    return count >= 3;
}

static void polygons_on_grids_are_simple_by_definition(void **state) {
    (void)state;
    struct attn_random random;
    int64_t found[2] = {0, 0};
    attn_random_init(&random, 81);
    for (int round = 0; round < 100000; round++) {
        const int64_t count = attn_random_between(&random, 0, 7), size = attn_random_between(&random, 2, 6);
        int64_t at[MOST][2];
        double xy[2 * MOST];
        int32_t index[MOST];
        for (int64_t i = 0; i < count; i++) {
            index[i] = (int32_t)(count - 1 - i);
            for (int axis = 0; axis < 2; axis++) {
                at[i][axis] = attn_random_between(&random, 0, size);
                xy[2 * index[i] + axis] = ldexp((double)at[i][axis], -20);
            }
        }
        const bool want = simple(at, count);
        found[want]++;
        if (attn_polygon_simple(xy, index, count) != want) fail_msg("round %d: %s simple", round, want ? "not found" : "found");
    }
    assert_true(found[0] > 10000 && found[1] > 10000);
}

static void polygons_that_meet_themselves_are_not_simple(void **state) {
    (void)state;
    static const double xy[] = {0, 0, 1, 0, 1, 1, 0, 1, 0.5, 0, 0.5, 0.5, 2, 0, 0, 0};
    static const struct {
        int32_t index[6];
        int64_t count;
        bool simple;
    } cases[] = {
        {{0, 1, 2, 3}, 4, true},     {{3, 2, 1, 0}, 4, true}, {{0, 2, 1, 3}, 4, false}, /* a bow tie */
        {{0, 1, 2, 1}, 4, false},                                                       /* there and back */
        {{0, 1, 2, 0}, 4, false},                                                       /* a corner twice */
        {{0, 1}, 2, false},          {{0}, 1, false},         {{0, 1, 2}, 3, true},
        {{0, 4, 1, 2, 3}, 5, true},  /* a vertex within a side */
        {{0, 1, 6}, 3, false},       /* a line */
        {{0, 6, 1, 2}, 4, false},    /* a side turns back */
        {{0, 1, 2, 3, 7}, 5, false}, /* a corner's copy */
        {{0, 1, 2, 4, 3}, 5, false}, /* a corner on another side */
        {{0, 1, 2, 5, 3}, 5, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (attn_polygon_simple(xy, cases[i].index, cases[i].count) != cases[i].simple) fail_msg("case %zu", i);
}

static void area_is_signed_and_of_what_the_boundary_encloses(void **state) {
    (void)state;
    static const double xy[] = {0, 0, 4, 0, 4, 3, 0, 3, 2, 1};
    assert_true(attn_polygon_area(xy, (const int32_t[]){0, 1, 2, 3}, 4) == 12);
    assert_true(attn_polygon_area(xy, (const int32_t[]){3, 2, 1, 0}, 4) == -12);
    assert_true(attn_polygon_area(xy, (const int32_t[]){2, 3, 0, 1, 4}, 5) == 12 - 3);
    assert_true(attn_polygon_area(xy, (const int32_t[]){0, 1}, 2) == 0 && attn_polygon_area(xy, NULL, 0) == 0);
}

static void areas_of_large_coordinates_are_right_or_infinite(void **state) {
    static const double huge[] = {-1.7e308, -1.7e308, 1.7e308, -1.7e308, 1.7e308, 1.7e308, -1.7e308, 1.7e308},
                        large[] = {0, 0, 0x1p513, 0x1p513, 0x1p513, 0x1p513 + 0x1p503};
    (void)state;
    assert_true(attn_polygon_area(huge, (const int32_t[]){0, 1, 2, 3}, 4) == (double)INFINITY);
    assert_true(attn_polygon_area(huge, (const int32_t[]){3, 2, 1, 0}, 4) == -(double)INFINITY);
    assert_true(attn_polygon_area(large, (const int32_t[]){0, 1, 2}, 3) == 0x1p1015); /* products are 2^1026 */
    assert_true(attn_polygon_area(large, (const int32_t[]){2, 1, 0}, 3) == -0x1p1015);
}

/* Turned by every rotation, either way round. */
static bool same_by_rotation(const int32_t *a, int64_t count_a, const int32_t *b, int64_t count_b) {
    if (count_a != count_b) return false;
    for (int64_t from = 0; from < count_a; from++)
        for (int step = -1; step <= 1; step += 2) {
            int64_t i = 0;
            while (i < count_a && a[i] == b[(from + step * i + count_a) % count_a]) i++;
            if (i == count_a) return true;
        }
    return count_a == 0;
}

static void cycles_are_the_same_where_a_rotation_of_either_direction_is(void **state) {
    (void)state;
    struct attn_random random;
    int64_t found[2] = {0, 0};
    attn_random_init(&random, 82);
    for (int round = 0; round < 100000; round++) {
        int32_t a[MOST], b[MOST];
        const int64_t count = attn_random_between(&random, 0, MOST),
                      other = round % 10 == 0 ? attn_random_between(&random, 0, MOST) : count;
        const uint64_t letters = 1 + attn_random_below(&random, 3);
        const int64_t from = attn_random_between(&random, 0, MOST), step = round % 2 ? 1 : -1;
        for (int64_t i = 0; i < count; i++) a[i] = (int32_t)attn_random_below(&random, letters);
        for (int64_t i = 0; i < other; i++) b[i] = i < count ? a[(from + step * i + 2 * count) % count] : 0;
        if (round % 3 == 0 && other > 0) b[attn_random_below(&random, (uint64_t)other)] = (int32_t)attn_random_below(&random, letters);
        const bool want = same_by_rotation(a, count, b, other);
        found[want]++;
        assert_int_equal(attn_same_cycle(a, count, b, other), want);
    }
    assert_true(found[0] > 10000 && found[1] > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polygons_on_grids_are_simple_by_definition),
        cmocka_unit_test(polygons_that_meet_themselves_are_not_simple),
        cmocka_unit_test(area_is_signed_and_of_what_the_boundary_encloses),
        cmocka_unit_test(areas_of_large_coordinates_are_right_or_infinite),
        cmocka_unit_test(cycles_are_the_same_where_a_rotation_of_either_direction_is),
    };
    return cmocka_run_group_tests_name("metric: polygon", tests, NULL, NULL);
}
