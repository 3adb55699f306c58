/* attn data, train, eval and predict of aaren/classify as a user types them. */
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char store[64], output[128], series[128], text[TEST_OUTPUT];

static int set_up(void **state) {
    (void)state;
    test_folder_make(store);
    snprintf(output, sizeof output, "%s/output.txt", store);
    snprintf(series, sizeof series, "%s/series.ts", store);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(store);
    return 0;
}

/* "attn WORDS"; what it prints goes to `file` and to text. */
static void attn(const char *file, const char *words, int status, const char *piece) {
    char whole[3 * TEST_PATH];
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    snprintf(whole, sizeof whole, "%s %s", program, words);
    const int got = test_command(file, text, whole);
    if (got != status || !strstr(text, piece)) fail_msg("exit %d, expected %d; expected \"%s\" in:\n%s", got, status, piece, text);
}

static int lines_of_text(void) {
    int lines = 0;
    for (const char *at = text; *at; at++) lines += *at == '\n';
    return lines;
}

static struct attn_run_summary only_run(void) {
    char runs[96];
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    snprintf(runs, sizeof runs, "%s/runs", store);
    assert_int_equal(attn_store_list(ctx, runs, &list), ATTN_OK);
    assert_int_equal(list.count, 1);
    const struct attn_run_summary one = list.at[0];
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
    return one;
}

static void series_are_written_learned_from_and_evaluated_and_models_asked(void **state) {
    char words[3 * TEST_PATH], svg[160];
    (void)state;
    attn(series, "data aaren/classify length=12 channels=2 --count 24", 0, "@classLabel true chirp step burst\n@data\n");
    snprintf(words, sizeof words,
             "train aaren/classify data=%s test=%s width=8 ffn=8 layers=1 mixer=aaren head=mean epochs=2 batch=8 eval_every=3 --quiet "
             "--threads 1 "
             "--store %s/runs",
             series, series, store);
    attn(output, words, 0, "");
    const struct attn_run_summary run = only_run();
    assert_int_equal(run.state, ATTN_RUN_DONE);
    snprintf(words, sizeof words, "eval %s --data %s --threads 1", run.folder, series);
    attn(output, words, 0, "balanced_accuracy");
    snprintf(words, sizeof words, "eval %s --threads 1", run.folder);
    attn(output, words, 0, "accuracy_nearest");
    snprintf(svg, sizeof svg, "%s/first.svg", store);
    snprintf(words, sizeof words, "predict %s --input %s --check --svg %s --threads 1", run.folder, series, svg);
    attn(output, words, 0, "case,predicted,label,chirp,step,burst\n1,");
    assert_int_equal(lines_of_text(), 25);
    FILE *file = fopen(svg, "r");
    assert_non_null(file);
    fclose(file);
    file = fopen(series, "w");
    assert_non_null(file);
    fputs("@data\n1,2:3,x\n", file);
    assert_int_equal(fclose(file), 0);
    snprintf(words, sizeof words, "predict %s --input %s --threads 1", run.folder, series);
    attn(output, words, 2, "series.ts: line 2: dimension 2, value 2: found 'x', expected a finite number");
}

static void words_that_do_not_fit_together_are_refused(void **state) {
    static const struct {
        const char *words, *sentence;
    } wrong[] = {{"compat=true data=/nowhere/at/all", "/nowhere/at/all"},
                 {"test=/nowhere/at/all", "without data=: expected a file to learn from, or neither"},
                 {"padding=both", "padding=both: expected one of causal, circular"},
                 {"head=first", "head=first: expected one of flatten, last, mean"},
                 {"held_out=0", "held_out=0: expected a number from 0.001 to 0.9"},
                 {"mixer=aaren:heads=3", "heads"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char words[512];
        snprintf(words, sizeof words, "train aaren/classify %s steps=1 --quiet --threads 1 --store %s/none", wrong[i].words, store);
        attn(output, words, 2, wrong[i].sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(series_are_written_learned_from_and_evaluated_and_models_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_that_do_not_fit_together_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("aaren: the classifier as a program", tests, NULL, NULL);
}
