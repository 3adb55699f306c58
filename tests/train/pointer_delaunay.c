/* Triangulations against the definition by all triples, empty circles on degenerate sets, and the mean number of triangles that is known. */
#include "metric/plane.h"
#include "metric/polygon.h"
#include "system/pointer/delaunay.h"
#include "system/pointer/hull.h"
#include "train/support/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64, BIGGEST = 20000 };

/* Exactly as much memory as is asked for, so that tools see what is read or written beside it. */
static int64_t triangulate(const double *xy, int64_t n, int32_t *triangles) {
    void *scratch = malloc(attn_delaunay_scratch(n));
    int32_t *mine = malloc((size_t)attn_delaunay_most(n) * 3 * sizeof *mine + 1);
    assert_true(scratch && mine);
    const int64_t count = attn_delaunay(xy, n, mine, scratch);
    assert_true(count <= attn_delaunay_most(n));
    memcpy(triangles, mine, (size_t)count * 3 * sizeof *mine);
    free(scratch);
    free(mine);
    return count;
}

static int turn(const double *xy, const int32_t *v) {
    return attn_orientation(xy + 2 * (int64_t)v[0], xy + 2 * (int64_t)v[1], xy + 2 * (int64_t)v[2]);
}

/* No point lies strictly within the circle; *on: one that is no corner lies on it. */
static bool is_empty(const double *xy, int64_t n, const int32_t *v, bool *on) {
    const int way = turn(xy, v);
    *on = false;
    for (int64_t k = 0; k < n; k++) {
        if (k == v[0] || k == v[1] || k == v[2]) continue;
        const int inside = way * attn_in_circle(xy + 2 * (int64_t)v[0], xy + 2 * (int64_t)v[1], xy + 2 * (int64_t)v[2], xy + 2 * k);
        if (inside > 0) return false;
        *on = *on || inside == 0;
    }
    return true;
}

/* In O(n^4); *unique: no four points lie on an empty circle. */
static int64_t delaunay_by_all_triples(const double *xy, int64_t n, int32_t *triangles, bool *unique) {
    int64_t count = 0;
    *unique = true;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i + 1; j < n; j++)
            for (int32_t k = j + 1; k < n; k++) {
                const int32_t v[3] = {i, j, k};
                bool on;
                if (turn(xy, v) == 0 || !is_empty(xy, n, v, &on)) continue;
                if (on) *unique = false;
                if (*unique) memcpy(triangles + 3 * count++, v, sizeof v);
            }
    return count;
}

static bool among(const int32_t *v, const int32_t *triangles, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (memcmp(v, triangles + 3 * i, 3 * sizeof *v) == 0) return true;
    return false;
}

/* Points of different places, those among them on the boundary of the hull, and its corners. */
static int64_t count_points(const double *xy, int64_t n, int64_t *distinct, int64_t *boundary) {
    int32_t hull[MOST];
    double scratch[MOST * 8];
    assert_true(attn_hull_scratch(n) <= sizeof scratch);
    const int64_t corners = attn_hull(xy, n, hull, scratch);
    *distinct = *boundary = 0;
    for (int64_t i = 0; i < n; i++) {
        bool copy = false, on = false;
        for (int64_t k = 0; k < i; k++) copy = copy || (xy[2 * k] == xy[2 * i] && xy[2 * k + 1] == xy[2 * i + 1]);
        for (int64_t e = 0; e < corners; e++)
            on = on || attn_orientation(xy + 2 * (int64_t)hull[e], xy + 2 * (int64_t)hull[(e + 1) % corners], xy + 2 * i) == 0;
        *distinct += !copy;
        *boundary += !copy && on;
    }
    return corners;
}

static double area_of(const double *xy, const int32_t *triangles, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += fabs(attn_polygon_area(xy, triangles + 3 * i, 3));
    return sum;
}

static double area_of_hull(const double *xy, int64_t n) {
    int32_t *hull = malloc((size_t)n * sizeof *hull + 1);
    void *scratch = malloc(attn_hull_scratch(n) + 1);
    assert_true(hull && scratch);
    const double area = attn_polygon_area(xy, hull, attn_hull(xy, n, hull, scratch));
    free(hull);
    free(scratch);
    return area;
}

