/* How right answers are, by hand. */
#include "system/pointer/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A square of side 2, its centre and the middle of its right side; the hull is 0 1 2 3. */
static const double square[] = {0, 0, 2, 0, 2, 2, 0, 2, 1, 1, 2, 1};
static const int32_t corners[] = {0, 1, 2, 3};
enum { POINTS = 6, SCRATCH = 1 << 14, NUMBERS = 64 };

static const struct attn_pointer_problem hulls = {.kind = ATTN_POINTER_HULL, .close = true},
                                         tours = {.kind = ATTN_POINTER_TSP, .close = true},
                                         triangulations = {.kind = ATTN_POINTER_DELAUNAY}, sorting = {.kind = ATTN_POINTER_SORT};

#define COUNT(a)    ((int64_t)(sizeof(a) / sizeof(a)[0]))
#define ANSWER(...) (const int32_t[]){__VA_ARGS__}, COUNT(((const int32_t[]){__VA_ARGS__}))

static void add(const struct attn_pointer_problem *problem, const int32_t *answer, int64_t count, bool ended, const int32_t *truth,
                int64_t truths, struct attn_pointer_score *s) {
    static double scratch[SCRATCH / sizeof(double)];
    assert_true(attn_pointer_score_scratch(POINTS, NUMBERS) <= SCRATCH);
    attn_pointer_score_add(problem, square, POINTS, answer, count, ended, truth, truths, scratch, s);
}

static struct attn_pointer_score hull_score(const int32_t *answer, int64_t count, bool ended) {
    struct attn_pointer_score s = {0};
    add(&hulls, answer, count, ended, corners, 4, &s);
    assert_int_equal(s.cases, 1);
    return s;
}

static void expect_hull(const int32_t *answer, int64_t count, bool exact, bool right, bool simple, double area) {
    const struct attn_pointer_score s = hull_score(answer, count, true);
    assert_int_equal(s.exact, exact);
    assert_int_equal(s.right, right);
    assert_int_equal(s.valid, simple);
    assert_true(s.area == area);
}

static void a_hull_is_right_from_any_vertex_on_and_in_either_direction(void **state) {
    (void)state;
    expect_hull(ANSWER(0, 1, 2, 3), true, true, true, 1);
    expect_hull(ANSWER(2, 3, 0, 1), false, true, true, 1);
    expect_hull(ANSWER(3, 2, 1, 0), false, true, true, 1);
    expect_hull(ANSWER(1, 0, 3, 2), false, true, true, 1);
}

static void a_hull_of_other_vertices_is_wrong_and_its_area_a_share_of_the_true_one(void **state) {
    (void)state;
    expect_hull(ANSWER(0, 1, 2), false, false, true, 0.5);
    expect_hull(ANSWER(2, 1, 0), false, false, true, 0.5);
    expect_hull(ANSWER(0, 1, 4), false, false, true, 0.25);
    expect_hull(ANSWER(0, 1, 5, 2, 3), false, false, true, 1);    /* the middle of a side */
    expect_hull(ANSWER(0, 1, 2, 4, 3), false, false, true, 0.75); /* a notch */
}

static void a_bow_tie_and_a_repeated_vertex_and_two_vertices_and_none_are_no_simple_polygons(void **state) {
    (void)state;
    expect_hull(ANSWER(0, 2, 1, 3), false, false, false, 0);
    expect_hull(ANSWER(0, 1, 2, 3, 0), false, false, false, 0);
    expect_hull(ANSWER(0, 1, 2, 1, 3), false, false, false, 0);
    expect_hull(ANSWER(0, 2, 4), false, false, false, 0); /* on a line */
    expect_hull(ANSWER(0, 1, 5, 2, 5, 3), false, false, false, 0);
    expect_hull(ANSWER(0, 1), false, false, false, 0);
    expect_hull(ANSWER(0), false, false, false, 0);
    expect_hull(corners, 0, false, false, false, 0);
}

