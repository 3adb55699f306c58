/* The problems: tokens of structures and back, what a valid answer may go on with, labels, and the examples that are drawn. */
#include "metric/polygon.h"
#include "metric/tour.h"
#include "metric/triangles.h"
#include "system/pointer/delaunay.h"
#include "system/pointer/problem.h"
#include "train/support/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64, KINDS = 4 };

static const enum attn_pointer_kind kinds[KINDS] = {ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP, ATTN_POINTER_SORT};

static bool cyclic(enum attn_pointer_kind kind) {
    return kind == ATTN_POINTER_HULL || kind == ATTN_POINTER_TSP;
}

/* -------------------------------------------------------------------------------------------------------------- tokens */

static void expect_round_trip(const struct attn_pointer_problem *problem, const int32_t *numbers, int64_t count) {
    int32_t tokens[MOST + 2], back[MOST + 2];
    const int64_t length = attn_pointer_tokens(problem, numbers, count, tokens);
    const bool closes = problem->close && cyclic(problem->kind) && count > 0;
    assert_int_equal(length, count + closes + 1);
    for (int64_t i = 0; i < count; i++) assert_int_equal(tokens[i], numbers[i] + 1);
    if (closes) assert_int_equal(tokens[count], numbers[0] + 1);
    assert_int_equal(tokens[length - 1], ATTN_POINTER_END);
    assert_int_equal(attn_pointer_numbers(problem, tokens, length - 1, back), count);
    assert_memory_equal(back, numbers, (size_t)count * sizeof *numbers);
}

static void tokens_of_every_structure_give_its_numbers_back(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 31);
    for (int round = 0; round < 1000; round++) {
        const struct attn_pointer_problem problem = {.kind = kinds[round % KINDS], .close = round / KINDS % 2 == 0};
        const int64_t count = round < 16 ? 0 : attn_random_between(&random, 1, MOST / 3) * (problem.kind == ATTN_POINTER_DELAUNAY ? 3 : 1);
        int32_t numbers[MOST];
        for (int64_t i = 0; i < count; i++) numbers[i] = (int32_t)i;
        for (int64_t i = count - 1; i > 0; i--) {
            const int64_t j = attn_random_between(&random, 0, i);
            const int32_t kept = numbers[i];
            numbers[i] = numbers[j];
            numbers[j] = kept;
        }
        expect_round_trip(&problem, numbers, count);
    }
}

static void expect_numbers(enum attn_pointer_kind kind, bool close, const int32_t *tokens, int64_t count, const int32_t *want,
                           int64_t wanted) {
    const struct attn_pointer_problem problem = {.kind = kind, .close = close};
    int32_t numbers[MOST];
    assert_int_equal(attn_pointer_numbers(&problem, tokens, count, numbers), wanted);
    assert_memory_equal(numbers, want, (size_t)wanted * sizeof *want);
}

static void the_closing_point_is_no_repeat_and_another_repeat_stays(void **state) {
    static const int32_t closed[] = {2, 4, 3, 2}, twice[] = {2, 4, 2, 3}, both[] = {2, 4, 2, 3, 2}, one[] = {2}, pair[] = {2, 2};
    static const int32_t from_closed[] = {1, 3, 2}, from_twice[] = {1, 3, 1, 2}, kept[] = {1, 3, 2, 1}, from_one[] = {1, 1};
    (void)state;
    expect_numbers(ATTN_POINTER_HULL, true, closed, 4, from_closed, 3);
    expect_numbers(ATTN_POINTER_TSP, true, closed, 4, from_closed, 3);
    expect_numbers(ATTN_POINTER_HULL, true, closed, 3, from_closed, 3);
    expect_numbers(ATTN_POINTER_HULL, true, twice, 4, from_twice, 4);
    expect_numbers(ATTN_POINTER_HULL, true, both, 5, from_twice, 4);
    expect_numbers(ATTN_POINTER_HULL, false, closed, 4, kept, 4);
    expect_numbers(ATTN_POINTER_DELAUNAY, true, closed, 4, kept, 4);
    expect_numbers(ATTN_POINTER_SORT, true, closed, 4, kept, 4);
    expect_numbers(ATTN_POINTER_HULL, true, one, 1, from_one, 1);
    expect_numbers(ATTN_POINTER_HULL, true, pair, 2, from_one, 1);
    expect_numbers(ATTN_POINTER_HULL, true, one, 0, from_one, 0);
}