static void expect_triangulation(const double *xy, int64_t n) {
    int32_t triangles[6 * MOST];
    const int64_t count = triangulate(xy, n, triangles);
    int64_t distinct, boundary;
    const int64_t want = count_points(xy, n, &distinct, &boundary) < 3 ? 0 : 2 * distinct - 2 - boundary;
    if (count != want) fail_msg("%lld triangles of %lld points, not %lld", (long long)count, (long long)n, (long long)want);
    for (int64_t i = 0; i < count; i++) {
        const int32_t *v = triangles + 3 * i;
        bool on;
        assert_true(v[0] >= 0 && v[0] < v[1] && v[1] < v[2] && v[2] < n);
        assert_int_not_equal(turn(xy, v), 0);
        assert_true(is_empty(xy, n, v, &on));
        assert_false(among(v, triangles, i));
        for (int corner = 0; corner < 3; corner++)
            for (int64_t k = 0; k < v[corner]; k++) assert_false(xy[2 * k] == xy[2 * v[corner]] && xy[2 * k + 1] == xy[2 * v[corner] + 1]);
    }
    const double area = area_of_hull(xy, n);
    if (area > 1e-6) assert_true(fabs(area_of(xy, triangles, count) - area) <= 1e-12 * area); /* slivers are all rounding */
}

static void triangulations_are_those_of_all_triples_of_points(void **state) {
    (void)state;
    struct attn_random random;
    int64_t compared = 0;
    attn_random_init(&random, 111);
    const int rounds = test_rounds(1000, 10000);
    for (int round = 0; round < rounds; round++) {
        double xy[2 * MOST];
        int32_t got[6 * MOST], want[6 * MOST];
        bool unique;
        const int64_t n = attn_random_between(&random, 3, 12);
        test_points(&random, round % 5 == 0 ? TEST_POINTS_GRID : TEST_POINTS_UNIFORM, n, xy);
        const int64_t wanted = delaunay_by_all_triples(xy, n, want, &unique);
        if (!unique) continue;
        const int64_t count = triangulate(xy, n, got);
        assert_int_equal(count, wanted);
        for (int64_t i = 0; i < count; i++) assert_true(among(got + 3 * i, want, wanted));
        compared++;
    }
    assert_true(compared > rounds * 3 / 4);
}

static void degenerate_points_are_triangulated_with_empty_circles(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 112);
    for (int round = 0; round < test_rounds(1000, 10000) * TEST_POINTS_KINDS; round++) {
        double xy[2 * MOST];
        const int64_t n = attn_random_between(&random, 0, round % 10 == 0 ? 40 : 12);
        test_points(&random, (enum test_points)(round % TEST_POINTS_KINDS), n, xy);
        expect_triangulation(xy, n);
    }
}

/* An edge with the corner across it. */
struct edge {
    int32_t from, to, corner;
};

static int by_ends(const void *a, const void *b) {
    const struct edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* Neighbours have empty circles towards each other, so that all have; an edge has two sides. */
static void expect_neighbours_to_be_empty(const double *xy, const int32_t *triangles, int64_t count) {
    struct edge *edges = malloc((size_t)(3 * count) * sizeof *edges + 1);
    assert_non_null(edges);
    for (int64_t i = 0; i < count; i++) {
        const int32_t *v = triangles + 3 * i;
        edges[3 * i] = (struct edge){v[0], v[1], v[2]};
        edges[3 * i + 1] = (struct edge){v[0], v[2], v[1]};
        edges[3 * i + 2] = (struct edge){v[1], v[2], v[0]};
    }
    qsort(edges, (size_t)(3 * count), sizeof *edges, by_ends);
    for (int64_t i = 0; i + 1 < 3 * count; i++) {
        if (by_ends(&edges[i], &edges[i + 1]) != 0) continue;
        const int32_t v[3] = {edges[i].from, edges[i].to, edges[i].corner}, other[3] = {v[0], v[1], edges[i + 1].corner};
        const double *across = xy + 2 * (int64_t)other[2];
        assert_int_equal(turn(xy, v), -turn(xy, other));
        assert_true(turn(xy, v) * attn_in_circle(xy + 2 * (int64_t)v[0], xy + 2 * (int64_t)v[1], xy + 2 * (int64_t)v[2], across) <= 0);
        assert_true(i + 2 >= 3 * count || by_ends(&edges[i], &edges[i + 2]) != 0);
    }
    free(edges);
}

static void many_points_are_triangulated_with_empty_circles(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 113);
    double *xy = malloc(2 * BIGGEST * sizeof *xy);
    int32_t *triangles = malloc(6 * BIGGEST * sizeof *triangles);
    assert_true(xy && triangles);
    for (int kind = 0; kind <= TEST_POINTS_KINDS; kind++) {
        test_points(&random, (enum test_points)(kind % TEST_POINTS_KINDS), BIGGEST, xy);
        if (kind == TEST_POINTS_GRID) /* 141 x 141 */
            for (int64_t i = 0; i < 2 * BIGGEST; i++) xy[i] = (double)(i % 2 ? i / 2 % 141 : i / 2 / 141 % 141);
        if (kind ==
            TEST_POINTS_KINDS) /* on two lines, where points one after the other along a curve would change half of all triangles each */
            for (int64_t i = 0; i < BIGGEST; i++) xy[2 * i + 1] = (double)(i % 2);
        const int64_t count = triangulate(xy, BIGGEST, triangles);
        if (kind == TEST_POINTS_GRID) assert_int_equal(count, 2 * 140 * 140);
        expect_neighbours_to_be_empty(xy, triangles, count);
        const double area = area_of_hull(xy, BIGGEST);
        if (area > 1e-6) assert_true(fabs(area_of(xy, triangles, count) - area) <= 1e-12 * area);
    }
    free(xy);
    free(triangles);
}