static void an_answer_without_its_end_is_not_exact(void **state) {
    (void)state;
    assert_int_equal(hull_score(corners, 4, false).exact, 0);
    assert_int_equal(hull_score(corners, 4, true).exact, 1);
}

/* ------------------------------------------------------------------------------------------------- the rule of 1% */

static double figure(const struct attn_pointer_problem *problem, const struct attn_pointer_score *s, const char *name) {
    struct attn_figures figures = {.count = 0};
    attn_pointer_score_figures(problem, s, POINTS, "", &figures);
    int found = 0;
    for (int i = 0; i < figures.count; i++) found += strcmp(figures.at[i].name, name) == 0;
    if (found != 1) fail_msg("%s: found %d times", name, found);
    return attn_figures_get(&figures, name);
}

/* Half the area in each simple case. */
static struct attn_pointer_score with_bow_ties(int64_t cases, int64_t ties) {
    struct attn_pointer_score s = {0};
    for (int64_t i = 0; i < cases - ties; i++) add(&hulls, ANSWER(0, 1, 2), true, corners, 4, &s);
    for (int64_t i = 0; i < ties; i++) add(&hulls, ANSWER(0, 2, 1, 3), true, corners, 4, &s);
    assert_int_equal(s.cases, cases);
    return s;
}

static void the_area_is_told_with_one_percent_of_polygons_not_simple_and_fails_with_more(void **state) {
    static const struct {
        int64_t cases, ties;
        bool fails;
    } known[] = {{1000, 10, false}, {1000, 11, true},  {100, 1, false},  {99, 1, true}, {100, 2, true}, {300, 3, false},
                 {700, 7, false},   {4096, 40, false}, {4096, 41, true}, {1, 0, false}, {1, 1, true}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct attn_pointer_score s = with_bow_ties(known[i].cases, known[i].ties);
        const double area = figure(&hulls, &s, "area_6");
        if (known[i].fails ? !isnan(area) : area != 0.5)
            fail_msg("%lld of %lld are not simple: area %g", (long long)known[i].ties, (long long)known[i].cases, area);
    }
}

static void the_area_is_a_mean_over_simple_polygons_alone(void **state) {
    struct attn_pointer_score s = {0};
    (void)state;
    add(&hulls, ANSWER(0, 1, 2, 3), true, corners, 4, &s);
    add(&hulls, ANSWER(0, 2, 1, 3), true, corners, 4, &s);
    add(&hulls, ANSWER(0, 1), true, corners, 4, &s);
    add(&hulls, ANSWER(0, 1, 2), true, corners, 4, &s);
    assert_true(isnan(figure(&hulls, &s, "area_6")));
    assert_true(figure(&hulls, &s, "simple_area_6") == 0.75);
    assert_true(figure(&hulls, &s, "simple_6") == 0.5);
    assert_true(figure(&hulls, &s, "accuracy_6") == 0.25);
}

/* ------------------------------------------------------------------------------------------------- triangulations */

static const int32_t truth[] = {0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4};

static void expect_triangles(const int32_t *answer, int64_t count, bool right, bool valid, double coverage, double precision) {
    struct attn_pointer_score s = {0};
    add(&triangulations, answer, count, true, truth, COUNT(truth), &s);
    assert_int_equal(s.right, right);
    assert_int_equal(s.valid, valid);
    assert_true(s.coverage == coverage);
    assert_true(s.precision == precision);
}

static void triangulations_are_sets_of_unordered_triples(void **state) {
    (void)state;
    expect_triangles(truth, COUNT(truth), true, true, 1, 1);
    expect_triangles(ANSWER(2, 3, 4, 1, 2, 4, 0, 3, 4, 0, 1, 4), true, true, 1, 1);
    expect_triangles(ANSWER(4, 0, 1, 4, 3, 0, 2, 1, 4, 3, 4, 2), true, false, 1, 1);
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4, 4, 3, 2), true, false, 1, 1); /* one twice */
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4), false, true, 0.75, 1);
    expect_triangles(ANSWER(0, 1, 4, 1, 2, 3), false, true, 0.25, 0.5);
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4, 0, 1, 2), false, true, 1, 0.8);
}

