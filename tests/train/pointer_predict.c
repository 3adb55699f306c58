/* Answers to points of the user's own, with what is right beside them, and what is refused. */
#include "support/setting.h"
#include "system/pointer/pointer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp};
enum { TASKS = sizeof tasks / sizeof tasks[0] };

/* What a watch was told. */
struct told {
    int times;
    double share; /* the newest; 0 before, and again behind each whole search */
};

static void note_share(void *user, double share) {
    struct told *told = user;
    assert_true(share > told->share && share <= 1);
    told->times++;
    told->share = share < 1 ? share : 0;
}

static struct told told;

/* What the untrained model of these words says to `input`, freed by free, and how that ended. */
static char *say(const struct attn_task *task, const char *words, bool check, const char *input, attn_status *status) {
    const struct attn_watch watch = {note_share, &told};
    char all[512];
    told = (struct told){0, 0};
    snprintf(all, sizeof all, "points=4-7 hidden=8 init=1%s%s", words[0] ? " " : "", words);
    return test_job_answer(task, all, &(struct attn_predict_options){.check = check, .input = "the input", .watch = &watch}, input, status);
}

static char *answer(const struct attn_task *task, const char *words, bool check, const char *input) {
    char error[1024];
    attn_status status;
    char *text = say(task, words, check, input, &status);
    if (status) fail_msg("%s: %s", input, attn_ctx_error(test_ctx, error, sizeof error));
    return text;
}

static void expect_piece(const char *text, const char *piece) {
    if (!strstr(text, piece)) fail_msg("expected \"%s\" in \"%s\"", piece, text);
}

static int lines_of(const char *text) {
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

/* ------------------------------------------------------------------------------------------------------------- answers */

static const char square[] = "0 0 4 0 4 4 0 4 2 1\n", moved[] = "64 64 68 64 68 68 64 68 66 65\n",
                  enlarged[] = "0 0 1e300 0 1e300 1e300 0 1e300 5e299 2.5e299\n";

static void what_is_right_stands_beside_the_models_answer(void **state) {
    static const struct {
        const struct attn_task *task;
        const char *right;
    } known[] = {{&attn_pointer_hull, "\nexact\t1 2 3 4\tarea 16\tthe model is "},
                 {&attn_pointer_delaunay, "\t4 triangles\tthe model has "},
                 {&attn_pointer_tsp, "\nexact\t1 5 2 3 4\tlength 16.4721\tthe model's is "}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *text = answer(known[i].task, "constrain=true", true, square), *alone = answer(known[i].task, "constrain=true", false, square);
        assert_int_equal(lines_of(text), 2);
        assert_int_equal(strncmp(text, "model\t", 6), 0);
        expect_piece(text, known[i].right);
        assert_int_equal(lines_of(alone), 1);
        assert_int_equal(strncmp(text + 6, alone, strlen(alone)), 0); /* the same answer */
        assert_null(strstr(alone, "exact"));
        free(text);
        free(alone);
    }
}

/* Whatever the model is, three points have one triangle and one tour. */
static void three_points_have_one_answer(void **state) {
    static const char triangle[] = "0.1,0.1\n0.9,0.2\n0.4,0.8\n";
    (void)state;
    for (int check = 0; check < 2; check++) {
        char *hull = answer(&attn_pointer_hull, "constrain=true", check == 1, triangle),
             *tour = answer(&attn_pointer_tsp, "constrain=true", check == 1, triangle);
        expect_piece(hull, "area 0.265");
        expect_piece(tour, "length 2.34883");
        if (check) expect_piece(hull, "\tthe model is right");
        if (check) expect_piece(tour, "\tthe model is right");
        free(hull);
        free(tour);
    }
}

static void several_sets_have_an_answer_each(void **state) {
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        char *text = answer(tasks[i], "", false, "# two of rows\n0,0\n1,0\n0,1\n\n5,5\n7,8\n9,5\n6,6\n\n0.1 0.2 0.5 0.9 0.4 0.3\n");
        assert_int_equal(lines_of(text), 3);
        free(text);
    }
}