/* -------------------------------------------------------------------------------------------------------- constraints */

static bool all_different(const int32_t *tokens, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < i; j++)
            if (tokens[i] == tokens[j]) return false;
    return true;
}

/* By its definition; tokens without the end. */
static bool is_valid(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int64_t n) {
    const bool closes = problem->close && cyclic(problem->kind);
    const int64_t own = count - closes;
    bool ascending = count % 3 == 0;
    for (int64_t i = 0; i < count; i++) ascending = ascending && (i % 3 == 0 || tokens[i] > tokens[i - 1]);
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        return own >= (n < 3 ? n : 3) && all_different(tokens, own) && tokens[count - 1] == tokens[closes ? 0 : count - 1];
    case ATTN_POINTER_DELAUNAY:
        return ascending;
    case ATTN_POINTER_TSP:
        return own == n && tokens[0] == 1 && all_different(tokens, n) && tokens[count - 1] == (closes ? 1 : tokens[n - 1]);
    case ATTN_POINTER_SORT:
        break;
    }
    return count == n && all_different(tokens, n);
}

static void where_closing_ends_no_token_of_the_end_is_allowed_nor_written(void **state) {
    static const int32_t numbers[] = {0, 2, 1}, want[] = {1, 3, 2, 1};
    static const unsigned char hull[] = {0, 1, 0, 0, 1, 1}, tour[] = {0, 0, 0, 0, 1, 1}, all[] = {0, 1, 0, 0, 0, 0};
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct attn_pointer_problem problem = {.kind = k ? ATTN_POINTER_TSP : ATTN_POINTER_HULL, .close = true, .closing_ends = true};
        int32_t tokens[4], back[4];
        unsigned char allowed[6];
        assert_int_equal(attn_pointer_most_tokens(&problem, 5), 6);
        assert_int_equal(attn_pointer_tokens(&problem, numbers, 3, tokens), 4);
        assert_memory_equal(tokens, want, sizeof want);
        assert_int_equal(attn_pointer_numbers(&problem, tokens, 4, back), 3);
        assert_memory_equal(back, numbers, sizeof numbers);
        attn_pointer_allow(&problem, want, 3, 5, allowed);
        assert_memory_equal(allowed, k ? tour : hull, sizeof hull);
        attn_pointer_allow(&problem, (const int32_t[]){1, 2, 3, 4, 5}, 5, 5, allowed);
        assert_memory_equal(allowed, all, sizeof all);
    }
}

/* Ways in which an answer that has begun so may end. */
static int64_t count_answers(const struct attn_pointer_problem *problem, int32_t *tokens, int64_t count, int64_t n) {
    unsigned char allowed[MOST];
    int64_t answers = 0;
    memset(allowed, 7, sizeof allowed);
    attn_pointer_allow(problem, tokens, count, n, allowed);
    for (int32_t j = 0; j <= n; j++) {
        assert_true(allowed[j] <= 1);
        if (!allowed[j]) continue;
        assert_true(count < attn_pointer_most_tokens(problem, n));
        if (j == ATTN_POINTER_END) {
            assert_true(is_valid(problem, tokens, count, n));
            answers++;
            continue;
        }
        tokens[count] = j;
        answers += count_answers(problem, tokens, count + 1, n);
    }
    assert_true(answers > 0);
    assert_int_equal(allowed[n + 1], 7);
    return answers;
}

