/* Whichever allocation of a pointer network's training, evaluation, answers and files fails: it is said, and nothing is lost. */
#include "support/failing_memory.h"
#include "support/training.h"
#include "system/pointer/pointer.h"
#include "train/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64], data[96];

static int put_examples(const char *text) {
    test_folder_make(folder);
    snprintf(data, sizeof data, "%s/examples.txt", folder);
    FILE *out = fopen(data, "w");
    if (!out) return -1;
    fputs(text, out);
    return fclose(out);
}

/* Hulls and tours, closed and not. */
static int set_up(void **state) {
    (void)state;
    return put_examples("0 0 1 0 0 1 output 1 2 3 1\n0 0 1 0 1 1 0 1 output 1 2 3 4 1\n0 0 2 0 0 1 output 1 2 3\n");
}

static int set_up_triangles(void **state) {
    (void)state;
    return put_examples("0 0 1 0 0 1 output 1 2 3\n0 0 1 0 1 1 0 1 output 1 2 3 1 3 4\n0 0 2 0 0 1 output 1 2 3\n");
}

static int set_up_orders(void **state) {
    (void)state;
    return put_examples("0 0 1 0 0.5 0 output 1 3 2\n0.1 0 1 0 0.5 0 0.3 0 output 1 4 3 2\n0.2 0 0.1 0 0 0 output 3 2 1\n");
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

static attn_status predict(struct attn_job *job) {
    static char points[] = "0,0\n1,0\n0,1\n1,1\n\n0 0 1 0 0 1\n", numbers[] = "3 1 2\n1,2,3,4\n", answers[4096];
    char *text = job->task == &attn_pointer_sort ? numbers : points;
    struct attn_picture picture = {.points = 0};
    FILE *in = fmemopen(text, strlen(text), "r"), *out = fmemopen(answers, sizeof answers, "w");
    assert_true(in && out);
    attn_tape_record(attn_model_tape(job->model), false);
    const struct attn_predict_options options = {.input = "points", .check = true, .picture = &picture};
    const attn_status status = job->task->predict(job, &options, in, out);
    attn_picture_free(job->ctx, &picture);
    fclose(in);
    fclose(out);
    return status;
}

static attn_status generate(struct attn_job *job) {
    FILE *out = tmpfile();
    assert_non_null(out);
    const attn_status status = job->task->generate(job, 3, out);
    fclose(out);
    return status;
}

/* All of them. */
static attn_status draw(struct attn_job *job) {
    attn_status status = ATTN_OK;
    bool drawn = true;
    attn_tape_record(attn_model_tape(job->model), false);
    for (int64_t i = 0; drawn && !status; i++) {
        struct attn_picture picture = {.points = 0};
        status = job->task->picture(job, i, &picture);
        drawn = !attn_picture_empty(&picture);
        attn_picture_free(job->ctx, &picture);
    }
    return status;
}

/* All that can be done with a model, in one after the other. */
static attn_status use(attn_ctx *ctx, const struct attn_task *task, const char *const *words) {
    struct attn_recipe *recipe = NULL;
    struct attn_job job;
    attn_status status = attn_task_recipe(ctx, task, &recipe);
    if (status) return status;
    for (int i = 0; words[i] && !status; i++) status = attn_recipe_set(recipe, words[i]);
    if (!status) {
        status = attn_job_open(ctx, task, recipe, NULL, 0, NULL, &job);
        if (!status) status = step(&job);
        if (!status) status = evaluate(&job, NULL);
        if (!status) status = evaluate(&job, data);
        if (!status) status = predict(&job);
        if (!status) status = draw(&job);
        if (!status) status = generate(&job);
        attn_job_close(&job);
        if (!status && task->references) status = task->references(ctx, recipe, &(struct attn_figures){.count = 0});
    }
    attn_free(ctx, recipe);
    return status;
}

#define SMALL "points=3-5", "hidden=4", "batch=4", "test_points=3+4", "test_examples=3"

static attn_status hull(attn_ctx *ctx) {
    static const char *const words[] = {SMALL, "beam=2", "constrain=true", "start=learned", NULL};
    return use(ctx, &attn_pointer_hull, words);
}

static attn_status tour(attn_ctx *ctx) {
    static const char *const words[] = {SMALL, "train_examples=12", "batching=mixed", "model=attention", "wide_beam=2", NULL};
    return use(ctx, &attn_pointer_tsp, words);
}

static attn_status transformer(attn_ctx *ctx) {
    static const char *const words[] = {"points=3-5", "batch=4", "test_points=3+4", "test_examples=3", "model=transformer",
                                        "width=4",    "heads=2", "layers=1",        "wide_beam=2",     NULL};
    return use(ctx, &attn_pointer_tsp, words);
}

static attn_status shortest(attn_ctx *ctx) {
    static const char *const words[] = {"points=3", "batch=4", "test_points=3", "test_examples=3", "model=transformer",
                                        "width=4",  "heads=2", "layers=1",      "baseline=starts", "augment=2",
                                        NULL};
    return use(ctx, &attn_pointer_tsp, words);
}

static attn_status triangulation(attn_ctx *ctx) {
    static const char *const words[] = {SMALL, "model=lstm", "feed=words", NULL};
    return use(ctx, &attn_pointer_delaunay, words);
}

static attn_status sorting(attn_ctx *ctx) {
    static const char *const words[] = {SMALL, "constrain=true", NULL};
    return use(ctx, &attn_pointer_sort, words);
}

static attn_status from_a_file(attn_ctx *ctx) {
    char file[128];
    const char *const words[] = {SMALL, file, NULL};
    snprintf(file, sizeof file, "data=%s", data);
    return use(ctx, &attn_pointer_hull, words);
}

static void hulls_survive_failing_memory(void **state) {
    (void)state;
    test_survives(hull, false);
}

static void tours_survive_failing_memory(void **state) {
    (void)state;
    test_survives(tour, false);
}

static void transformers_survive_failing_memory(void **state) {
    (void)state;
    test_survives(transformer, false);
    test_survives(shortest, false);
}

static void triangulations_survive_failing_memory(void **state) {
    (void)state;
    test_survives(triangulation, false);
}

static void sorting_survives_failing_memory(void **state) {
    (void)state;
    test_survives(sorting, false);
}

static void files_survive_failing_memory(void **state) {
    (void)state;
    test_survives(from_a_file, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hulls_survive_failing_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tours_survive_failing_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transformers_survive_failing_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(triangulations_survive_failing_memory, set_up_triangles, tear_down),
        cmocka_unit_test_setup_teardown(sorting_survives_failing_memory, set_up_orders, tear_down),
        cmocka_unit_test_setup_teardown(files_survive_failing_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("pointer: faults", tests, NULL, NULL);
}