/* Edges of 3.4, 4.4 and 5.56. */
static void lengths_of_tsplib_are_rounded_as_well(void **state) {
    static const char file[] =
        "NAME : tiny\nTYPE : TSP\nDIMENSION : 3\nEDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 3.4 0\n3 0 4.4\nEOF\n";
    (void)state;
    char *text = answer(&attn_pointer_tsp, "", true, file);
    expect_piece(text, "length 13.3606\trounded as in TSPLIB 13");
    free(text);
}

/* From every city and at the end, for each set anew; exact tours take no time that is worth telling. */
static void how_far_the_search_for_tours_is_is_told_as_far_as_it_is_asked_for(void **state) {
    char input[1024], *end = input;
    (void)state;
    for (int set = 0; set < 2; set++) {
        for (int i = 0; i < 21; i++) end += sprintf(end, "%d %d\n", i, i * i % 23);
        end += sprintf(end, "\n");
    }
    for (int check = 0; check < 2; check++) {
        free(answer(&attn_pointer_tsp, "", check == 1, input));
        assert_int_equal(told.times, check ? 2 * 22 : 0);
        assert_true(told.share == 0);
        free(answer(&attn_pointer_tsp, "", check == 1, square));
        assert_int_equal(told.times, 0);
    }
}

/* The unit square that a model sees is the same one. */
static void a_set_that_is_moved_and_enlarged_by_powers_of_two_has_the_same_answer(void **state) {
    (void)state;
    /* The task whose figures are the same too. */
    char *a = answer(&attn_pointer_delaunay, "constrain=true", false, square),
         *b = answer(&attn_pointer_delaunay, "constrain=true", false, moved),
         *c = answer(&attn_pointer_delaunay, "constrain=true", false, enlarged);
    assert_string_equal(a, b);
    assert_string_equal(a, c);
    free(a);
    free(b);
    free(c);
}

/* -------------------------------------------------------------------------------------------------- degenerate points */

/* In every way of decoding; no figure is a NaN. */
static void expect_an_answer(const char *set) {
    for (int i = 0; i < TASKS; i++)
        for (int way = 0; way < 8; way++) {
            char words[64];
            snprintf(words, sizeof words, "constrain=%s beam=%d model=%s", way & 1 ? "true" : "false", way & 2 ? 3 : 1,
                     way & 4 ? "attention" : "ptrnet");
            char *text = answer(tasks[i], words, true, set);
            assert_int_equal(lines_of(text), 2);
            if (strstr(text, "nan")) fail_msg("%s, %s: %s", tasks[i]->name, set, text);
            free(text);
        }
}

static void points_in_one_place_or_on_a_line_or_far_apart_are_answered(void **state) {
    (void)state;
    expect_an_answer("1 1 1 1 1 1 1 1\n");
    expect_an_answer("0 0 1 1 2 2 3 3 4 4\n");
    expect_an_answer("0 0 1 1 0 0 1 1 0 1 0 0\n");
    expect_an_answer("0 0 0 1 0 2 0 3\n");
    expect_an_answer("0.1 0.3 0.2 0.6 0.3 0.9 0.4 1.2\n");
    expect_an_answer("0 0 4e-324 0 0 4e-324 4e-324 4e-324\n");
    expect_an_answer("1 1 1.0000000000000002 1 1 1.0000000000000002 1.0000000000000002 1.0000000000000002\n");
    expect_an_answer("1e150 0 1e-300 0 0 1e150 0 1e-300 5 5\n");
    expect_an_answer("-1.7e308 -1.7e308 1.7e308 1.7e308 -1.7e308 1.7e308 1.7e308 -1.7e308\n");
}