/* Of k out of n in order: n! / (n - k)!. */
static int64_t arrangements(int64_t n, int64_t k) {
    int64_t ways = 1;
    for (int64_t i = 0; i < k; i++) ways *= n - i;
    return ways;
}

static int64_t valid_answers(enum attn_pointer_kind kind, int64_t n) {
    const int64_t triples = n * (n - 1) * (n - 2) / 6;
    int64_t sum = 0, lists = 1;
    switch (kind) {
    case ATTN_POINTER_HULL:
        for (int64_t k = n < 3 ? n : 3; k <= n; k++) sum += arrangements(n, k);
        return sum;
    case ATTN_POINTER_DELAUNAY:
        for (int64_t k = 0; k <= attn_delaunay_most(n); k++, lists *= triples) sum += lists;
        return sum;
    case ATTN_POINTER_TSP:
        return arrangements(n - 1, n - 1);
    case ATTN_POINTER_SORT:
        break;
    }
    return arrangements(n, n);
}

/* Only valid answers come of what is allowed, and all of them: as many as can be counted. */
static void what_is_allowed_leads_to_all_valid_answers_and_to_no_other(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++)
        for (int close = 0; close < 2; close++)
            for (int64_t n = 1; n <= (kinds[k] == ATTN_POINTER_DELAUNAY ? 4 : 6); n++) {
                const struct attn_pointer_problem problem = {.kind = kinds[k], .close = close == 1};
                int32_t tokens[MOST];
                assert_int_equal(count_answers(&problem, tokens, 0, n), valid_answers(kinds[k], n));
            }
}

static void a_tour_begins_with_city_1_and_a_hull_closes_after_three_points_at_the_earliest(void **state) {
    const struct attn_pointer_problem tour = {.kind = ATTN_POINTER_TSP, .close = true}, hull = {.kind = ATTN_POINTER_HULL, .close = true};
    static const int32_t tokens[] = {4, 1, 3, 4};
    static const unsigned char first[] = {0, 1, 0, 0, 0}, two[] = {0, 0, 1, 1, 0}, three[] = {0, 0, 1, 0, 1}, shut[] = {1, 0, 0, 0, 0};
    unsigned char allowed[5];
    (void)state;
    attn_pointer_allow(&tour, NULL, 0, 4, allowed);
    assert_memory_equal(allowed, first, 5);
    attn_pointer_allow(&hull, tokens, 2, 4, allowed);
    assert_memory_equal(allowed, two, 5);
    attn_pointer_allow(&hull, tokens, 3, 4, allowed);
    assert_memory_equal(allowed, three, 5);
    attn_pointer_allow(&hull, tokens, 4, 4, allowed);
    assert_memory_equal(allowed, shut, 5);
}

/* -------------------------------------------------------------------------------------------------------------- labels */

struct example {
    double xy[2 * MOST];
    int32_t numbers[6 * MOST];
    int64_t count;
};

static void label(const struct attn_pointer_problem *problem, int64_t n, uint64_t index, struct example *out) {
    void *scratch = malloc(attn_pointer_scratch(problem, n));
    assert_non_null(scratch);
    attn_pointer_draw(problem, n, 1, index, out->xy);
    out->count = attn_pointer_label(problem, out->xy, n, index, out->numbers, scratch);
    assert_true(out->count <= attn_pointer_most_numbers(problem, n));
    free(scratch);
}

static void the_hull_of_three_points_is_the_triangle_from_the_first_on(void **state) {
    const struct attn_pointer_problem problem = {.kind = ATTN_POINTER_HULL, .close = true};
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        struct example e;
        label(&problem, 3, i, &e);
        assert_int_equal(e.count, 3);
        assert_int_equal(e.numbers[0], 0);
        assert_int_equal(e.numbers[1] + e.numbers[2], 3);
        assert_true(attn_polygon_area(e.xy, e.numbers, 3) > 0);
    }
}

