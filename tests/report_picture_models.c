/* Pictures of several models: in one where they show the same truth, each with its name; and those of an experiment's arms on the page. */
#include "report/page_claims.h"
#include "report/picture.h"
#include "report/svg.h"
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "support/store.h"
#include "support/xml.h"
#include "system/aaren/aaren.h"
#include "train/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { ASSIGNMENTS = 12, BEHIND = 2 /* the last vertex of the curves */ };

static const double truth[] = {0, 1, 1, 2, 2, 1};

/* A curve that a model answers with, beside the truth. */
static attn_status make(attn_ctx *ctx, double answer, struct attn_picture *p) {
    const double line[] = {0, 1, 1, answer, 2, 1};
    *p = (struct attn_picture){.title = "Curve", .apart = true, .row_title = "height", .column_title = "time"};
    attn_status status = attn_picture_points(ctx, p, truth, 1, false);
    if (!status) status = attn_picture_line(ctx, p, ATTN_PICTURE_PREDICTED, false, line, NULL, 3);
    if (!status) status = attn_picture_line(ctx, p, ATTN_PICTURE_TRUTH, false, truth, NULL, 3);
    return status;
}

/* The SVG, checked as a page does; *text is freed by free. */
static void draw(const struct attn_picture *p, char **text) {
    const struct attn_svg_use use = {.prefix = "p-", .title = p->title, .desc = p->description};
    char *svg = NULL;
    size_t bytes = 0, size = 0;
    assert_int_equal(attn_picture_svg(test_ctx, p, &svg, &bytes), ATTN_OK);
    FILE *file = open_memstream(text, &size);
    assert_null(attn_svg_copy(file, svg, bytes, &use));
    fclose(file);
    assert_null(test_xml_wrong(*text, NULL, NULL));
    free(svg);
}

static int times(const char *text, const char *piece) {
    int n = 0;
    for (; (text = strstr(text, piece)); text++) n++;
    return n;
}

/* The place of a legend's word; the picture ends below it. */
static void expect_inside(const char *svg, const char *word) {
    double height = 0, x = 0, y = 0;
    const char *word_at = strstr(svg, word), *text = NULL;
    if (!word_at) fail_msg("no %s in %s", word, svg);
    for (const char *next = svg; (next = strstr(next, "<text")) && next < word_at; next++) text = next;
    assert_non_null(text);
    assert_int_equal(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 480 %lf\"", &height), 1);
    assert_int_equal(sscanf(text, "<text x=\"%lf\" y=\"%lf\"", &x, &y), 2);
    assert_true(x > 0 && x < 480 && y > 0 && y < height);
}

static void models_that_show_the_same_truth_stand_in_one_picture(void **state) {
    static const char *const names[] = {"Aaren", "a <Transformer> with quite a long name", "GRU"};
    struct attn_picture all, other;
    bool joined;
    (void)state;
    assert_int_equal(make(test_ctx, 1.5, &all), ATTN_OK);
    attn_picture_name(&all, names[0]);
    for (int i = 1; i < ATTN_PICTURE_MODELS; i++) {
        assert_int_equal(make(test_ctx, 1.5 + i, &other), ATTN_OK);
        assert_int_equal(attn_picture_join(test_ctx, &all, &other, names[i], &joined), ATTN_OK);
        assert_true(joined);
        attn_picture_free(test_ctx, &other);
    }
    assert_int_equal(all.lines, 1 + ATTN_PICTURE_MODELS); /* the truth once */
    assert_int_equal(all.points, 1);                      /* points that are the same, too */
    for (int i = 0; i < ATTN_PICTURE_MODELS; i++) {
        const struct attn_picture_line *line = &all.line[i == 0 ? 0 : i + 1];
        assert_int_equal(line->role, ATTN_PICTURE_PREDICTED);
        assert_int_equal(line->model, i);
        assert_true(all.vertex[2 * (line->first + 1) + 1] == 1.5 + i);
    }
    char *svg = NULL;
    draw(&all, &svg);
    assert_int_equal(times(svg, "<polyline"), 1 + ATTN_PICTURE_MODELS);
    static const char *const words[] = {">Aaren<", ">a &lt;Transformer&gt; with quite a long name<", ">GRU<", ">truth<", ">height<",
                                        ">time<"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) expect_inside(svg, words[i]);
    assert_null(strstr(svg, ">predicted<"));
    free(svg);
    assert_int_equal(make(test_ctx, 9, &other), ATTN_OK); /* there is no room for a fourth */
    assert_int_equal(attn_picture_join(test_ctx, &all, &other, "x", &joined), ATTN_OK);
    assert_false(joined);
    attn_picture_free(test_ctx, &other);
    attn_picture_free(test_ctx, &all);
}