static void an_incomplete_triple_at_the_end_makes_a_triangulation_wrong(void **state) {
    (void)state;
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4, 0), false, false, 1, 1);
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4, 0, 1), false, false, 1, 1);
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3), false, false, 0.75, 1);
    expect_triangles(ANSWER(0, 1), false, false, 0, 0);
    expect_triangles(truth, 0, false, true, 0, 0);
}

static void a_triple_that_is_no_triangle_counts_as_predicted_and_as_wrong(void **state) {
    (void)state;
    expect_triangles(ANSWER(0, 1, 4, 0, 3, 4, 1, 2, 4, 2, 3, 4, 1, 1, 2), false, false, 1, 0.8);
    expect_triangles(ANSWER(2, 2, 2), false, false, 0, 0);
}

static void coverage_and_precision_are_means_over_all_answers(void **state) {
    struct attn_pointer_score s = {0};
    (void)state;
    add(&triangulations, truth, COUNT(truth), true, truth, COUNT(truth), &s);
    add(&triangulations, ANSWER(0, 1, 4, 1, 2, 3), true, truth, COUNT(truth), &s);
    assert_true(figure(&triangulations, &s, "coverage_6") == 0.625);
    assert_true(figure(&triangulations, &s, "precision_6") == 0.75);
    assert_true(figure(&triangulations, &s, "accuracy_6") == 0.5);
}

/* ----------------------------------------------------------------------------------------------------------- tours */

/* Around the square, the centre between 0 and 3: 4 + 2 + 2 sqrt 2. */
static const int32_t best[] = {0, 1, 5, 2, 3, 4};

static void a_tour_that_misses_or_repeats_a_city_is_not_valid_and_has_no_length(void **state) {
    struct attn_pointer_score s = {0};
    (void)state;
    add(&tours, ANSWER(0, 1, 5, 2, 3), true, best, 6, &s);
    add(&tours, ANSWER(0, 1, 5, 2, 3, 3), true, best, 6, &s);
    add(&tours, ANSWER(0, 1, 5, 2, 3, 4, 4), true, best, 6, &s);
    add(&tours, ANSWER(0, 1, 5, 2, 3, 0), true, best, 6, &s);
    add(&tours, best, 0, true, best, 6, &s);
    assert_int_equal(s.cases, 5);
    assert_int_equal(s.valid, 0);
    assert_true(s.tour == 0 && s.best == 0);
    assert_true(figure(&tours, &s, "valid_6") == 0);
    assert_true(isnan(figure(&tours, &s, "length_6")));
    assert_true(isnan(figure(&tours, &s, "ratio_6")));
}

static void a_tours_ratio_is_of_the_lengths_of_valid_ones_alone(void **state) {
    const double shortest = 6 + 2 * sqrt(2), longer = 4 + 4 * sqrt(2);
    struct attn_pointer_score s = {0};
    (void)state;
    add(&tours, ANSWER(0, 1, 5, 2, 3, 4), true, best, 6, &s);
    add(&tours, ANSWER(1, 5, 2, 3, 4, 0), true, best, 6, &s); /* from another city on */
    add(&tours, ANSWER(0, 4, 3, 2, 5, 1), true, best, 6, &s); /* the other way */
    add(&tours, ANSWER(0, 4, 2, 5, 1, 3), true, best, 6, &s); /* across both ways */
    add(&tours, ANSWER(0, 1, 5, 2), true, best, 6, &s);
    assert_int_equal(s.valid, 4);
    assert_true(fabs(s.best - 4 * shortest) <= 1e-14 * s.best);
    assert_true(fabs(s.tour - (3 * shortest + longer)) <= 1e-14 * s.tour);
    assert_true(fabs(figure(&tours, &s, "length_6") - (3 * shortest + longer) / 4) <= 1e-14 * shortest);
    assert_true(fabs(figure(&tours, &s, "ratio_6") - (3 * shortest + longer) / (4 * shortest)) <= 1e-14);
    assert_true(figure(&tours, &s, "valid_6") == 0.8);
}

