/* Whichever allocation of the classifier's training, evaluation, answers, pictures, streams and saved models fails: it is said, and nothing is lost. */
#include "support/failing_memory.h"
#include "support/series.h"
#include "support/setting.h"
#include "support/uses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char path[TEST_PATH], words[2 * TEST_PATH + 128], *known;

static int set_up(void **state) {
    const int status = test_setting_open(state);
    test_series_file(test_folder, "series.ts", "@classLabel true a b\n@data\n1,2,3:a\n2,?,1:b\n0,9:b\n5,4,1:b\n1,1,0:a\n3,2,1:b\n", path);
    snprintf(words, sizeof words, "width=4 ffn=4 layers=1 mixer=aaren batch=2 head=mean data=%s test=%s", path, path);
    return status;
}

/* The text that it would save is left in `known`. */
static attn_status everything(struct attn_job *job) {
    attn_status status = test_use_step(job);
    if (!status) status = test_use_evaluate(job, NULL);
    if (!status) status = test_use_evaluate(job, path);
    if (!status) status = test_use_predict(job, "@classLabel true b\n@data\n1,2:b\n3,4,?:?\n", true);
    if (!status) status = test_use_pictures(job, 3);
    if (!status) status = test_use_stream(job, 3, (double[]){1});
    return status ? status : job->task->extra(job, &known);
}

static attn_status figures(struct attn_job *job) {
    return test_use_evaluate(job, NULL);
}

/* A new model, and then the saved one. */
static attn_status run(attn_ctx *ctx) {
    known = NULL;
    attn_status status = test_use(ctx, &attn_aaren_classify, words, NULL, everything);
    if (!status) status = test_use(ctx, &attn_aaren_classify, words, known, figures);
    attn_free(ctx, known);
    return status;
}

static attn_status generate(attn_ctx *ctx) {
    const struct attn_aaren_classify_source source = {.train = "", .waves = {.length = 3, .channels = 2}};
    FILE *out = tmpfile();
    assert_non_null(out);
    const attn_status status = attn_aaren_classify_waves_write(ctx, &source, 4, out);
    fclose(out);
    return status;
}

static void failures_of_memory_are_survived(void **state) {
    (void)state;
    test_survives(run, false);
    test_survives(generate, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(failures_of_memory_are_survived, set_up, test_setting_close)};
    return cmocka_run_group_tests_name("aaren: faults of the classifier", tests, NULL, NULL);
}