static void pictures_of_another_truth_or_title_stay_apart(void **state) {
    struct attn_picture p, other;
    bool joined = true;
    (void)state;
    assert_int_equal(make(test_ctx, 1, &p), ATTN_OK);
    attn_picture_name(&p, "a");
    for (int what = 0; what < 4; what++) {
        assert_int_equal(make(test_ctx, 1, &other), ATTN_OK);
        if (what == 0) other.vertex[2 * (other.line[1].first + BEHIND) + 1] += 1e-9;
        if (what == 1) strcpy(other.title, "Curves");
        if (what == 2) assert_int_equal(attn_picture_line(test_ctx, &other, ATTN_PICTURE_PLAIN, false, truth, NULL, 2), ATTN_OK);
        if (what == 3) assert_int_equal(attn_picture_matrix(test_ctx, &other, truth, 2, 3), ATTN_OK);
        assert_int_equal(attn_picture_join(test_ctx, &p, &other, "b", &joined), ATTN_OK);
        assert_false(joined);
        assert_int_equal(p.models, 1);
        attn_picture_free(test_ctx, &other);
    }
    attn_picture_free(test_ctx, &p);
}

static void as_csv_lines_have_the_names_of_their_models(void **state) {
    static char text[1024];
    struct attn_picture p, other;
    bool joined;
    (void)state;
    assert_int_equal(make(test_ctx, 1.5, &p), ATTN_OK);
    assert_int_equal(make(test_ctx, 2.5, &other), ATTN_OK);
    attn_picture_name(&p, "A \"1\"");
    assert_int_equal(attn_picture_join(test_ctx, &p, &other, "B", &joined), ATTN_OK);
    FILE *file = fmemopen(text, sizeof text, "w");
    attn_picture_csv(file, &p);
    fclose(file);
    assert_non_null(strstr(text, "line,1,\"A \"\"1\"\"\",1,1.5\n"));
    assert_non_null(strstr(text, "line,2,truth,1,2\n"));
    assert_non_null(strstr(text, "line,3,\"B\",1,2.5\n"));
    attn_picture_free(test_ctx, &other);
    attn_picture_free(test_ctx, &p);
}

static attn_status join_all(attn_ctx *ctx) {
    struct attn_picture p = {.points = 0}, other = {.points = 0};
    bool joined;
    attn_status status = make(ctx, 1, &p);
    attn_picture_name(&p, "a");
    if (!status) status = make(ctx, 2, &other);
    for (int i = 0; i < 70 && !status; i++) status = attn_picture_line(ctx, &other, ATTN_PICTURE_PREDICTED, false, truth, NULL, 3);
    if (!status) status = attn_picture_join(ctx, &p, &other, "b", &joined);
    attn_picture_free(ctx, &p);
    attn_picture_free(ctx, &other);
    return status;
}

static void failing_memory_is_said_and_nothing_is_lost(void **state) {
    (void)state;
    test_survives(join_all, false);
}

/* --------------------------------------------------------------------------------------------------- an experiment's arms */

static const struct attn_arm arms[] = {{"Aaren", {"mixer=aaren:heads=2"}}, {"Transformer", {"mixer=attention:heads=2"}}, {"none", {NULL}}};
static struct attn_arm_result results[3];