static void tours_of_all_labels_run_counter_clockwise_from_city_1_through_every_city(void **state) {
    unsigned char seen[MOST * 8];
    (void)state;
    assert_true(attn_tour_valid_scratch(12) <= sizeof seen);
    for (int l = ATTN_LABELS_OPTIMAL; l <= ATTN_LABELS_A3; l++)
        for (uint64_t i = 0; i < 50; i++) {
            struct attn_pointer_problem problem = {.kind = ATTN_POINTER_TSP, .exact_most = 8, .labels = (enum attn_pointer_labels)l};
            const int64_t n = 3 + (int64_t)(i % 10);
            struct example ccw, any;
            label(&problem, n, i, &ccw);
            problem.any_direction = true;
            label(&problem, n, i, &any);
            assert_int_equal(ccw.count, n);
            assert_int_equal(ccw.numbers[0], 0);
            assert_true(attn_tour_valid(ccw.numbers, n, n, seen));
            assert_true(attn_polygon_area(ccw.xy, ccw.numbers, n) > 0);
            assert_true(attn_same_cycle(ccw.numbers, n, any.numbers, n));
        }
}

static void shuffled_triangles_are_the_same_in_an_order_of_the_seeds(void **state) {
    struct attn_pointer_problem problem = {.kind = ATTN_POINTER_DELAUNAY};
    static unsigned char scratch[1 << 16];
    int moved = 0;
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        struct example ordered, shuffled, again;
        struct attn_triangle_match match;
        problem.shuffled = false;
        label(&problem, 20, i, &ordered);
        problem.shuffled = true;
        label(&problem, 20, i, &shuffled);
        label(&problem, 20, i, &again);
        assert_true(attn_triangles_scratch(2 * ordered.count) <= sizeof scratch);
        attn_triangles_match(shuffled.numbers, shuffled.count, ordered.numbers, ordered.count, scratch, &match);
        assert_true(match.exact);
        assert_memory_equal(shuffled.numbers, again.numbers, (size_t)again.count * sizeof *again.numbers);
        moved += memcmp(shuffled.numbers, ordered.numbers, (size_t)ordered.count * sizeof *ordered.numbers) != 0;
    }
    assert_int_equal(moved, 100);
}

static void sorted_points_rise_and_equal_ones_keep_their_order(void **state) {
    const struct attn_pointer_problem problem = {.kind = ATTN_POINTER_SORT};
    static const double xy[] = {0.5, 0, 0.25, 0, 0.5, 0, -1, 0, 0.25, 0, 0.5, 0};
    static const int32_t want[] = {3, 1, 4, 0, 2, 5};
    int32_t numbers[6];
    (void)state;
    assert_int_equal(attn_pointer_solve(&problem, xy, 6, numbers, NULL, NULL), 6);
    assert_memory_equal(numbers, want, sizeof want);
}

/* ------------------------------------------------------------------------------------------------------------ examples */

static void coordinates_are_multiples_of_2_to_the_minus_24_below_1_and_no_two_points_are_alike(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++)
        for (uint64_t i = 0; i < 200; i++) {
            const struct attn_pointer_problem problem = {.kind = kinds[k]};
            const int64_t n = 1 + (int64_t)i % MOST;
            double xy[2 * MOST], again[2 * MOST];
            attn_pointer_draw(&problem, n, 9, i, xy);
            attn_pointer_draw(&problem, n, 9, i, again);
            assert_memory_equal(xy, again, (size_t)(2 * n) * sizeof *xy);
            for (int64_t j = 0; j < 2 * n; j++) {
                assert_true(xy[j] >= 0 && xy[j] < 1);
                assert_true(ldexp(xy[j], 24) == floor(ldexp(xy[j], 24)));
                assert_true((double)(float)xy[j] == xy[j]);
                if (problem.kind == ATTN_POINTER_SORT && j % 2 == 1) assert_true(xy[j] == 0);
            }
            for (int64_t a = 0; a < n; a++)
                for (int64_t b = 0; b < a; b++) assert_false(xy[2 * a] == xy[2 * b] && xy[2 * a + 1] == xy[2 * b + 1]);
        }
}