static void hulls_of_points_on_a_line_or_in_one_place_are_no_polygons(void **state) {
    (void)state;
    char *line = answer(&attn_pointer_hull, "constrain=true", true, "0 0 1 1 2 2 3 3\n"),
         *place = answer(&attn_pointer_hull, "constrain=true", true, "5 5 5 5 5 5\n");
    expect_piece(line, "\nexact\t1 4\tno area\tthe model is wrong\n");
    expect_piece(place, "\nexact\t1\tno area\tthe model is wrong\n");
    free(line);
    free(place);
}

static void points_on_a_line_have_no_triangle_and_three_others_have_one(void **state) {
    (void)state;
    char *line = answer(&attn_pointer_delaunay, "constrain=true", true, "0 0 1 1 2 2 3 3\n"),
         *three = answer(&attn_pointer_delaunay, "constrain=true", true, "0 0 1 0 0 1\n");
    expect_piece(line, "\nexact\tnone\t0 triangles\tthe model has 0 of them\n");
    expect_piece(three, "\nexact\t1 2 3\t1 triangle\tthe model has ");
    free(line);
    free(three);
}

static void areas_and_lengths_beyond_the_greatest_double_are_said_to_be_too_large(void **state) {
    static const char wide[] = "-1.7e308 -1.7e308 1.7e308 -1.7e308 1.7e308 1.7e308 -1.7e308 1.7e308\n";
    (void)state;
    char *hull = answer(&attn_pointer_hull, "constrain=true", true, wide), *tour = answer(&attn_pointer_tsp, "constrain=true", true, wide);
    expect_piece(hull, "\nexact\t1 2 3 4\tarea too large for a double\tthe model is ");
    expect_piece(tour, "\tlength too large for a double\n");
    assert_null(strstr(tour, "the model is right")); /* lengths that are not known are not compared */
    free(hull);
    free(tour);
}

static void copies_of_a_corner_are_not_in_the_hull(void **state) {
    (void)state;
    char *text = answer(&attn_pointer_hull, "", true, "0 0 1 0 1 0 1 1 0 1 0 0 1 1\n");
    expect_piece(text, "\nexact\t1 2 4 5\tarea 1\t");
    free(text);
}

/* ------------------------------------------------------------------------------------------------------------- refused */

static void expect_refused(const struct attn_task *task, const char *words, const char *input, const char *sentence, int answers) {
    for (int check = 0; check < 2; check++) {
        char error[2048] = "";
        attn_status status;
        char *text = say(task, words, check == 1, input, &status);
        if (!status) fail_msg("%s: expected \"%s\"", input, sentence);
        expect_piece(attn_ctx_error(test_ctx, error, sizeof error), sentence);
        assert_int_equal(lines_of(text), answers * (1 + check));
        free(text);
    }
}

static void bad_points_are_refused_with_their_place_behind_the_answers_before_them(void **state) {
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        expect_refused(tasks[i], "", "0.5,0.5\n", "set 1, up to line 1: found 1 point, expected at least 3", 0);
        expect_refused(tasks[i], "", "0.5,0.5\n1,1\n", "set 1, up to line 2: found 2 points, expected at least 3", 0);
        expect_refused(tasks[i], "", "0 0 1 0 0 1\n0 0 1 1\n", "set 2, up to line 2: found 2 points, expected at least 3", 1);
        expect_refused(tasks[i], "", "0,0\n1,0\nnan,1\n", "line 3", 0);
        expect_refused(tasks[i], "", "0,0\n1,0\n0,inf\n", "line 3", 0);
        expect_refused(tasks[i], "", "0 0 1 0 0 nan\n", "line 1", 0);
        expect_refused(tasks[i], "", "0 0 1 0 0 1\n0 0 1 0 0\n", "line 2", 1);
        expect_refused(tasks[i], "", "0,0\n1\n0,1\n", "line 2", 0);
        expect_refused(tasks[i], "", "hello\n", "line 1", 0);
        expect_refused(tasks[i], "", "# nothing but a comment\n\n", "the input: found no points, expected a set of at least 3", 0);
    }
}

