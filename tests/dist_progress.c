/* Messages go on between the tasks of a kernel. */
#include "base/clock.h"
#include "base/parallel.h"
#include "dist/cp/count.h"
#include "dist/cp/progress.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { LEN = 2048, DIM = 64 };

static int calls;

static void note_call(struct attn_transport *t) {
    (void)t;
    calls++;
}

/* As a slow loop: each task takes longer than the pause between two calls. */
static void take_time(void *arg, int64_t index, int worker) {
    const double begun = attn_clock();
    (void)arg;
    (void)index;
    (void)worker;
    while (attn_clock() - begun < 50e-6) nanosleep(&(struct timespec){0, 10000}, NULL);
}

static void between_tasks_messages_go_on(void **state) {
    attn_ctx *parent = test_context(1), *child;
    struct attn_transport t;
    (void)state;
    attn_count_open(0, 2, &t);
    t.progress = note_call;
    assert_int_equal(attn_progress_context(parent, &t, &child), ATTN_OK);
    assert_int_equal(child->config.threads, 1);
    assert_string_equal(attn_ctx_isa(child), attn_ctx_isa(parent));
    calls = 0;
    attn_parallel(child, 20, 1, take_time, NULL);
    assert_int_equal(calls, 20);
    attn_parallel(parent, 20, 1, take_time, NULL);
    assert_int_equal(calls, 20);
    attn_ctx_destroy(child);
    attn_ctx_destroy(parent);
}

static int every_task;

static void note_task(void *user) {
    (void)user;
    every_task++;
}

/* One head on one thread is the least that a rank computes at a time. */
static void a_flash_kernel_has_tasks_to_go_on_between(void **state) {
    attn_ctx *parent = test_context(1), *child;
    struct attn_transport t;
    attn_problem p;
    attn_plan *plan;
    attn_args args;
    attn_gradients gradients;
    float *memory = calloc((size_t)LEN * DIM * 9, sizeof *memory), *at = memory;
    (void)state;
    attn_count_open(0, 2, &t);
    assert_int_equal(attn_progress_context(parent, &t, &child), ATTN_OK);
    child->between = note_task;
    attn_problem_init(&p);
    p.heads = 1;
    p.dim = DIM;
    p.q_len = LEN;
    p.features = ATTN_BACKWARD;
    assert_int_equal(attn_plan_create(child, &p, &plan), ATTN_OK);
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    const void **const in[] = {&args.q.data, &args.k.data, &args.v.data, &gradients.d_o.data};
    void **const out[] = {&args.o.data, &gradients.dq.data, &gradients.dk.data, &gradients.dv.data, &args.lse.data};
    for (int i = 0; i < 4; i++, at += LEN * DIM) *in[i] = at;
    for (int i = 0; i < 5; i++, at += LEN * DIM) *out[i] = at;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    every_task = 0;
    assert_int_equal(attn_forward(plan, &args), ATTN_OK);
    assert_true(every_task >= 100); /* about a tile of queries and keys */
    every_task = 0;
    assert_int_equal(attn_backward(plan, &args, &gradients), ATTN_OK);
    assert_true(every_task >= 100); /* about a tile of queries and keys */
    free(args.workspace);
    free(memory);
    attn_plan_destroy(plan);
    attn_ctx_destroy(child);
    attn_ctx_destroy(parent);
}

static int errors;

static void count_errors(void *user, attn_log_level level, const char *text) {
    (void)user;
    errors += level == ATTN_LOG_ERROR && strcmp(text, "something: found 3; expected 4") == 0;
}

static void what_fails_is_told_once_as_the_parents(void **state) {
    attn_ctx *parent, *child;
    struct attn_transport t;
    attn_ctx_config config;
    char text[1024];
    (void)state;
    attn_ctx_config_init(&config);
    config.log = count_errors;
    assert_int_equal(attn_ctx_create(&config, &parent, NULL, 0), ATTN_OK);
    attn_count_open(0, 2, &t);
    assert_int_equal(attn_progress_context(parent, &t, &child), ATTN_OK);
    errors = 0;
    const attn_status status = attn_fail(child, ATTN_ESHAPE, "something: found 3; expected 4");
    assert_int_equal(attn_progress_failed(parent, child, status), ATTN_ESHAPE);
    assert_string_equal(attn_ctx_error(parent, text, sizeof text), "something: found 3; expected 4");
    assert_int_equal(errors, 1);
    assert_int_equal(attn_progress_failed(parent, child, ATTN_OK), ATTN_OK);
    attn_ctx_destroy(child);
    attn_ctx_destroy(parent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_tasks_messages_go_on),
        cmocka_unit_test(a_flash_kernel_has_tasks_to_go_on_between),
        cmocka_unit_test(what_fails_is_told_once_as_the_parents),
    };
    return cmocka_run_group_tests_name("messages go on while kernels compute", tests, NULL, NULL);
}
