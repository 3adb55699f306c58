/* Shortest tours against all permutations, on every instruction set, and their mean length that is known; directions. */
#include "base/cpu.h"
#include "metric/polygon.h"
#include "metric/tour.h"
#include "system/pointer/tour_rows.h"
#include "system/pointer/tours.h"
#include "train/support/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = ATTN_TOUR_EXACT_MOST };

static void swap(int32_t *a, int32_t *b) {
    const int32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* The least length of all tours that begin as this one does. */
static double least_of_all(const double *xy, int32_t *tour, int64_t fixed, int64_t n) {
    if (fixed >= n - 1) return attn_tour_length(xy, tour, n);
    double least = (double)INFINITY;
    for (int64_t i = fixed; i < n; i++) {
        swap(&tour[fixed], &tour[i]);
        least = fmin(least, least_of_all(xy, tour, fixed + 1, n));
        swap(&tour[fixed], &tour[i]);
    }
    return least;
}

static void exact(const double *xy, int64_t n, int32_t *tour) {
    char visited[MOST];
    void *scratch = malloc(attn_tour_exact_scratch(n) + 1);
    assert_non_null(scratch);
    attn_tour_exact(xy, n, tour, scratch);
    free(scratch);
    assert_true(attn_tour_valid(tour, n, n, visited));
    if (n > 0) assert_int_equal(tour[0], 0);
}

static void tours_are_the_shortest_of_all_permutations(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 121);
    for (int round = 0; round < test_rounds(300, 10000); round++) {
        double xy[2 * MOST];
        int32_t tour[MOST], all[MOST];
        const int64_t n = attn_random_between(&random, 0, round % 30 == 0 ? 9 : 7);
        test_points(&random, round % 3 == 0 ? (enum test_points)(round / 3 % TEST_POINTS_KINDS) : TEST_POINTS_UNIFORM, n, xy);
        exact(xy, n, tour);
        for (int32_t i = 0; i < n; i++) all[i] = i;
        const double least = least_of_all(xy, all, 1, n), length = attn_tour_length(xy, tour, n);
        if (!(fabs(length - least) <= 1e-14 * least)) fail_msg("n = %lld: %.17g, not %.17g", (long long)n, length, least);
    }
}

/* Held and Karp as they wrote it, over all sets; C(S, j) with j in S. */
static double least_by_sets(const double *xy, int n) {
    const int cities = n - 1;
    double *c = malloc(((size_t)1 << cities) * (size_t)cities * sizeof *c), least = (double)INFINITY;
    assert_non_null(c);
    for (uint32_t set = 1; set >> cities == 0; set++)
        for (int j = 0; j < cities; j++) {
            if (!(set >> j & 1)) continue;
            const uint32_t without = set ^ (1u << j);
            const double *p = xy + 2 * (j + 1);
            double best = without == 0 ? hypot(p[0] - xy[0], p[1] - xy[1]) : (double)INFINITY;
            for (int k = 0; k < cities; k++) {
                const double *q = xy + 2 * (k + 1);
                if (without >> k & 1) best = fmin(best, c[without * (uint32_t)cities + (uint32_t)k] + hypot(p[0] - q[0], p[1] - q[1]));
            }
            c[set * (uint32_t)cities + (uint32_t)j] = best;
            if ((set + 1) >> cities) least = fmin(least, best + hypot(p[0] - xy[0], p[1] - xy[1]));
        }
    free(c);
    return least;
}

static void tours_over_half_the_sets_are_as_short_as_over_all(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 122);
    for (int n = 4; n <= (getenv("ATTN_TEST_LONG") ? MOST : 17); n++) {
        double xy[2 * MOST];
        int32_t tour[MOST];
        test_points(&random, TEST_POINTS_UNIFORM, n, xy);
        exact(xy, n, tour);
        const double least = least_by_sets(xy, n);
        assert_true(fabs(attn_tour_length(xy, tour, n) - least) <= 1e-14 * least);
    }
}