static void a_dictionary_of_7_positions_is_not_asked_about_8_points(void **state) {
    static const char *const nets[] = {"model=lstm", "model=attention", "model=lstm feed=words"};
    (void)state;
    for (int i = 0; i < TASKS; i++)
        for (int n = 0; n < 3; n++) {
            char *seven = answer(tasks[i], nets[n], true, "0 0 1 0 0 1 2 3 4 5 1 2 3 1\n");
            assert_int_equal(lines_of(seven), 2);
            free(seven);
            expect_refused(tasks[i], nets[n], "0 0 1 0 0 1 2 3 4 5 1 2 3 1 7 7\n", "found 8 points, expected at most 7", 0);
        }
}

static void numbers_of_a_line_are_sorted_and_others_refused(void **state) {
    (void)state;
    char *text = answer(&attn_pointer_sort, "constrain=true", true, "3 1 2\n -5,1e300, 0.25 7\t8\n4 4 4\n");
    assert_int_equal(lines_of(text), 6);
    expect_piece(text, "\nexact\t2 3 1\tthe model is ");
    expect_piece(text, "\nexact\t1 3 4 5 2\tthe model is ");
    expect_piece(text, "\nexact\t1 2 3\tthe model is ");
    free(text);
    expect_refused(&attn_pointer_sort, "", "1 2 3\n1 2\n", "the input: line 2: found 2 numbers, expected at least 3", 1);
    expect_refused(&attn_pointer_sort, "", "\n", "line 1: found 0 numbers, expected at least 3", 0);
    expect_refused(&attn_pointer_sort, "", "1 2 nan\n", "line 1: found 'nan' at byte 4, expected a number", 0);
    expect_refused(&attn_pointer_sort, "", "1 2 1e999\n", "line 1: found '1e999' at byte 4, expected a number", 0);
    expect_refused(&attn_pointer_sort, "", "1 2 3x\n", "line 1: found '3x' at byte 4, expected a number", 0);
}

static void above_5000_points_are_refused(void **state) {
    char *input = malloc(5001 * 16), *end = input;
    (void)state;
    assert_non_null(input);
    for (int i = 0; i < 5001; i++) end += sprintf(end, "%d,%d\n", i, i * i % 5003);
    for (int i = 0; i < TASKS; i++) expect_refused(tasks[i], "", input, "found 5001 points, expected at most 5000", 0);
    free(input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_stands_beside_the_models_answer),
        cmocka_unit_test(three_points_have_one_answer),
        cmocka_unit_test(several_sets_have_an_answer_each),
        cmocka_unit_test(lengths_of_tsplib_are_rounded_as_well),
        cmocka_unit_test(how_far_the_search_for_tours_is_is_told_as_far_as_it_is_asked_for),
        cmocka_unit_test(a_set_that_is_moved_and_enlarged_by_powers_of_two_has_the_same_answer),
        cmocka_unit_test(points_in_one_place_or_on_a_line_or_far_apart_are_answered),
        cmocka_unit_test(hulls_of_points_on_a_line_or_in_one_place_are_no_polygons),
        cmocka_unit_test(points_on_a_line_have_no_triangle_and_three_others_have_one),
        cmocka_unit_test(areas_and_lengths_beyond_the_greatest_double_are_said_to_be_too_large),
        cmocka_unit_test(copies_of_a_corner_are_not_in_the_hull),
        cmocka_unit_test(bad_points_are_refused_with_their_place_behind_the_answers_before_them),
        cmocka_unit_test(a_dictionary_of_7_positions_is_not_asked_about_8_points),
        cmocka_unit_test(numbers_of_a_line_are_sorted_and_others_refused),
        cmocka_unit_test(above_5000_points_are_refused),
    };
    return cmocka_run_group_tests_name("pointer: predict", tests, test_setting_open, test_setting_close);
}
