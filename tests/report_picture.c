/* Pictures: drawn as well-formed SVG that a page and a file take, to scale, with everything that was put in; and those of a page's best run. */
#include "report/page_parts.h"
#include "report/picture.h"
#include "report/svg.h"
#include "base/random.h"
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "support/store.h"
#include "support/xml.h"
#include "system/zoology/zoology.h"
#include "train/sweep.h"
#include "train/work.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double square[] = {0, 0, 4, 0, 4, 4, 0, 4, 1, 2};
static const int32_t hull[] = {0, 1, 2, 3};

static struct attn_picture hull_picture(void) {
    struct attn_picture p = {.title = "A <hull>", .caption = "of 5 points", .description = "Four corners & a point inside"};
    assert_int_equal(attn_picture_points(test_ctx, &p, square, 5, true), ATTN_OK);
    assert_int_equal(attn_picture_line(test_ctx, &p, ATTN_PICTURE_TRUTH, true, square, hull, 4), ATTN_OK);
    assert_int_equal(attn_picture_line(test_ctx, &p, ATTN_PICTURE_PREDICTED, true, square, hull, 3), ATTN_OK);
    return p;
}

/* The SVG, checked and copied as a page has it; freed by free. */
static char *drawn(const struct attn_picture *p) {
    const struct attn_svg_use use = {.prefix = "p-", .title = p->title, .desc = p->description};
    char *svg = NULL, *text = NULL;
    size_t bytes = 0, size = 0;
    if (attn_picture_svg(test_ctx, p, &svg, &bytes)) fail_msg("%s", test_sentence());
    assert_int_equal(strlen(svg), bytes);
    FILE *file = open_memstream(&text, &size);
    const char *wrong = attn_svg_copy(file, svg, bytes, &use);
    fclose(file);
    if (wrong) fail_msg("%s in %s", wrong, svg);
    wrong = test_xml_wrong(text, NULL, NULL);
    if (wrong) fail_msg("%s in %s", wrong, text);
    if (strstr(svg, "nan") || strstr(svg, "inf")) fail_msg("no number in %s", svg);
    free(svg);
    return text;
}

static int count(const char *svg, const char *element) {
    int n = 0;
    assert_null(test_xml_wrong(svg, element, &n));
    return n;
}

static void every_point_and_line_is_drawn_to_one_scale_with_y_upwards(void **state) {
    (void)state;
    struct attn_picture p = hull_picture();
    char *svg = drawn(&p);
    double at[5][2], r;
    const char *s = svg;
    assert_int_equal(count(svg, "circle"), 5);
    assert_int_equal(count(svg, "polygon"), 2);
    for (int i = 0; i < 5; i++) {
        s = strstr(s, "<circle ");
        assert_non_null(s);
        assert_int_equal(sscanf(s++, "<circle cx=\"%lf\" cy=\"%lf\" r=\"%lf\"", &at[i][0], &at[i][1], &r), 3);
    }
    const double unit = (at[1][0] - at[0][0]) / 4; /* places are rounded to a tenth: two of them are out by 0.1 at most */
    assert_true(unit > 50);
    for (int i = 0; i < 5; i++) {
        assert_true(fabs(at[i][0] - at[0][0] - unit * square[2 * i]) <= 0.2);
        assert_true(fabs(at[0][1] - at[i][1] - unit * square[2 * i + 1]) <= 0.2);
    }
    const char *truth = strstr(svg, "stroke-dasharray"), *predicted = strstr(svg, "points=\"");
    assert_true(truth && predicted && truth < predicted);
    assert_non_null(strstr(svg, ">truth<"));
    assert_non_null(strstr(svg, ">predicted<"));
    assert_null(strstr(svg, ">predicted and true<"));
    free(svg);
    attn_picture_free(test_ctx, &p);
}

/* A curve over time: what is ten times as long as it is high fills the frame both ways. */
static void axes_apart_have_scales_of_their_own(void **state) {
    static const double curve[] = {0, 0, 500, 1, 1000, 2};
    struct attn_picture p = {.apart = true};
    double at[3][2], height;
    (void)state;
    assert_int_equal(attn_picture_points(test_ctx, &p, curve, 3, false), ATTN_OK);
    assert_int_equal(attn_picture_line(test_ctx, &p, ATTN_PICTURE_PREDICTED, false, curve, NULL, 3), ATTN_OK);
    char *svg = drawn(&p), *s = svg;
    for (int i = 0; i < 3; i++) {
        s = strstr(s, "<circle ");
        assert_non_null(s);
        assert_int_equal(sscanf(s++, "<circle cx=\"%lf\" cy=\"%lf\"", &at[i][0], &at[i][1]), 2);
    }
    assert_int_equal(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 480 %lf\"", &height), 1);
    assert_true(at[2][0] - at[0][0] > 400 && at[0][1] - at[2][1] > 200 && at[0][1] < height);
    assert_true(fabs(at[0][0] + at[2][0] - 2 * at[1][0]) <= 0.2 && fabs(at[0][1] + at[2][1] - 2 * at[1][1]) <= 0.2);
    free(svg);
    attn_picture_free(test_ctx, &p);
}

