/* Matchings against all of them, and the minimum also against exchanges of pairs where there are too many. */
#include "system/pointer/matching.h"
#include "train/support/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 150 };

/* The least total of pairs of the cities that are not in the set, by sets. */
static double least_of_all(const double *d, int n) {
    double *least = malloc(sizeof *least << n), result;
    assert_non_null(least);
    for (uint32_t set = (1u << n) - 1;; set--) {
        least[set] = set + 1 == 1u << n ? 0 : (double)INFINITY;
        int a = 0;
        while (a < n && set >> a & 1) a++;
        for (int c = a + 1; c < n; c++)
            if (!(set >> c & 1)) least[set] = fmin(least[set], d[a * n + c] + least[set | 1u << a | 1u << c]);
        if (set == 0) break;
    }
    result = least[0];
    free(least);
    return result;
}

/* Pairs are mutual; their total. */
static double total(const double *d, int64_t n, const int32_t *mate) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        assert_in_range(mate[i], 0, n - 1);
        assert_int_not_equal(mate[i], i);
        assert_int_equal(mate[mate[i]], i);
        sum += d[i * n + mate[i]] / 2;
    }
    return sum;
}

static double minimum(const double *d, int64_t n, int32_t *mate) {
    void *scratch = malloc(attn_matching_minimum_scratch(n) + 1);
    assert_non_null(scratch);
    attn_matching_minimum(d, n, mate, scratch);
    free(scratch);
    return total(d, n, mate);
}

/* Distances that are any numbers, or of few values so that many are equal, or of points on a grid or spread out. */
static void draw(struct attn_random *random, int kind, int64_t n, double *d) {
    double xy[2 * MOST];
    test_points(random, kind % 2 ? TEST_POINTS_GRID : TEST_POINTS_UNIFORM, n, xy);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double x = hypot(xy[2 * i] - xy[2 * j], xy[2 * i + 1] - xy[2 * j + 1]);
            if (kind == 2) x = attn_random_uniform(random);
            if (kind == 3) x = (double)attn_random_below(random, 5);
            d[i * n + j] = d[j * n + i] = i == j ? 0 : x;
        }
}

static void minimum_matchings_are_the_least_of_all(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 131);
    for (int round = 0; round < test_rounds(4000, 40000); round++) {
        double d[14 * 14];
        int32_t mate[14];
        const int n = 2 * (int)attn_random_between(&random, 0, round % 20 == 0 ? 7 : 5);
        draw(&random, round % 4, n, d);
        const double got = minimum(d, n, mate), want = least_of_all(d, n);
        if (!(fabs(got - want) <= n * 0x1p-40)) fail_msg("round %d, n = %d: %.17g, not %.17g", round, n, got, want);
    }
}

/* Nor can two pairs be exchanged for shorter ones. */
static void minimum_matchings_of_many_cities_are_the_same_length_in_any_order(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 132);
    double *d = malloc(MOST * MOST * sizeof *d), *turned = malloc(MOST * MOST * sizeof *d);
    assert_true(d && turned);
    for (int round = 0; round < test_rounds(40, 400); round++) {
        int32_t mate[MOST], other[MOST], order[MOST];
        const int64_t n = 2 * attn_random_between(&random, 8, MOST / 2);
        draw(&random, round % 4, n, d);
        for (int32_t i = 0; i < n; i++) {
            const int64_t j = attn_random_between(&random, 0, i);
            order[i] = order[j];
            order[j] = i;
        }
        for (int64_t i = 0; i < n * n; i++) turned[i] = d[order[i / n] * n + order[i % n]];
        const double length = minimum(d, n, mate), again = minimum(turned, n, other);
        assert_true(fabs(length - again) <= (double)n * 0x1p-40);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                if (j != i && j != mate[i])
                    assert_true(d[i * n + mate[i]] + d[j * n + mate[j]] <= d[i * n + j] + d[mate[i] * n + mate[j]] + 4 * 0x1p-40);
    }
    free(d);
    free(turned);
}

static void greedy_matchings_take_the_shortest_pair_that_is_left(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 133);
    for (int round = 0; round < 500; round++) {
        double d[20 * 20], last = 0;
        int32_t mate[20];
        const int n = 2 * (int)attn_random_between(&random, 0, 10);
        draw(&random, round % 4, n, d);
        void *scratch = malloc(attn_matching_greedy_scratch(n) + 1);
        assert_non_null(scratch);
        attn_matching_greedy(d, n, mate, scratch);
        free(scratch);
        (void)total(d, n, mate);
        for (int left = n; left > 0; left -= 2) { /* pairs from the shortest on: each is the shortest of cities that longer pairs have */
            double next = (double)INFINITY, least = (double)INFINITY;
            for (int i = 0; i < n; i++)
                for (int j = 0; j < i; j++) {
                    if (mate[i] < 0 || mate[j] < 0) continue;
                    least = fmin(least, d[i * n + j]);
                    if (mate[i] == j) next = fmin(next, d[i * n + j]);
                }
            assert_true(next == least && next >= last);
            last = next;
            for (int i = 0; i < n; i++)
                if (mate[i] >= 0 && d[i * n + mate[i]] == next) {
                    mate[mate[i]] = -1;
                    mate[i] = -1;
                    break;
                }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimum_matchings_are_the_least_of_all),
        cmocka_unit_test(minimum_matchings_of_many_cities_are_the_same_length_in_any_order),
        cmocka_unit_test(greedy_matchings_take_the_shortest_pair_that_is_left),
    };
    return cmocka_run_group_tests_name("pointer: matchings", tests, NULL, NULL);
}
