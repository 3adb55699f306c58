/* Whichever allocation of a pointer network's training, evaluation, answers and files fails: it is said, and nothing is lost. */
#include "support/failing_memory.h"
#include "support/training.h"
#include "support/uses.h"
#include "system/pointer/pointer.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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

static attn_status generate(struct attn_job *job) {
    FILE *out = tmpfile();
    assert_non_null(out);
    const attn_status status = job->task->generate(job, 3, out);
    fclose(out);
    return status;
}

/* All that can be done with a model, in one after the other. */
static attn_status use(struct attn_job *job) {
    static const char points[] = "0,0\n1,0\n0,1\n1,1\n\n0 0 1 0 0 1\n", numbers[] = "3 1 2\n1,2,3,4\n";
    attn_status status = test_use_step(job);
    if (!status) status = test_use_evaluate(job, NULL);
    if (!status) status = test_use_evaluate(job, data);
    if (!status) status = test_use_predict(job, job->task == &attn_pointer_sort ? numbers : points, true);
    if (!status) status = test_use_pictures(job, INT_MAX);
    return status ? status : generate(job);
}

#define SMALL             "points=3-5 hidden=4 batch=4 test_points=3+4 test_examples=3"
#define SMALL_TRANSFORMER "batch=4 test_examples=3 model=transformer width=4 heads=2 layers=1"

static attn_status hull(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_hull, SMALL " beam=2 constrain=true start=learned", NULL, use);
}

static attn_status tour(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_tsp, SMALL " train_examples=12 batching=mixed model=attention wide_beam=2", NULL, use);
}

static attn_status transformer(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_tsp, SMALL_TRANSFORMER " points=3-5 test_points=3+4 wide_beam=2", NULL, use);
}

static attn_status shortest(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_tsp, SMALL_TRANSFORMER " points=3 test_points=3 baseline=starts augment=2", NULL, use);
}

static attn_status triangulation(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_delaunay, SMALL " model=lstm feed=words", NULL, use);
}

static attn_status sorting(attn_ctx *ctx) {
    return test_use(ctx, &attn_pointer_sort, SMALL " constrain=true", NULL, use);
}

static attn_status from_a_file(attn_ctx *ctx) {
    char words[256];
    snprintf(words, sizeof words, SMALL " data=%s", data);
    return test_use(ctx, &attn_pointer_hull, words, NULL, use);
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
