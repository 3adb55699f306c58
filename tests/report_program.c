/* attn report and attn runs as a user runs them: files that are written, comparisons, mistakes and their sentences. */
#include "support/shell.h"
#include "support/store.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 16 };

static char folder[64];

static void expect(const char *line, int status, const char *piece) {
    static char output[OUTPUT];
    const int got = test_shell(folder, line, output, OUTPUT);
    if (got != status || strstr(output, piece) == NULL)
        fail_msg("%s: exit %d, expected %d; expected \"%s\" in:\n%s", line, got, status, piece, output);
}

static int set_up(void **state) {
    char runs[80];
    (void)state;
    test_store_make(folder);
    snprintf(runs, sizeof runs, "%s/runs", folder);
    char command[128];
    snprintf(command, sizeof command, "mkdir %s", runs);
    if (system(command) != 0) return 1;
    for (int i = 0; i < 3; i++) {
        char id[16], recipe[256], metrics[256];
        snprintf(id, sizeof id, "run%d", i);
        snprintf(recipe, sizeof recipe, "{\"task\":\"zoology/mqar\",\"mixer\":\"%s\",\"width\":%d,\"length\":64}\n",
                 i == 0 ? "attention" : "hyena, x", 8 << i);
        snprintf(metrics, sizeof metrics,
                 "{\"event\":\"step\",\"step\":1,\"loss\":3}\n{\"event\":\"step\",\"step\":2,\"loss\":2}\n"
                 "{\"event\":\"done\",\"step\":2,\"seconds\":1,\"accuracy\":0.%d}\n",
                 i == 1 ? 9 : 5 + i);
        test_store_run(runs, id, recipe, metrics, NULL);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(folder);
    return 0;
}

static void a_report_of_the_store_or_of_named_runs_is_written(void **state) {
    static char output[OUTPUT];
    (void)state;
    expect("$ATTN report", 0, "page    report.html");
    expect("grep -c 'id=\"run-1-' report.html", 0, "3");
    expect("$ATTN report run1 runs/run2/ --out two.html && grep -c 'id=\"run-1-' two.html", 0, "2");
    expect("$ATTN report --where 'mixer=attention width<100' --out one.html && grep -c 'id=\"run-1-' one.html", 0, "1");
    assert_int_equal(test_shell(folder, "$ATTN report --figures f --json", output, OUTPUT), 0);
    int lines = 0;
    for (char *at = output, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        if (!json_is_string(json_object_get(line, "file")) || !json_is_string(json_object_get(line, "kind"))) fail_msg("no record: %s", at);
        json_decref(line);
    }
    assert_true(lines >= 3);
}

static void without_gnuplot_it_warns_and_succeeds(void **state) {
    (void)state;
    expect("PATH=/nowhere $ATTN report --out bare.html", 0, "attn: report: the page has no plots");
    expect("grep -c 'gnuplot was not found' bare.html", 0, "1");
}

static void mistakes_are_told_with_what_to_do(void **state) {
    (void)state;
    expect("$ATTN report nothing", 2, "there is no run 'nothing'");
    expect("$ATTN report --out no/such/folder/x.html", 2, "attn: no/such/folder/x.html");
    expect("$ATTN report --figures report.html/x", 2, "the folder cannot be made");
    expect("$ATTN report --where 'widht=3'", 2, "did you mean 'width'?");
    expect("$ATTN runs --where nonsense", 2, "expected NAME=VALUE");
    expect("$ATTN runs --where 'accuracy>>0.5'", 2, "expected NAME=VALUE");
    expect("$ATTN runs --state don", 2, "expected done, stopped, failed, running or killed; did you mean 'done'?");
    expect("$ATTN runs --task foo", 2, "there is no task 'foo'");
    expect("$ATTN runs --store nowhere", 2, "attn: runs: nowhere: there is no such folder; --store DIR names another store");
    expect("ATTN_RUNS=nowhere $ATTN runs", 0, "attn: runs: nowhere: there are no runs yet");
    expect("echo mine >kept.html; $ATTN report --store nowhere --out kept.html", 2,
           "attn: report: nowhere: there is no such folder; --store DIR names another store");
    expect("cat kept.html", 0, "mine\n");
    expect("$ATTN runs --sort acuracy", 2, "did you mean 'accuracy'?");
    expect("$ATTN report --help", 0, "Example:\n  attn report");
    expect("$ATTN runs --help", 0, "--compare");
    expect("mkdir empty && $ATTN report --store empty", 0, "report.html");
}

static void a_comparison_shows_what_differs_best_first(void **state) {
    (void)state;
    expect("$ATTN runs --compare --sort accuracy", 0,
           "run   state  mixer      width    accuracy  train_loss  parameters   seconds\n"
           "run1  done   hyena, x   16        0.90000     2.00000           0       1.0\n"
           "run2  done   hyena, x   32        0.70000     2.00000           0       1.0\n"
           "run0  done   attention  8         0.50000     2.00000           0       1.0\n");
    expect("$ATTN runs --compare --sort width --reverse --csv", 0,
           "run,state,mixer,width,accuracy,train_loss,parameters,seconds\nrun2,done,\"hyena, x\",32,0.7,2,0,1\n");
    expect("$ATTN runs --compare --where 'accuracy>0.8' --json", 0,
           "{\"run\":\"run1\",\"state\":\"done\",\"accuracy\":0.9,\"train_loss\":2,\"parameters\":0,\"seconds\":1}\n");
    expect("$ATTN runs --where width=8", 0, "accuracy        0.5000\n");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_of_the_store_or_of_named_runs_is_written),
        cmocka_unit_test(without_gnuplot_it_warns_and_succeeds),
        cmocka_unit_test(mistakes_are_told_with_what_to_do),
        cmocka_unit_test(a_comparison_shows_what_differs_best_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