static void every_instruction_set_gives_the_same_bits(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 123);
    for (int cities = 1; cities <= 17; cities++) {
        const size_t numbers = ((size_t)1 << cities) * (size_t)cities;
        double d[MOST * ATTN_TOUR_ROW], *row[2];
        const int most = cities / 2 + 1;
        for (int i = 0; i < MOST * ATTN_TOUR_ROW; i++) d[i] = attn_random_uniform(&random);
        for (int i = 0; i < 2; i++) assert_non_null(row[i] = calloc(numbers + ATTN_TOUR_ROW, sizeof(double)));
        for (int i = 0; i < attn_tour_rows_count; i++) {
            const struct attn_tour_rows *rows = attn_tour_rows_list[attn_tour_rows_count - 1 - i]; /* the portable ones first */
            if ((rows->isa_bits & attn_cpu_isa()) != rows->isa_bits) continue;
            for (int j = 0; j < cities; j++) row[i > 0][j] = d[j];
            rows->fill(cities, most, d, row[i > 0]);
            for (uint32_t set = 0; i > 0 && set >> cities == 0; set++)
                for (int j = 0; j < cities && __builtin_popcount(set) <= most; j++) {
                    const size_t at = set * (size_t)cities + (size_t)j;
                    if (!(set >> j & 1)) assert_memory_equal(&row[1][at], &row[0][at], sizeof(double));
                }
        }
        free(row[0]);
        free(row[1]);
    }
}

static void shortest_tours_of_uniform_points_have_the_mean_length_that_is_known(void **state) {
    (void)state;
    static const struct {
        int64_t n;
        double mean, instances;
    } known[] = {{5, 2.127, 200000}, {10, 2.867, 40000}};
    struct attn_random random;
    attn_random_init(&random, 124);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const int rounds = test_rounds(3000, 40000);
        double xy[2 * MOST], sum = 0, squares = 0;
        int32_t tour[MOST];
        for (int round = 0; round < rounds; round++) {
            test_points(&random, TEST_POINTS_UNIFORM, known[k].n, xy);
            exact(xy, known[k].n, tour);
            const double length = attn_tour_length(xy, tour, known[k].n);
            sum += length;
            squares += length * length;
        }
        const double mean = sum / rounds, variance = squares / rounds - mean * mean;
        /* both means are off, and the known one is rounded to 0.001 */
        const double error = sqrt(variance / rounds + variance / known[k].instances);
        if (!(fabs(mean - known[k].mean) <= 4 * error + 0.0005)) fail_msg("n = %lld: %g", (long long)known[k].n, mean);
    }
}

static void tours_are_turned_counter_clockwise(void **state) {
    (void)state;
    static const double xy[] = {0, 0, 1, 0, 1, 1, 0, 1}, line[] = {0, 0, 1, 1, 2, 2};
    int32_t tour[] = {0, 3, 2, 1}, on_line[] = {0, 2, 1};
    for (int i = 0; i < 2; i++) {
        attn_tour_direct(xy, tour, 4);
        for (int32_t k = 0; k < 4; k++) assert_int_equal(tour[k], k);
        attn_tour_direct(line, on_line, 3);
        for (int32_t k = 0; k < 3; k++) assert_int_equal(on_line[k], k);
    }
    attn_tour_direct(xy, tour, 1);
    attn_tour_direct(xy, tour, 2);
    attn_tour_direct(NULL, NULL, 0);
    assert_true(tour[0] == 0 && tour[1] == 1);
}

/* Distances overflow: a tour all the same. */
static void cities_too_far_apart_are_visited_once_each(void **state) {
    (void)state;
    double xy[2 * 10];
    int32_t tour[10];
    for (int i = 0; i < 20; i++) xy[i] = i % 3 ? 1e308 : -1e308;
    exact(xy, 10, tour);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tours_are_the_shortest_of_all_permutations),
        cmocka_unit_test(tours_over_half_the_sets_are_as_short_as_over_all),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(shortest_tours_of_uniform_points_have_the_mean_length_that_is_known),
        cmocka_unit_test(tours_are_turned_counter_clockwise),
        cmocka_unit_test(cities_too_far_apart_are_visited_once_each),
    };
    return cmocka_run_group_tests_name("pointer: shortest tours", tests, NULL, NULL);
}