/* Numbers of points, which stand behind those of the axes. */
static int numbers_of_points(const char *svg) {
    const char *s = strrchr(svg, 'c');
    int n = 0;
    for (const char *c = svg; (c = strstr(c, "<circle")); c++) s = c;
    for (; (s = strstr(s, "<text")); s++) n++;
    return n;
}

static void points_have_their_numbers_where_these_cover_nothing(void **state) {
    enum { MANY = 150 };
    static double xy[2 * MANY];
    struct attn_random random;
    (void)state;
    struct attn_picture p = {.points = 0}, same = {.points = 0}, many = {.points = 0};
    assert_int_equal(attn_picture_points(test_ctx, &p, square, 5, true), ATTN_OK);
    char *svg = drawn(&p);
    assert_int_equal(numbers_of_points(svg), 5);
    free(svg);
    static const double twice[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(attn_picture_points(test_ctx, &same, twice, 6, true), ATTN_OK);
    svg = drawn(&same);
    assert_int_equal(numbers_of_points(svg), 4); /* one at each of the four places */
    free(svg);
    attn_random_init(&random, 1);
    for (int i = 0; i < 2 * MANY; i++) xy[i] = (double)attn_random_u32(&random);
    assert_int_equal(attn_picture_points(test_ctx, &many, xy, MANY, true), ATTN_OK);
    svg = drawn(&many);
    assert_true(numbers_of_points(svg) > 20);
    free(svg);
    attn_picture_free(test_ctx, &p);
    attn_picture_free(test_ctx, &same);
    attn_picture_free(test_ctx, &many);
}

static void points_of_any_size_stay_in_the_picture(void **state) {
    static const double sets[][4] = {{0, 0, 0, 0},           {1, 1, 1, 2},
                                     {5, 7, 9, 7},           {-DBL_MAX, -DBL_MAX, DBL_MAX, DBL_MAX},
                                     {0, 0, 5e-324, 5e-324}, {1e9, 1e9, 1e9 + 1, 1e9},
                                     {0, 0, 1e-300, 1e300},  {-1e-12, 0, 1e-12, 3}};
    static const int32_t both[] = {0, 1};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof sets / sizeof sets[0]); i++) {
        struct attn_picture p = {.apart = i % 2 == 1};
        double x, y;
        assert_int_equal(attn_picture_points(test_ctx, &p, sets[i / 2], 2, true), ATTN_OK);
        assert_int_equal(attn_picture_line(test_ctx, &p, ATTN_PICTURE_PLAIN, false, sets[i / 2], both, 2), ATTN_OK);
        char *svg = drawn(&p);
        double height;
        assert_int_equal(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 480 %lf\"", &height), 1);
        for (const char *s = svg; (s = strstr(s, "<circle")); s++) {
            assert_int_equal(sscanf(s, "<circle cx=\"%lf\" cy=\"%lf\"", &x, &y), 2);
            if (!(x > 0 && x < 480 && y > 0 && y < height)) fail_msg("set %d: %g, %g in 480 x %g", (int)i / 2, x, y, height);
        }
        free(svg);
        attn_picture_free(test_ctx, &p);
    }
}

static void a_matrix_is_drawn_cell_by_cell_with_its_scale(void **state) {
    static const double cells[] = {0, 0.25, 1, 0.5, (double)NAN, 0};
    (void)state;
    struct attn_picture p = {.title = "weights", .row_title = "step", .column_title = "point <1>"};
    assert_int_equal(attn_picture_matrix(test_ctx, &p, cells, 2, 3), ATTN_OK);
    strcpy(p.label[1], "end");
    char *svg = drawn(&p);
    assert_non_null(strstr(svg, "fill-opacity=\"0.250\""));
    assert_non_null(strstr(svg, "fill-opacity=\"0.500\""));
    assert_non_null(strstr(svg, ">end<"));
    assert_non_null(strstr(svg, ">point &lt;1&gt;<"));
    assert_int_equal(count(svg, "rect"), 3 + 20 + 2); /* cells that are not empty, the scale, two frames */
    free(svg);
    attn_picture_free(test_ctx, &p);
    static double wide[3 * 700], zeros[4];
    assert_int_equal(attn_picture_matrix(test_ctx, &p, wide, 3, 700), ATTN_OK);
    free(drawn(&p));
    attn_picture_free(test_ctx, &p);
    assert_int_equal(attn_picture_matrix(test_ctx, &p, zeros, 2, 2), ATTN_OK);
    free(drawn(&p));
    attn_picture_free(test_ctx, &p);
}

