/* Whichever allocation of the classifier's training, evaluation, answers, pictures, streams and saved models fails: it is said, and nothing is lost. */
#include "support/failing_memory.h"
#include "support/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char folder[64], path[TEST_PATH], words[2][TEST_PATH + 16];

static int set_up(void **state) {
    (void)state;
    test_folder_make(folder);
    test_series_file(folder, "series.ts", "@classLabel true a b\n@data\n1,2,3:a\n2,?,1:b\n0,9:b\n5,4,1:b\n1,1,0:a\n3,2,1:b\n", path);
    snprintf(words[0], sizeof words[0], "data=%s", path);
    snprintf(words[1], sizeof words[1], "test=%s", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static attn_status step(struct attn_job *job) {
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *loss = job->task->loss(job, 0, 1, 2);
    return loss ? attn_tape_backward(loss) : attn_tape_status(attn_model_tape(job->model));
}

static attn_status evaluate(struct attn_job *job, const char *file) {
    struct attn_figures figures = {.count = 0};
    attn_tape_record(attn_model_tape(job->model), false);
    return job->task->evaluate(job, file, &figures);
}

static attn_status predict(struct attn_job *job) {
    static char series[] = "@classLabel true b\n@data\n1,2:b\n3,4,?:?\n", answers[1024];
    struct attn_picture picture = {.points = 0};
    FILE *in = fmemopen(series, sizeof series - 1, "r"), *out = fmemopen(answers, sizeof answers, "w");
    assert_true(in && out);
    const struct attn_predict_options options = {.input = "series", .check = true, .picture = &picture};
    const attn_status status = job->task->predict(job, &options, in, out);
    attn_picture_free(job->ctx, &picture);
    fclose(in);
    fclose(out);
    return status;
}

static attn_status draw(struct attn_job *job) {
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < 3 && !status; i++) {
        struct attn_picture picture = {.points = 0};
        status = job->task->picture(job, i, &picture);
        attn_picture_free(job->ctx, &picture);
    }
    return status;
}

static attn_status push(struct attn_job *job) {
    attn_real state[512] = {0};
    const double in[1] = {1};
    double out[2];
    struct attn_stream_face face;
    attn_status status = job->task->stream(job, 3, &face);
    assert_true(status || (face.inputs == 1 && face.outputs == 2 && face.state <= 512));
    for (int64_t i = 0; i < 2 && !status; i++) status = job->task->push(job, state, 3, i, in, out);
    return status;
}

static attn_status use(struct attn_job *job, char **known) {
    attn_status status = step(job);
    if (!status) status = evaluate(job, NULL);
    if (!status) status = evaluate(job, path);
    if (!status) status = predict(job);
    if (!status) status = draw(job);
    if (!status) status = push(job);
    return status ? status : job->task->extra(job, known);
}

/* A new model, and then the saved one. */
static attn_status run(attn_ctx *ctx) {
    static const char *const small[] = {"width=4", "ffn=4", "layers=1", "mixer=aaren", "batch=2", "head=mean"};
    struct attn_recipe *recipe = NULL;
    struct attn_job job;
    char *known = NULL;
    attn_status status = attn_task_recipe(ctx, &attn_aaren_classify, &recipe);
    if (status) return status;
    for (size_t i = 0; i < sizeof small / sizeof small[0] && !status; i++) status = attn_recipe_set(recipe, small[i]);
    for (int i = 0; i < 2 && !status; i++) status = attn_recipe_set(recipe, words[i]);
    assert_int_equal(status, ATTN_OK);
    status = attn_job_open(ctx, &attn_aaren_classify, recipe, NULL, 0, NULL, &job);
    if (!status) status = use(&job, &known);
    attn_job_close(&job);
    if (!status) {
        status = attn_job_open(ctx, &attn_aaren_classify, recipe, NULL, 0, known, &job);
        if (!status) status = evaluate(&job, NULL);
        attn_job_close(&job);
    }
    attn_free(ctx, known);
    attn_free(ctx, recipe);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(failures_of_memory_are_survived, set_up, tear_down)};
    return cmocka_run_group_tests_name("aaren: faults of the classifier", tests, NULL, NULL);
}
