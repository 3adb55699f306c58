/* Pictures of answers: each line once, in its role. */
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "system/pointer/answer.h"
#include "system/pointer/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const double xy[] = {0, 0, 1, 0, 1, 1, 0, 1, 0.5, 0.25};

static void hulls_and_tours_are_closed_lines_of_both(void **state) {
    static const int32_t predicted[] = {0, 1, 3}, truth[] = {0, 1, 2, 3};
    struct attn_picture p = {.points = 0};
    (void)state;
    assert_int_equal(
        attn_pointer_picture_cycles(test_ctx, &p, xy, 5, (struct attn_point_answer){predicted, 3}, (struct attn_point_answer){truth, 4}),
        ATTN_OK);
    assert_int_equal(p.points, 5);
    assert_int_equal(p.lines, 2);
    assert_true(p.line[0].role == ATTN_PICTURE_TRUTH && p.line[0].closed && p.line[0].count == 4);
    assert_true(p.line[1].role == ATTN_PICTURE_PREDICTED && p.line[1].closed && p.line[1].count == 3);
    for (int i = 0; i < 3; i++) assert_memory_equal(p.vertex + 2 * (p.line[1].first + i), xy + 2 * predicted[i], 2 * sizeof *xy);
    assert_string_equal(p.description, "5 points, joined in order. Predicted: 1, 2, 4. Truth: 1, 2, 3, 4. ");
    attn_picture_free(test_ctx, &p);
    assert_int_equal(
        attn_pointer_picture_cycles(test_ctx, &p, xy, 5, (struct attn_point_answer){predicted, 3}, (struct attn_point_answer){NULL, 0}),
        ATTN_OK);
    assert_int_equal(p.lines, 1);
    attn_picture_free(test_ctx, &p);
}

static void a_tour_that_a_search_found_is_not_called_the_truth(void **state) {
    static const int32_t tour[] = {0, 1, 2, 3, 4};
    const struct attn_pointer_answer exact = {.problem = {.kind = ATTN_POINTER_TSP, .exact_most = 5}, .n = 5},
                                     found = {.problem = {.kind = ATTN_POINTER_TSP, .exact_most = 4}, .n = 5};
    struct attn_picture p = {.truth = attn_pointer_truth_word(&found)};
    (void)state;
    assert_null(attn_pointer_truth_word(&exact));
    assert_string_equal(p.truth, "found");
    const struct attn_point_answer answer = {tour, 5};
    assert_int_equal(attn_pointer_picture_cycles(test_ctx, &p, xy, 5, answer, answer), ATTN_OK);
    assert_non_null(strstr(p.description, "Found by search: 1, 2, 3, 4, 5. "));
    attn_picture_free(test_ctx, &p);
}

/* Triangles 0 1 4 and 1 2 4 are predicted, and a rest; 0 1 4 and 0 3 4 are true. */
static void edges_of_triangles_are_drawn_once_in_their_role(void **state) {
    static const int32_t predicted[] = {0, 1, 4, 4, 2, 1, 3, 3, 3, 0, 1}, truth[] = {0, 1, 4, 0, 3, 4};
    static const enum attn_picture_role roles[5][5] = {{[1] = ATTN_PICTURE_BOTH, [3] = ATTN_PICTURE_TRUTH, [4] = ATTN_PICTURE_BOTH},
                                                       {[2] = ATTN_PICTURE_PREDICTED, [4] = ATTN_PICTURE_BOTH},
                                                       {[4] = ATTN_PICTURE_PREDICTED},
                                                       {[4] = ATTN_PICTURE_TRUTH}};
    struct attn_picture p = {.points = 0};
    (void)state;
    assert_int_equal(attn_pointer_picture_triangles(test_ctx, &p, xy, 5, (struct attn_point_answer){predicted, 11},
                                                    (struct attn_point_answer){truth, 6}),
                     ATTN_OK);
    int64_t line = 0;
    for (int a = 0; a < 5; a++)
        for (int b = a + 1; b < 5; b++) {
            if (roles[a][b] == ATTN_PICTURE_PLAIN) continue;
            assert_true(line < p.lines && p.line[line].role == roles[a][b] && !p.line[line].closed && p.line[line].count == 2);
            assert_memory_equal(p.vertex + 2 * p.line[line].first, xy + 2 * (size_t)a, 2 * sizeof *xy);
            assert_memory_equal(p.vertex + 2 * p.line[line].first + 2, xy + 2 * (size_t)b, 2 * sizeof *xy);
            line++;
        }
    assert_int_equal(line, p.lines);
    assert_string_equal(p.description, "5 points and the edges of triangles: 3 predicted and true, 2 predicted only, 2 true only. ");
    attn_picture_free(test_ctx, &p);
}

static void weights_have_a_column_for_the_end_and_for_each_point(void **state) {
    static const double weights[] = {0, 1, 0, 0.5, 0.25, 0.25};
    struct attn_picture p = {.points = 0};
    (void)state;
    assert_int_equal(attn_pointer_picture_weights(test_ctx, &p, weights, 2, 2), ATTN_OK);
    assert_true(p.rows == 2 && p.columns == 3);
    assert_memory_equal(p.cell, weights, sizeof weights);
    static const char *const labels[] = {"1", "2", "end", "1", "2"};
    for (int i = 0; i < 5; i++) assert_string_equal(p.label[i], labels[i]);
    attn_picture_free(test_ctx, &p);
}

static attn_status make_pictures(attn_ctx *ctx) {
    static const int32_t numbers[] = {0, 1, 4, 0, 3, 4};
    static const double weights[6];
    const struct attn_point_answer answer = {numbers, 6};
    struct attn_picture p[3] = {{.points = 0}, {.points = 0}, {.points = 0}};
    attn_status status = attn_pointer_picture_cycles(ctx, &p[0], xy, 5, answer, answer);
    if (!status) status = attn_pointer_picture_triangles(ctx, &p[1], xy, 5, answer, answer);
    if (!status) status = attn_pointer_picture_weights(ctx, &p[2], weights, 2, 2);
    for (int i = 0; i < 3; i++) attn_picture_free(ctx, &p[i]);
    return status;
}

static void failing_memory_is_said_and_nothing_is_lost(void **state) {
    (void)state;
    test_survives(make_pictures, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hulls_and_tours_are_closed_lines_of_both),
        cmocka_unit_test(a_tour_that_a_search_found_is_not_called_the_truth),
        cmocka_unit_test(edges_of_triangles_are_drawn_once_in_their_role),
        cmocka_unit_test(weights_have_a_column_for_the_end_and_for_each_point),
        cmocka_unit_test(failing_memory_is_said_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