static void a_point_that_is_not_finite_is_refused(void **state) {
    const double xy[] = {0, 0, 1, (double)INFINITY};
    struct attn_picture p = {.points = 0};
    (void)state;
    assert_true(attn_picture_empty(&p));
    assert_int_equal(attn_picture_points(test_ctx, &p, xy, 2, false), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "a picture: found the point (1, inf), expected finite coordinates");
    assert_int_equal(attn_picture_line(test_ctx, &p, ATTN_PICTURE_BOTH, false, xy, NULL, 2), ATTN_EINVAL);
    assert_true(attn_picture_empty(&p));
    attn_picture_free(test_ctx, &p);
}

static void a_file_of_its_own_says_what_it_shows_and_its_data_are_csv(void **state) {
    char folder[64], path[128];
    static char text[1024];
    (void)state;
    struct attn_picture p = hull_picture();
    test_store_make(folder);
    snprintf(path, sizeof path, "%s/hull.svg", folder);
    assert_int_equal(attn_picture_write(test_ctx, &p, path), ATTN_OK);
    char *svg = test_read_file(path);
    assert_null(test_xml_wrong(svg, NULL, NULL));
    assert_non_null(strstr(svg, "A &lt;hull&gt;"));
    assert_non_null(strstr(svg, "Four corners &amp; a point inside"));
    assert_non_null(strstr(svg, "prefers-color-scheme: dark"));
    free(svg);
    snprintf(path, sizeof path, "%s/none/hull.svg", folder);
    assert_int_not_equal(attn_picture_write(test_ctx, &p, path), ATTN_OK);
    test_store_remove(folder);
    FILE *file = fmemopen(text, sizeof text, "w");
    attn_picture_csv(file, &p);
    fclose(file);
    assert_non_null(strstr(text, "what,number,role,x,y\npoint,1,,0,0\npoint,2,,4,0\n"));
    assert_non_null(strstr(text, "line,1,truth,0,4\nline,2,predicted,0,0\n"));
    attn_picture_free(test_ctx, &p);
    static const double cells[] = {0.5, 0.25};
    assert_int_equal(attn_picture_matrix(test_ctx, &p, cells, 1, 2), ATTN_OK);
    file = fmemopen(text, sizeof text, "w");
    attn_picture_csv(file, &p);
    fclose(file);
    assert_string_equal(text, "row,column,value\n\"1\",\"1\",0.5\n\"1\",\"2\",0.25\n");
    attn_picture_free(test_ctx, &p);
}

static attn_status make_pictures(attn_ctx *ctx) {
    static const double cells[200];
    struct attn_picture p = {.points = 0}, matrix = {.points = 0};
    attn_status status = ATTN_OK;
    for (int i = 0; i < 40 && !status; i++) {
        status = attn_picture_points(ctx, &p, square, 5, true);
        if (!status) status = attn_picture_line(ctx, &p, ATTN_PICTURE_BOTH, true, square, hull, 4);
    }
    if (!status) status = attn_picture_matrix(ctx, &matrix, cells, 20, 10);
    attn_picture_free(ctx, &p);
    attn_picture_free(ctx, &matrix);
    return status;
}

static void failing_memory_is_said_and_nothing_is_lost(void **state) {
    (void)state;
    test_survives(make_pictures, false);
}

/* ---------------------------------------------------------------------------------------------------------- reports */

static int asked;
static int64_t available;

static attn_status describe(struct attn_job *job, int64_t index, struct attn_picture *out) {
    assert_non_null(job->model);
    assert_true(attn_recipe_whole(job->recipe, "steps") == 2); /* of the two runs the better, by what `figures` says below */
    asked++;
    if (index == available) return ATTN_OK;
    snprintf(out->title, sizeof out->title, "Picture %d", (int)index);
    return attn_picture_points(job->ctx, out, square, 5, true);
}

static attn_status fail_to_describe(struct attn_job *job, int64_t index, struct attn_picture *out) {
    (void)index, (void)out;
    return attn_fail(job->ctx, ATTN_EINVAL, "nothing <to> see");
}

