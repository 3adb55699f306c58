/* Whichever allocation of a training on events, its evaluation, answers and streams fails: it is said, and nothing is lost. */
#include "support/failing_memory.h"
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "train/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64], data[96];
static const char *words;

static const char table[] =
    "sequence_id,time,mark\na,0,1\na,1,2\na,1,1\nb,0,2\nb,2,1\nb,4,\nc,1,1\nc,2,2\nd,0,1\nd,3,2\nd,5,1\ne,1,1\ne,2,1\n";

static int set_up(void **state) {
    (void)state;
    test_folder_make(folder);
    snprintf(data, sizeof data, "%s/events.csv", folder);
    FILE *out = fopen(data, "w");
    if (!out) return -1;
    fputs(table, out);
    return fclose(out);
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static attn_status step(struct attn_job *job) {
    attn_tape *tape = attn_model_tape(job->model);
    attn_tape_reset(tape);
    attn_tensor *loss = job->task->loss(job, 0, 1, 2);
    return loss ? attn_tape_backward(loss) : attn_tape_status(tape);
}

static attn_status evaluate(struct attn_job *job, const char *file) {
    struct attn_figures figures = {.count = 0};
    attn_tape_record(attn_model_tape(job->model), false);
    return job->task->evaluate(job, file, &figures);
}

static attn_status predict(struct attn_job *job, bool check) {
    static char text[sizeof table], answers[1 << 16];
    struct attn_picture picture = {.points = 0};
    memcpy(text, table, sizeof table);
    FILE *in = fmemopen(text, strlen(text), "r"), *out = fmemopen(answers, sizeof answers, "w");
    assert_true(in && out);
    const struct attn_predict_options options = {.input = "events", .check = check, .picture = &picture};
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

static attn_status stream(struct attn_job *job) {
    struct attn_stream_face face;
    double out[8];
    attn_status status = job->task->stream(job, 2, &face);
    if (status) return status;
    assert_true(face.outputs <= 8);
    attn_real *state = calloc((size_t)face.state, sizeof *state);
    assert_non_null(state);
    for (int64_t i = 0; i < 2 && !status; i++) status = job->task->push(job, state, 2, i, (double[]){(double)i, 1}, out);
    free(state);
    return status;
}

static attn_status keep(struct attn_job *job) {
    char *text = NULL;
    const attn_status status = job->task->extra(job, &text);
    attn_free(job->ctx, text);
    return status;
}

static attn_status make_recipe(attn_ctx *ctx, struct attn_recipe **out) {
    char text[512], *rest = text;
    attn_status status = attn_task_recipe(ctx, &attn_aaren_events, out);
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &rest); word && !status; word = strtok_r(NULL, " ", &rest)) status = attn_recipe_set(*out, word);
    return status;
}

static attn_status use(attn_ctx *ctx) {
    struct attn_recipe *recipe = NULL;
    struct attn_job job;
    attn_status status = make_recipe(ctx, &recipe);
    if (status) {
        attn_free(ctx, recipe);
        return status;
    }
    status = attn_job_open(ctx, &attn_aaren_events, recipe, NULL, 0, NULL, &job);
    if (!status) status = step(&job);
    if (!status) status = evaluate(&job, NULL);
    if (!status) status = evaluate(&job, data);
    if (!status) status = predict(&job, false);
    if (!status) status = predict(&job, true);
    if (!status) status = draw(&job);
    if (!status) status = stream(&job);
    if (!status) status = keep(&job);
    attn_job_close(&job);
    attn_free(ctx, recipe);
    return status;
}

static attn_status use_saved(attn_ctx *ctx) {
    static const char text[] = "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"1\",\"2\"],\"share\":[0.5,0.5]}";
    struct attn_recipe *recipe = NULL;
    struct attn_job job;
    attn_status status = make_recipe(ctx, &recipe);
    if (status) {
        attn_free(ctx, recipe);
        return status;
    }
    status = attn_job_open(ctx, &attn_aaren_events, recipe, NULL, 0, text, &job);
    if (!status) status = predict(&job, false);
    attn_job_close(&job);
    attn_free(ctx, recipe);
    return status;
}

static void events_of_a_file_survive_every_failure(void **state) {
    static const char *const ways[] = {"mixer=aaren:heads=1", "encoder=gru hidden=4 mark_width=3 jitter=0.5"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[512];
        snprintf(text, sizeof text, "data=%s width=4 ffn=4 layers=1 batch=2 micro_batches=2 components=2 dropout=0 %s", data, ways[i]);
        words = text;
        test_survives(use, false);
        test_survives(use_saved, false);
    }
}

static void generated_events_survive_every_failure(void **state) {
    (void)state;
    words = "train_sequences=3 test_sequences=2 horizon=4 marks=2 width=4 ffn=4 layers=1 batch=2 micro_batches=2 components=2 dropout=0";
    test_survives(use, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_of_a_file_survive_every_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(generated_events_survive_every_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
