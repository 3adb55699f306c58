/* Parallel loops: every index once, workers in range, nested loops serial, the caller's executor, a forked child. */
#include "base/parallel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 1000, WORKERS = 4 };

struct record {
    attn_ctx *ctx;
    _Atomic int calls[COUNT];
    _Atomic int bad_worker, inner_calls, inner_bad_worker, busy[WORKERS], overlap;
    int workers;
};

static attn_ctx *context(int threads, attn_parallel_fn parallel, void *executor) {
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.threads = threads;
    config.parallel = parallel;
    config.executor = executor;
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void note(void *arg, int64_t index, int worker) {
    struct record *r = arg;
    if (worker < 0 || worker >= r->workers) {
        r->bad_worker++;
        return;
    }
    if (r->busy[worker]++) r->overlap++;
    r->calls[index]++;
    r->busy[worker]--;
}

static void assert_each_once(const struct record *r, int64_t count) {
    for (int64_t i = 0; i < COUNT; i++) assert_int_equal(r->calls[i], i < count);
    assert_int_equal(r->bad_worker, 0);
    assert_int_equal(r->overlap, 0);
}

static void every_index_runs_once_for_any_count_and_number_of_workers(void **state) {
    (void)state;
    attn_ctx *ctx = context(WORKERS, NULL, NULL);
    static const int64_t counts[] = {0, 1, 2, 3, 5, COUNT};
    for (int workers = 1; workers <= WORKERS; workers++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
            static struct record r;
            memset(&r, 0, sizeof(r));
            r.workers = workers;
            attn_parallel(ctx, counts[c], workers, note, &r);
            assert_each_once(&r, counts[c]);
        }
    attn_ctx_destroy(ctx);
}

static void no_more_workers_run_than_the_context_has(void **state) {
    (void)state;
    attn_ctx *ctx = context(2, NULL, NULL);
    static struct record r;
    memset(&r, 0, sizeof(r));
    r.workers = 2;
    attn_parallel(ctx, COUNT, WORKERS, note, &r);
    assert_each_once(&r, COUNT);
    attn_ctx_destroy(ctx);
}

static void note_inner(void *arg, int64_t index, int worker) {
    struct record *r = arg;
    (void)index;
    r->inner_calls++;
    if (worker != 0) r->inner_bad_worker++;
}

static void note_and_nest(void *arg, int64_t index, int worker) {
    struct record *r = arg;
    note(arg, index, worker);
    attn_parallel(r->ctx, 3, WORKERS, note_inner, r);
}

static void a_loop_inside_a_loop_runs_serially(void **state) {
    (void)state;
    static struct record r;
    memset(&r, 0, sizeof(r));
    r.ctx = context(WORKERS, NULL, NULL);
    r.workers = WORKERS;
    attn_parallel(r.ctx, 50, WORKERS, note_and_nest, &r);
    assert_each_once(&r, 50);
    assert_int_equal(r.inner_calls, 150);
    assert_int_equal(r.inner_bad_worker, 0);
    attn_ctx_destroy(r.ctx);
}

static void run_backwards(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (*(int *)executor)++;
    for (int64_t i = count - 1; i >= 0; i--) task(arg, i, (int)(i % workers));
}

static void the_callers_executor_is_used_and_not_for_nested_loops(void **state) {
    (void)state;
    int uses = 0;
    static struct record r;
    memset(&r, 0, sizeof(r));
    r.ctx = context(3, run_backwards, &uses);
    r.workers = 3;
    attn_parallel(r.ctx, 40, 8, note_and_nest, &r);
    assert_each_once(&r, 40);
    assert_int_equal(uses, 1);
    assert_int_equal(r.inner_calls, 120);
    assert_int_equal(r.inner_bad_worker, 0);
    attn_ctx_destroy(r.ctx);
}

struct between {
    struct record *r;
    pthread_t thread;
    int calls, elsewhere;
};

static void note_between(void *user) {
    struct between *b = user;
    b->calls++;
    if (!pthread_equal(pthread_self(), b->thread)) b->elsewhere++;
}

/* Which of the tasks that thread has done is known with one worker, and with the caller's own executor. */
static void between_tasks_of_outermost_loops_the_calling_thread_is_told(void **state) {
    (void)state;
    int uses = 0;
    for (int own = 0; own < 2; own++) {
        static struct record r;
        struct between b = {.thread = pthread_self()};
        memset(&r, 0, sizeof(r));
        r.ctx = own ? context(WORKERS, run_backwards, &uses) : context(WORKERS, NULL, NULL);
        r.ctx->between = note_between;
        r.ctx->between_user = &b;
        r.workers = WORKERS;
        attn_parallel(r.ctx, 50, 1, note_and_nest, &r);
        assert_int_equal(b.calls, 50);
        attn_parallel(r.ctx, 50, WORKERS, note_and_nest, &r);
        if (own) assert_int_equal(b.calls, 100);
        assert_true(b.calls >= 50 && b.calls <= 100);
        attn_parallel(r.ctx, 0, WORKERS, note_and_nest, &r);
        assert_int_equal(b.elsewhere, 0);
        r.ctx->between = NULL;
        attn_parallel(r.ctx, 50, WORKERS, note_and_nest, &r);
        assert_true(b.calls <= 100);
        attn_ctx_destroy(r.ctx);
    }
}

static void say_between(void *arg, int64_t index, int worker) {
    (void)arg;
    (void)index;
    (void)worker;
    attn_parallel_between();
    attn_parallel_between();
}

static void say_between_inside(void *arg, int64_t index, int worker) {
    (void)index;
    (void)worker;
    attn_parallel(arg, 3, 1, say_between, NULL);
}

static void a_long_task_may_say_that_it_is_between(void **state) {
    struct between b = {.thread = pthread_self()};
    attn_ctx *ctx = context(WORKERS, NULL, NULL);
    (void)state;
    attn_parallel_between(); /* no loop has begun */
    attn_parallel(ctx, 10, 1, say_between, NULL);
    ctx->between = note_between;
    ctx->between_user = &b;
    attn_parallel(ctx, 10, 1, say_between, NULL);
    assert_int_equal(b.calls, 30);
    attn_parallel(ctx, 10, 1, say_between_inside, ctx);
    assert_int_equal(b.calls, 30 + 10 * (3 * 2 + 1));
    attn_parallel(ctx, 100, WORKERS, say_between_inside, ctx);
    attn_parallel_between();
    assert_true(b.calls <= 100 + 100 * 7);
    assert_int_equal(b.elsewhere, 0);
    attn_ctx_destroy(ctx);
}

/* Of a parent that has used OpenMP, but run no loop of the library. */
static void a_forked_child_of_an_openmp_program_can_run_loops(void **state) {
    (void)state;
    attn_ctx *ctx = context(WORKERS, NULL, NULL);
    static struct record r;
    memset(&r, 0, sizeof(r));
    r.workers = WORKERS;
    const pid_t parent = fork(); /* so that no loop of the other tests' counts */
    if (parent == 0) {
        int status;
        alarm(30);
#if defined(_OPENMP)
        volatile int sum = 0;
#pragma omp parallel num_threads(WORKERS)
        {
#pragma omp atomic
            sum++;
        }
#endif
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            attn_parallel(ctx, COUNT, WORKERS, note, &r);
            for (int i = 0; i < COUNT; i++)
                if (r.calls[i] != 1) _exit(1);
            _exit(0);
        }
        _exit(waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    attn_ctx_destroy(ctx);
}

static void a_forked_child_can_run_loops(void **state) {
    (void)state;
    attn_ctx *ctx = context(WORKERS, NULL, NULL);
    static struct record r;
    memset(&r, 0, sizeof(r));
    r.workers = WORKERS;
    attn_parallel(ctx, COUNT, WORKERS, note, &r);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        attn_parallel(ctx, COUNT, WORKERS, note, &r);
        for (int i = 0; i < COUNT; i++)
            if (r.calls[i] != 2) _exit(1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once_for_any_count_and_number_of_workers),
        cmocka_unit_test(no_more_workers_run_than_the_context_has),
        cmocka_unit_test(a_loop_inside_a_loop_runs_serially),
        cmocka_unit_test(the_callers_executor_is_used_and_not_for_nested_loops),
        cmocka_unit_test(between_tasks_of_outermost_loops_the_calling_thread_is_told),
        cmocka_unit_test(a_long_task_may_say_that_it_is_between),
        cmocka_unit_test(a_forked_child_of_an_openmp_program_can_run_loops),
        cmocka_unit_test(a_forked_child_can_run_loops),
    };
    return cmocka_run_group_tests_name("base: parallel loops", tests, NULL, NULL);
}