static void train(const char *store, const char *steps) {
    const char *words[] = {"vocabulary=16", "length=8",         "pairs=2",         "width=4", "batch=4",
                           "epochs=0",      "train_examples=0", "test_examples=4", steps};
    struct attn_sweep sweep;
    struct attn_run_summary summary;
    const struct attn_work work = {.task = &attn_zoology_mqar, .store = store};
    if (attn_sweep_expand(test_ctx, &attn_zoology_mqar, NULL, words, sizeof words / sizeof words[0], &sweep))
        fail_msg("%s", test_sentence());
    if (attn_work_one(test_ctx, &work, attn_sweep_recipe(&sweep, 0), NULL, NULL, &summary)) fail_msg("%s", test_sentence());
    attn_sweep_free(test_ctx, &sweep);
}

/* What the report says of pictures; freed by free. Figures are those that are asked for, so that it is known which run is best. */
static char *report(const char *store, const struct attn_task *task, const char *figures) {
    struct attn_run_list list;
    struct attn_report_runs runs;
    const struct attn_page_options options = {.title = "t", .figures = figures};
    char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(attn_store_list(test_ctx, store, &list), ATTN_OK);
    for (int64_t i = 0; i < list.count; i++) list.at[i].figures.at[0].value = list.at[i].steps == 2 ? 1 : 0.5;
    assert_int_equal(attn_report_runs_open(test_ctx, &list, &runs), ATTN_OK);
    struct attn_page page = {.ctx = test_ctx, .options = &options, .file = open_memstream(&text, &bytes)};
    page.stems = open_memstream(&page.stems_text, &page.stems_bytes);
    const struct attn_page_task t = {.runs = runs, .name = task->name, .task = task};
    if (attn_page_pictures(&page, &t)) fail_msg("%s", test_sentence());
    fclose(page.file);
    fclose(page.stems);
    free(page.stems_text);
    attn_report_runs_close(&runs);
    attn_run_list_free(test_ctx, &list);
    return text;
}

static int times(const char *text, const char *piece) {
    int n = 0;
    for (; (text = strstr(text, piece)); text++) n++;
    return n;
}

static void a_report_shows_up_to_six_pictures_of_the_best_finished_run_or_why_it_has_none(void **state) {
    char store[64], figures[128], path[256];
    struct attn_task task = attn_zoology_mqar;
    (void)state;
    test_store_make(store);
    train(store, "steps=2");
    train(store, "steps=1");
    char *text = report(store, &task, NULL); /* no pictures */
    assert_string_equal(text, "");
    free(text);
    task.picture = describe;
    for (available = 0; available < 9; available++) {
        asked = 0;
        text = report(store, &task, NULL);
        assert_int_equal(times(text, "<figure>"), available < 6 ? available : 6);
        assert_int_equal(times(text, "<h3>Pictures</h3>"), available > 0);
        assert_int_equal(times(text, "<div "), times(text, "</div>"));
        assert_int_equal(asked, available < 6 ? available + 1 : 6);
        free(text);
    }
    snprintf(figures, sizeof figures, "%s/figures", store);
    snprintf(path, sizeof path, "mkdir %s", figures);
    assert_int_equal(system(path), 0);
    text = report(store, &task, figures);
    free(text);
    snprintf(path, sizeof path, "%s/zoology-mqar-picture-6.svg", figures);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/zoology-mqar-picture-6.csv", figures);
    assert_int_equal(access(path, R_OK), 0);
    task.picture = fail_to_describe;
    text = report(store, &task, NULL);
    assert_string_equal(text, "<p class=\"warning\">There are no pictures: nothing &lt;to&gt; see</p>\n");
    free(text);
    snprintf(path, sizeof path, "for i in %s/zoology-*; do echo damaged > $i/model.safetensors; done", store);
    assert_int_equal(system(path), 0);
    text = report(store, &task, NULL);
    assert_non_null(strstr(text, "<p class=\"warning\">There are no pictures: "));
    assert_non_null(strstr(text, "model.safetensors: "));
    free(text);
    snprintf(path, sizeof path, "rm %s/zoology-*/model.safetensors", store);
    assert_int_equal(system(path), 0);
    text = report(store, &task, NULL);
    assert_string_equal(text, "");
    free(text);
    test_store_remove(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_and_line_is_drawn_to_one_scale_with_y_upwards),
        cmocka_unit_test(axes_apart_have_scales_of_their_own),
        cmocka_unit_test(points_have_their_numbers_where_these_cover_nothing),
        cmocka_unit_test(points_of_any_size_stay_in_the_picture),
        cmocka_unit_test(a_matrix_is_drawn_cell_by_cell_with_its_scale),
        cmocka_unit_test(a_point_that_is_not_finite_is_refused),
        cmocka_unit_test(a_file_of_its_own_says_what_it_shows_and_its_data_are_csv),
        cmocka_unit_test(failing_memory_is_said_and_nothing_is_lost),
        cmocka_unit_test(a_report_shows_up_to_six_pictures_of_the_best_finished_run_or_why_it_has_none),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