static void an_order_moves_points_and_changes_none(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        struct attn_pointer_problem problem = {.kind = ATTN_POINTER_HULL};
        double as_drawn[2 * MOST], xy[2 * MOST], mean[2] = {0, 0};
        const int64_t n = 2 + (int64_t)i % 30;
        attn_pointer_draw(&problem, n, 9, i, as_drawn);
        for (int64_t j = 0; j < 2 * n; j++) mean[j % 2] += as_drawn[j] / (double)n;
        problem.order = i % 2 ? ATTN_ORDER_X : ATTN_ORDER_ANGLE;
        attn_pointer_draw(&problem, n, 9, i, xy);
        for (int64_t a = 0; a < n; a++) {
            int found = 0;
            for (int64_t b = 0; b < n; b++) found += xy[2 * a] == as_drawn[2 * b] && xy[2 * a + 1] == as_drawn[2 * b + 1];
            assert_int_equal(found, 1);
            if (a == 0) continue;
            const double *p = xy + 2 * (a - 1), *q = xy + 2 * a;
            if (problem.order == ATTN_ORDER_X)
                assert_true(p[0] <= q[0]);
            else
                assert_true(atan2(p[1] - mean[1], p[0] - mean[0]) <= atan2(q[1] - mean[1], q[0] - mean[0]));
        }
    }
}

enum { POINTS = 5 };
struct drawn {
    double xy[2 * POINTS];
};

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct drawn));
}

/* A recipe's seed s trains with s and tests with 2^31 + s. */
static void sets_of_other_seeds_and_problems_share_no_example(void **state) {
    static const uint64_t seeds[] = {0, 1, 2, (uint64_t)1 << 31, ((uint64_t)1 << 31) + 1, ((uint64_t)1 << 31) + 2};
    const uint64_t each = (uint64_t)test_rounds(2000, 100000);
    struct drawn *all = malloc((size_t)each * 6 * 3 * sizeof *all);
    size_t count = 0;
    (void)state;
    assert_non_null(all);
    for (int k = 0; k < 3; k++)
        for (int s = 0; s < 6; s++)
            for (uint64_t i = 0; i < each; i++)
                attn_pointer_draw(&(struct attn_pointer_problem){.kind = kinds[k]}, POINTS, seeds[s], i, all[count++].xy);
    qsort(all, count, sizeof *all, by_bytes);
    for (size_t i = 1; i < count; i++) assert_true(by_bytes(&all[i - 1], &all[i]) != 0);
    free(all);
}

/* A mean of `rounds` values, against one that is known with as great an error as that of `known_rounds`. */
static void expect_mean(const char *what, double sum, double squares, int rounds, double known, double known_rounds) {
    const double mean = sum / rounds, variance = squares / rounds - mean * mean;
    const double error = sqrt(variance * (1.0 / rounds + 1 / known_rounds));
    if (!(fabs(mean - known) <= 4 * error + 0.005)) fail_msg("%s: mean %.6g, known %.6g, standard error %.2g", what, mean, known, error);
}

/* Means of coordinates, their squares and products: 1/2, 1/3, 1/4. */
static void coordinates_are_uniform_and_independent(void **state) {
    const struct attn_pointer_problem problem = {.kind = ATTN_POINTER_HULL};
    const int rounds = test_rounds(5000, 100000);
    double sum[4] = {0}, squares[4] = {0};
    static const double known[4] = {0.5, 1.0 / 3, 0.25, 0.25};
    static const char *const what[4] = {"coordinates", "squares", "x times y", "x times the next x"};
    (void)state;
    for (int i = 0; i < rounds; i++) {
        double xy[2 * POINTS];
        attn_pointer_draw(&problem, POINTS, 77, (uint64_t)i, xy);
        const double value[4] = {xy[3], xy[2] * xy[2], xy[4] * xy[5], xy[6] * xy[8]};
        for (int v = 0; v < 4; v++) {
            sum[v] += value[v];
            squares[v] += value[v] * value[v];
        }
    }
    for (int v = 0; v < 4; v++) {
        const double mean = sum[v] / rounds, error = sqrt((squares[v] / rounds - mean * mean) / rounds);
        if (!(fabs(mean - known[v]) <= 4 * error)) fail_msg("%s: mean %.6g, expected %.6g, error %.2g", what[v], mean, known[v], error);
    }
}

