/* attn data, train, eval and predict of pointer networks as a user types them. */
#include "support/program.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char output[128], examples[128], text[TEST_OUTPUT];

static int set_up(void **state) {
    test_setting_open(state);
    snprintf(output, sizeof output, "%s/output.txt", test_folder);
    snprintf(examples, sizeof examples, "%s/examples.txt", test_folder);
    return 0;
}

/* "attn WORDS"; what it prints goes to `file` and to text. */
static int attn(const char *file, const char *words) {
    char whole[4 * TEST_PATH];
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    snprintf(whole, sizeof whole, "%s %s", program, words);
    return test_command(file, text, whole);
}

static void expect(int status, int want, const char *piece) {
    if (status != want || !strstr(text, piece)) fail_msg("exit %d, expected %d; expected \"%s\" in:\n%s", status, want, piece, text);
}

static const char *const tasks[] = {"pointer/hull", "pointer/delaunay", "pointer/tsp", "pointer/sort"};
enum { TASKS = sizeof tasks / sizeof tasks[0] };

static struct attn_run_summary only_run(const char *of) {
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    assert_int_equal(attn_store_list(ctx, of, &list), ATTN_OK);
    assert_int_equal(list.count, 1);
    const struct attn_run_summary one = list.at[0];
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
    return one;
}

/* "PROGRAM predict MODEL < POINTS" */
static int predict(const char *model, const char *points) {
    char whole[3 * TEST_PATH], file[160];
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    snprintf(file, sizeof file, "%s/points.csv", test_folder);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(points, out);
    assert_int_equal(fclose(out), 0);
    snprintf(whole, sizeof whole, "'%s' predict '%s' --threads 1 <'%s' >'%s' 2>&1", program, model, file, output);
    const int status = system(whole);
    FILE *in = fopen(output, "r");
    assert_non_null(in);
    text[fread(text, 1, TEST_OUTPUT - 1, in)] = '\0';
    fclose(in);
    return status / 256;
}

static int lines_of_text(void) {
    int lines = 0;
    for (const char *at = text; *at; at++) lines += *at == '\n';
    return lines;
}

/* 20 examples of 5 to 7 points are written, learned from and evaluated on, and the model is asked about points and refuses some. */
static void examples_are_written_learned_from_and_evaluated_and_models_asked(void **state) {
    (void)state;
    for (int t = 0; t < TASKS; t++) {
        char words[2 * TEST_PATH], runs[96];
        snprintf(runs, sizeof runs, "%s/%d", test_folder, t);
        snprintf(words, sizeof words, "data %s points=5-7 batching=mixed --count 20", tasks[t]);
        expect(attn(examples, words), 0, " output ");
        assert_int_equal(lines_of_text(), 20);
        snprintf(words, sizeof words,
                 "train %s points=5-7 hidden=8 batch=4 steps=20 test_points=6 test_examples=16 constrain=true data=%s --quiet --threads 1 "
                 "--store %s",
                 tasks[t], examples, runs);
        expect(attn(output, words), 0, "");
        const struct attn_run_summary run = only_run(runs);
        assert_int_equal(run.state, ATTN_RUN_DONE);
        snprintf(words, sizeof words, "eval %s --data %s --threads 1", run.folder, examples);
        expect(attn(output, words), 0, t == 2 ? "ratio_6" : "accuracy_6");
        assert_int_equal(remove(examples), 0);       /* who only asks the model needs them no more */
        if (strcmp(tasks[t], "pointer/sort") == 0) { /* it takes lines of numbers */
            assert_int_equal(predict(run.folder, "3 1 2\n0.5, 0.25, 7\n"), 0);
            assert_int_equal(lines_of_text(), 2);
            expect(predict(run.folder, "1 2\n"), 2, "found 2 numbers, expected at least 3");
            continue;
        }
        assert_int_equal(predict(run.folder, "x;y\n0.5;0.5\n0.25;1\n1;1\n0.75;0.1\n0.1;0.2\n"), 0);
        assert_int_equal(lines_of_text(), 1);
        expect(predict(run.folder, "1,1\n2,2\n"), 2, "found 2 points, expected at least 3");
        expect(predict(run.folder, "1,1\n2,2\n3,nan\n"), 2, "line 3");
        assert_int_equal(predict(run.folder, "0 0 1 1 2 2 3 3 4 4\n1 1 1 1 1 1\n"), 0);
        assert_int_equal(lines_of_text(), 2);
    }
}

static void write_file(const char *path, const char *what) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(what, file);
    assert_int_equal(fclose(file), 0);
}