/* One step of each arm but the last, in a store; results say where. */
static void train_arms(const char *store, const struct attn_task *task, const char *const *small) {
    memset(results, 0, sizeof results);
    for (int arm = 0; arm < 2; arm++) {
        const char *words[ASSIGNMENTS] = {arms[arm].assignments[0], "width=8", "ffn=8", "layers=1", "batch=4", "steps=1"};
        int count = 6;
        struct attn_sweep sweep;
        struct attn_run_summary summary;
        const struct attn_work work = {.task = task, .store = store};
        for (int i = 0; small[i]; i++) words[count++] = small[i];
        if (attn_sweep_expand(test_ctx, task, NULL, words, count, &sweep)) fail_msg("%s", test_sentence());
        if (attn_work_one(test_ctx, &work, attn_sweep_recipe(&sweep, 0), NULL, NULL, &summary)) fail_msg("%s", test_sentence());
        memcpy(results[arm].folder, summary.folder, sizeof results[arm].folder);
        attn_sweep_free(test_ctx, &sweep);
    }
}

/* What the page has of the arms' answers; freed by free. */
static char *page_of(const struct attn_task *task, const char *figures) {
    const struct attn_system system = {.name = "tried"};
    const struct attn_experiment e = {.name = "one", .title = "One", .task = task, .arms = arms, .arm_count = 3, .seeds = 1};
    const struct attn_reproduction r = {.system = &system, .scale = ATTN_QUICK, .experiment = {&e}, .result = {results}, .count = 1};
    const struct attn_page_options options = {.title = "t", .figures = figures};
    char *text = NULL;
    size_t bytes = 0;
    struct attn_page page = {.ctx = test_ctx, .options = &options, .file = open_memstream(&text, &bytes)};
    page.stems = open_memstream(&page.stems_text, &page.stems_bytes);
    if (attn_page_arm_pictures(&page, &r, 0)) fail_msg("%s", test_sentence());
    fclose(page.file);
    fclose(page.stems);
    free(page.stems_text);
    return text;
}

static void a_page_lays_the_arms_answers_over_one_truth(void **state) {
    static const char *const small[] = {"rows=200", "length=8", "horizon=4", NULL};
    char store[64], figures[128];
    (void)state;
    test_store_make(store);
    snprintf(figures, sizeof figures, "%s-figures", store);
    train_arms(store, &attn_aaren_forecast, small);
    assert_int_equal(mkdir(figures, 0777), 0);
    char *text = page_of(&attn_aaren_forecast, figures);
    assert_int_equal(times(text, "<figure>"), 3); /* of windows of the test */
    assert_int_equal(times(text, ">Aaren<"), 3);
    assert_int_equal(times(text, ">Transformer<"), 3);
    assert_int_equal(times(text, ">truth<"), 3);
    assert_null(strstr(text, ">none<"));
    free(text);
    char path[256];
    snprintf(path, sizeof path, "%s/tried-quick-one-picture-1.csv", figures);
    char *csv = test_read_file(path);
    assert_non_null(strstr(csv, "\"Transformer\","));
    free(csv);
    test_store_remove(figures);
    test_store_remove(store);
}

static void matrices_of_the_arms_stand_beside_each_other(void **state) {
    static const char *const small[] = {"pairs=4", "keys=8", "values=8", "test_examples=8", NULL};
    struct attn_task apart = attn_aaren_recall;
    char store[64];
    (void)state;
    test_store_make(store);
    train_arms(store, &attn_aaren_recall, small);
    char *text = page_of(&attn_aaren_recall, NULL);
    assert_int_equal(times(text, "<figure>"), 2);
    assert_non_null(strstr(text, "<h4>Recall of 4 pairs (Aaren)</h4>"));
    assert_non_null(strstr(text, "<h4>Recall of 4 pairs (Transformer)</h4>"));
    free(text);
    apart.beside = false;
    text = page_of(&apart, NULL);
    assert_string_equal(text, "");
    free(text);
    test_store_remove(store);
    text = page_of(&attn_aaren_recall, NULL); /* the models are gone */
    assert_string_equal(text, "");
    free(text);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_that_show_the_same_truth_stand_in_one_picture),
        cmocka_unit_test(pictures_of_another_truth_or_title_stay_apart),
        cmocka_unit_test(as_csv_lines_have_the_names_of_their_models),
        cmocka_unit_test(failing_memory_is_said_and_nothing_is_lost),
        cmocka_unit_test(a_page_lays_the_arms_answers_over_one_truth),
        cmocka_unit_test(matrices_of_the_arms_stand_beside_each_other),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