/* Known to two places from 20,000 examples each, tours of 5 from 200,000 and of 10 from 40,000. */
static void hulls_triangulations_and_tours_have_the_mean_sizes_that_are_known(void **state) {
    static const struct {
        const char *name;
        enum attn_pointer_kind kind;
        int64_t n;
        double mean, rounds;
    } known[] = {{"hull of 5", ATTN_POINTER_HULL, 5, 4.23, 2e4},
                 {"hull of 10", ATTN_POINTER_HULL, 10, 5.94, 2e4},
                 {"hull of 50", ATTN_POINTER_HULL, 50, 10.14, 2e4},
                 {"triangles of 5", ATTN_POINTER_DELAUNAY, 5, 3.77, 2e4},
                 {"triangles of 10", ATTN_POINTER_DELAUNAY, 10, 12.06, 2e4},
                 {"triangles of 50", ATTN_POINTER_DELAUNAY, 50, 87.86, 2e4},
                 {"tour of 5", ATTN_POINTER_TSP, 5, 2.127, 2e5},
                 {"tour of 10", ATTN_POINTER_TSP, 10, 2.867, 4e4}};
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const struct attn_pointer_problem problem = {.kind = known[k].kind, .exact_most = 13};
        const int rounds = test_rounds(1000, 20000);
        double sum = 0, squares = 0;
        for (int i = 0; i < rounds; i++) {
            struct example e;
            label(&problem, known[k].n, (uint64_t)i, &e);
            const double size = problem.kind == ATTN_POINTER_TSP        ? attn_tour_length(e.xy, e.numbers, e.count)
                                : problem.kind == ATTN_POINTER_DELAUNAY ? (double)e.count / 3
                                                                        : (double)e.count;
            sum += size;
            squares += size * size;
        }
        expect_mean(known[k].name, sum, squares, rounds, known[k].mean, known[k].rounds);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_every_structure_give_its_numbers_back),
        cmocka_unit_test(the_closing_point_is_no_repeat_and_another_repeat_stays),
        cmocka_unit_test(where_closing_ends_no_token_of_the_end_is_allowed_nor_written),
        cmocka_unit_test(what_is_allowed_leads_to_all_valid_answers_and_to_no_other),
        cmocka_unit_test(a_tour_begins_with_city_1_and_a_hull_closes_after_three_points_at_the_earliest),
        cmocka_unit_test(the_hull_of_three_points_is_the_triangle_from_the_first_on),
        cmocka_unit_test(tours_of_all_labels_run_counter_clockwise_from_city_1_through_every_city),
        cmocka_unit_test(shuffled_triangles_are_the_same_in_an_order_of_the_seeds),
        cmocka_unit_test(sorted_points_rise_and_equal_ones_keep_their_order),
        cmocka_unit_test(coordinates_are_multiples_of_2_to_the_minus_24_below_1_and_no_two_points_are_alike),
        cmocka_unit_test(an_order_moves_points_and_changes_none),
        cmocka_unit_test(sets_of_other_seeds_and_problems_share_no_example),
        cmocka_unit_test(coordinates_are_uniform_and_independent),
        cmocka_unit_test(hulls_triangulations_and_tours_have_the_mean_sizes_that_are_known),
    };
    return cmocka_run_group_tests_name("pointer: problems", tests, NULL, NULL);
}