/* Messages about files, of a baseline that has words for 6 points. */
static void files_that_are_packed_or_do_not_fit_are_read_or_named_with_their_line(void **state) {
    static const char fits[] = "0 0 1 0 0 1 output 1 2 3 1\n", twice[] = "0 0 1 0 0 1 output 1 2 2 3 1\n",
                      seven[] = "0 0 1 0 0 1 1 1 .5 .5 .25 .5 .125 .5 output 1 2 4 3 1\n";
    char words[2 * TEST_PATH], set[160], runs[96];
    (void)state;
    snprintf(runs, sizeof runs, "%s/runs", test_folder);
    snprintf(set, sizeof set, "%s/set.csv", test_folder);
    snprintf(
        words, sizeof words,
        "train pointer/hull model=lstm points=5-6 test_points=6 hidden=4 batch=2 steps=2 test_examples=4 --quiet --threads 1 --store %s",
        runs);
    expect(attn(output, words), 0, "");
    const struct attn_run_summary run = only_run(runs);

    snprintf(words, sizeof words, "%s%s%s%s", fits, "\n", seven, seven);
    write_file(examples, words);
    snprintf(words, sizeof words, "eval %s --data %s --threads 1", run.folder, examples);
    expect(attn(output, words), 2, "/examples.txt: line 3: found 7 points, expected at most 6: the dictionary of model=lstm");
    snprintf(words, sizeof words, "%s\n\n%s", fits, twice);
    write_file(examples, words);
    snprintf(words, sizeof words, "eval %s --data %s --threads 1", run.folder, examples);
    expect(attn(output, words), 2, "/examples.txt: line 4: found 4 numbers, 3 of them different");

    write_file(set, "0,0\n1,0\n0,1\n");
    snprintf(words, sizeof words, "predict %s --input %s --svg %s/none/x.svg --threads 1", run.folder, set, test_folder);
    expect(attn(output, words), 2, "/none/x.svg");
    assert_int_equal(lines_of_text(), 1); /* no answer stands before it */
    snprintf(words, sizeof words, "gzip -f '%s'", set);
    if (system(words) != 0) skip();
    snprintf(words, sizeof words, "predict %s --input %s.gz --check --threads 1", run.folder, set);
    const int status = attn(output, words);
    if (!strstr(text, "zlib")) expect(status, 0, "exact\t1 2 3\tarea 0.5\t");
}

static void words_that_do_not_fit_together_are_refused(void **state) {
    static const struct {
        const char *words, *sentence;
    } wrong[] = {{"pointer/hull points=7-5", "recipe: points=7-5: expected a number or a range LOW-HIGH, of 1 to 1000 points"},
                 {"pointer/hull points=5-", "points=5-"},
                 {"pointer/hull points=0", "of 1 to 1000 points"},
                 {"pointer/hull points=1001", "of 1 to 1000 points"},
                 {"pointer/hull points=99999999999999999999", "of 1 to 1000 points"},
                 {"pointer/hull points=5x", "points=5x"},
                 {"pointer/tsp test_points=5+", "test_points=5+: expected at most 16 numbers with + between"},
                 {"pointer/tsp test_points=1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17", "at most 16 numbers"},
                 {"pointer/tsp exact=21", "exact"},
                 {"pointer/hull model=ptrnet feed=words", "expected feed=points"},
                 {"pointer/hull tie_end=true", "expected model=ptrnet and start=learned with it"},
                 {"pointer/hull model=lstm start=learned tie_end=true", "expected model=ptrnet and start=learned with it"},
                 {"pointer/hull end_slot=false close=false", "end_slot=false: expected model=ptrnet, close=true and tie_end=false with it"},
                 {"pointer/tsp end_slot=false model=lstm", "end_slot=false: expected model=ptrnet"},
                 {"pointer/hull end_slot=false start=learned tie_end=true", "end_slot=false: expected model=ptrnet"},
                 {"pointer/tsp end_slot=false model=transformer", "end_slot=false with model=transformer"},
                 {"pointer/delaunay end_slot=false", "pointer/delaunay has no field 'end_slot'"},
                 {"pointer/sort end_slot=false", "pointer/sort has no field 'end_slot'"},
                 {"pointer/hull beam=65", "beam"},
                 {"pointer/hull beam=0", "beam"},
                 {"pointer/sort close=false", "close"},
                 {"pointer/delaunay labels=a1", "labels"},
                 {"pointer/hull data=/nowhere/at/all", "/nowhere/at/all"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char words[512];
        snprintf(words, sizeof words, "train %s steps=1 --quiet --threads 1 --store %s/none", wrong[i].words, test_folder);
        expect(attn(output, words), 2, wrong[i].sentence);
    }
}

/* Readers expect a number behind "output". */
static void triangulations_of_fewer_than_3_points_are_not_written(void **state) {
    (void)state;
    expect(attn(output, "data pointer/delaunay points=2"), 2, "attn: data: points=2: fewer than 3 points have no triangle to be written");
    expect(attn(output, "data pointer/delaunay points=1-5 batching=mixed"), 2, "points=1-5: fewer than 3 points have no triangle");
    expect(attn(output, "data pointer/delaunay points=3 --count 2"), 0, " output 1 2 3");
    expect(attn(output, "data pointer/hull points=1-2 --count 5"), 0, " output 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(examples_are_written_learned_from_and_evaluated_and_models_asked, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(files_that_are_packed_or_do_not_fit_are_read_or_named_with_their_line, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(triangulations_of_fewer_than_3_points_are_not_written, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(words_that_do_not_fit_together_are_refused, set_up, test_setting_close),
    };
    return cmocka_run_group_tests_name("pointer: program", tests, NULL, NULL);
}
