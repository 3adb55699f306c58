/* Sets of triangles against comparison of all pairs, and tours. */
#include "base/random.h"
#include "metric/tour.h"
#include "metric/triangles.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 12 };

/* Whether two triples are the same in some order: each index is as often in both. */
static bool same(const int32_t *a, const int32_t *b) {
    for (int i = 0; i < 3; i++) {
        int in_a = 0, in_b = 0;
        for (int j = 0; j < 3; j++) {
            in_a += a[j] == a[i];
            in_b += b[j] == a[i];
        }
        if (in_a != in_b) return false;
    }
    return true;
}

static bool among(const int32_t *triple, const int32_t *list, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (same(triple, list + 3 * i)) return true;
    return false;
}

static struct attn_triangle_match match(const int32_t *p, int64_t p_numbers, const int32_t *t, int64_t t_numbers) {
    struct attn_triangle_match m = {0, 0, 0, p_numbers % 3 == 0};
    for (int64_t i = 0; i < p_numbers / 3; i++) {
        const int32_t *v = p + 3 * i;
        if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[0] == v[1] || v[1] == v[2] || v[0] == v[2]) m.exact = false;
        if (among(v, p, i)) continue;
        m.predicted++;
        m.common += among(v, t, t_numbers / 3);
    }
    for (int64_t i = 0; i < t_numbers / 3; i++) m.truth += !among(t + 3 * i, t, i);
    m.exact = m.exact && m.common == m.predicted && m.common == m.truth;
    return m;
}

static void expect_match(const int32_t *p, int64_t p_numbers, const int32_t *t, int64_t t_numbers, int64_t *exact) {
    struct attn_triangle_match got;
    void *scratch = malloc(attn_triangles_scratch(p_numbers + t_numbers));
    assert_non_null(scratch);
    attn_triangles_match(p, p_numbers, t, t_numbers, scratch, &got);
    free(scratch);
    const struct attn_triangle_match want = match(p, p_numbers, t, t_numbers);
    assert_int_equal(got.common, want.common);
    assert_int_equal(got.predicted, want.predicted);
    assert_int_equal(got.truth, want.truth);
    assert_int_equal(got.exact, want.exact);
    *exact += got.exact;
}

static void triangulations_match_as_sets_of_unordered_triangles(void **state) {
    (void)state;
    struct attn_random random;
    int64_t exact = 0;
    attn_random_init(&random, 91);
    for (int round = 0; round < 30000; round++) {
        int32_t truth[3 * MOST], predicted[3 * MOST + 2];
        const int64_t count = attn_random_between(&random, 0, MOST), same_count = round % 2 ? count : attn_random_between(&random, 0, MOST);
        for (int64_t i = 0; i < count; i++) {
            int32_t *v = truth + 3 * i;
            do
                for (int j = 0; j < 3; j++) v[j] = (int32_t)attn_random_below(&random, 6);
            while (v[0] == v[1] || v[1] == v[2] || v[0] == v[2]);
        }
        const int64_t numbers = 3 * same_count + (round % 7 == 0 ? attn_random_between(&random, 1, 2) : 0);
        for (int64_t i = 0; i < numbers; i++) predicted[i] = (int32_t)attn_random_between(&random, -1, 6);
        for (int64_t i = 0; i < same_count && i < count; i++) /* the same ones, turned, from the last on */
            for (int j = 0; j < 3; j++) predicted[3 * i + j] = truth[3 * (count - 1 - i) + (round + j) % 3];
        if (round % 5 == 0 && numbers > 0)
            predicted[attn_random_below(&random, (uint64_t)numbers)] = (int32_t)attn_random_between(&random, -1, 6);
        expect_match(predicted, numbers, truth, 3 * count, &exact);
    }
    assert_true(exact > 5000 && exact < 20000);
}

static void an_incomplete_triangle_at_the_end_is_none_and_not_exact(void **state) {
    (void)state;
    struct attn_triangle_match m;
    int32_t scratch[64];
    assert_true(attn_triangles_scratch(3 + 4) <= sizeof scratch);
    attn_triangles_match((const int32_t[]){2, 0, 1, 5}, 4, (const int32_t[]){0, 1, 2}, 3, scratch, &m);
    assert_true(m.common == 1 && m.predicted == 1 && m.truth == 1 && !m.exact);
    attn_triangles_match((const int32_t[]){2, 0, 1, 1, 2, 0}, 6, (const int32_t[]){0, 1, 2}, 3, scratch, &m);
    assert_true(m.common == 1 && m.predicted == 1 && m.truth == 1 && m.exact);
    attn_triangles_match(NULL, 0, NULL, 0, scratch, &m);
    assert_true(m.common == 0 && m.predicted == 0 && m.truth == 0 && m.exact);
}

static void a_tour_is_as_long_as_its_edges_and_back(void **state) {
    (void)state;
    static const double xy[] = {0, 0, 3, 4, 3, 0, 0x1p1000, 0};
    assert_true(attn_tour_length(xy, (const int32_t[]){2, 1, 0}, 3) == 12);
    assert_true(attn_tour_length(xy, (const int32_t[]){1, 0}, 2) == 10);
    assert_true(attn_tour_length(xy, (const int32_t[]){1}, 1) == 0 && attn_tour_length(xy, NULL, 0) == 0);
    assert_true(attn_tour_length(xy, (const int32_t[]){0, 3}, 2) == 0x1p1001);
}

static void a_tour_is_valid_where_it_visits_every_city_once(void **state) {
    (void)state;
    char visited[4];
    assert_int_equal(attn_tour_valid_scratch(4), sizeof visited);
    assert_true(attn_tour_valid((const int32_t[]){2, 0, 3, 1}, 4, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){2, 0, 3}, 3, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){2, 0, 3, 1, 2}, 5, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){2, 0, 3, 0}, 4, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){2, 0, 4, 1}, 4, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){2, 0, -1, 1}, 4, 4, visited));
    assert_false(attn_tour_valid((const int32_t[]){INT32_MIN, INT32_MAX, 0, 1}, 4, 4, visited));
    assert_true(attn_tour_valid(NULL, 0, 0, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triangulations_match_as_sets_of_unordered_triangles),
        cmocka_unit_test(an_incomplete_triangle_at_the_end_is_none_and_not_exact),
        cmocka_unit_test(a_tour_is_as_long_as_its_edges_and_back),
        cmocka_unit_test(a_tour_is_valid_where_it_visits_every_city_once),
    };
    return cmocka_run_group_tests_name("metric: triangles and tours", tests, NULL, NULL);
}