/* Measured on 20,000 instances each; uniform points. Also: triangles come in the order of their incentres. */
static void uniform_points_have_the_mean_number_of_triangles_that_is_known_in_order(void **state) {
    (void)state;
    static const struct {
        int64_t n;
        double mean;
    } known[] = {{5, 3.77}, {10, 12.06}, {20, 30.28}, {50, 87.86}};
    struct attn_random random;
    attn_random_init(&random, 114);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const int rounds = test_rounds(2000, 20000);
        double xy[2 * MOST], sum = 0, squares = 0;
        int32_t triangles[6 * MOST];
        for (int round = 0; round < rounds; round++) {
            test_points(&random, TEST_POINTS_UNIFORM, known[k].n, xy);
            const int64_t count = triangulate(xy, known[k].n, triangles);
            double last = -1;
            for (int64_t i = 0; i < count; i++) {
                double weights = 0, x = 0;
                for (int corner = 0; corner < 3; corner++) {
                    const double *p = xy + 2 * triangles[3 * i + corner], *a = xy + 2 * triangles[3 * i + (corner + 1) % 3];
                    const double *b = xy + 2 * triangles[3 * i + (corner + 2) % 3], side = sqrt(pow(a[0] - b[0], 2) + pow(a[1] - b[1], 2));
                    weights += side;
                    x += side * p[0];
                }
                assert_true(x / weights >= last - 1e-14);
                last = x / weights;
            }
            sum += (double)count;
            squares += (double)(count * count);
        }
        const double mean = sum / rounds, variance = squares / rounds - mean * mean;
        /* both means are off, and the known one is rounded to 0.01 */
        const double error = sqrt(variance / rounds + variance / 20000);
        if (!(fabs(mean - known[k].mean) <= 4 * error + 0.005)) fail_msg("n = %lld: %g", (long long)known[k].n, mean);
    }
}

/* The square's upper and lower triangles have centres of x = 2 but for rounding. */
static void equal_centres_are_ordered_by_indices(void **state) {
    (void)state;
    static const double xy[] = {0, 0, 4, 0, 4, 4, 0, 4, 2, 2, -4, 0, -4, 4};
    int32_t triangles[] = {4, 3, 2, 1, 4, 0, 3, 0, 4, 2, 1, 4, 6, 5, 0};
    static const int32_t want[] = {0, 5, 6, 0, 3, 4, 0, 1, 4, 2, 3, 4, 1, 2, 4};
    double scratch[128];
    assert_true(attn_delaunay_order_scratch(5) <= sizeof scratch);
    attn_delaunay_order(xy, triangles, 5, scratch);
    assert_memory_equal(triangles, want, sizeof want);
    int32_t same[] = {2, 1, 0, 1, 2, 0, 0, 1, 2};
    attn_delaunay_order(xy, same, 3, scratch);
    for (int i = 0; i < 9; i++) assert_int_equal(same[i], i % 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triangulations_are_those_of_all_triples_of_points),
        cmocka_unit_test(degenerate_points_are_triangulated_with_empty_circles),
        cmocka_unit_test(many_points_are_triangulated_with_empty_circles),
        cmocka_unit_test(uniform_points_have_the_mean_number_of_triangles_that_is_known_in_order),
        cmocka_unit_test(equal_centres_are_ordered_by_indices),
    };
    return cmocka_run_group_tests_name("pointer: delaunay", tests, NULL, NULL);
}