static void sorting_is_right_where_every_number_is_in_its_place(void **state) {
    struct attn_pointer_score s = {0};
    (void)state;
    add(&sorting, ANSWER(3, 1, 0, 2), true, ANSWER(3, 1, 0, 2), &s);
    add(&sorting, ANSWER(3, 1, 0, 2), false, ANSWER(3, 1, 0, 2), &s);
    add(&sorting, ANSWER(3, 1, 2, 0), true, ANSWER(3, 1, 0, 2), &s);
    add(&sorting, ANSWER(3, 1, 0), true, ANSWER(3, 1, 0, 2), &s);
    assert_true(figure(&sorting, &s, "accuracy_6") == 0.25);
}

/* ---------------------------------------------------------------------------------------------------------- sums */

static void sums_and_means_of_scores_are_those_of_their_parts(void **state) {
    struct attn_pointer_score part[2] = {{0}, {0}}, all = {0}, sum = {0};
    (void)state;
    add(&hulls, ANSWER(0, 1, 2, 3), true, corners, 4, &part[0]);
    add(&hulls, ANSWER(0, 1, 2), true, corners, 4, &part[1]);
    add(&hulls, ANSWER(0, 2, 1, 3), true, corners, 4, &part[1]);
    add(&hulls, ANSWER(0, 1, 2, 3), true, corners, 4, &all);
    add(&hulls, ANSWER(0, 1, 2), true, corners, 4, &all);
    add(&hulls, ANSWER(0, 2, 1, 3), true, corners, 4, &all);
    for (int i = 0; i < 2; i++) attn_pointer_score_sum(&part[i], &sum);
    assert_memory_equal(&sum, &all, sizeof sum);
    assert_true(attn_pointer_score_mean(&hulls, part, 2) == 0.5); /* of 1 and 0, whatever their cases */
    assert_true(attn_pointer_score_mean(&hulls, &all, 1) == 1.0 / 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hull_is_right_from_any_vertex_on_and_in_either_direction),
        cmocka_unit_test(a_hull_of_other_vertices_is_wrong_and_its_area_a_share_of_the_true_one),
        cmocka_unit_test(a_bow_tie_and_a_repeated_vertex_and_two_vertices_and_none_are_no_simple_polygons),
        cmocka_unit_test(an_answer_without_its_end_is_not_exact),
        cmocka_unit_test(the_area_is_told_with_one_percent_of_polygons_not_simple_and_fails_with_more),
        cmocka_unit_test(the_area_is_a_mean_over_simple_polygons_alone),
        cmocka_unit_test(triangulations_are_sets_of_unordered_triples),
        cmocka_unit_test(an_incomplete_triple_at_the_end_makes_a_triangulation_wrong),
        cmocka_unit_test(a_triple_that_is_no_triangle_counts_as_predicted_and_as_wrong),
        cmocka_unit_test(coverage_and_precision_are_means_over_all_answers),
        cmocka_unit_test(a_tour_that_misses_or_repeats_a_city_is_not_valid_and_has_no_length),
        cmocka_unit_test(a_tours_ratio_is_of_the_lengths_of_valid_ones_alone),
        cmocka_unit_test(sorting_is_right_where_every_number_is_in_its_place),
        cmocka_unit_test(sums_and_means_of_scores_are_those_of_their_parts),
    };
    return cmocka_run_group_tests_name("pointer: scores", tests, NULL, NULL);
}
