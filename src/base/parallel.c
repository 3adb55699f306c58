/* Parallel loops on OpenMP, on pthreads, serially, or on the caller's own executor.
 *
 * The library's executors start `workers` workers that take the next index from one atomic counter until none is left: rising
 * order, so that long pieces placed first balance the rest. Which worker runs an index is unknown; no result may depend on it.
 * A thread-local flag marks a thread inside a loop's body: a loop begun there runs serially, on whatever executor.
 */
#include "base/parallel.h"

#include <sched.h>
#include <stdatomic.h>

#if defined(ATTN_EXECUTOR_OPENMP)
#include <omp.h>
#include <unistd.h>
#elif defined(ATTN_EXECUTOR_PTHREADS)
#include <pthread.h>
#endif

struct loop {
    const attn_ctx *ctx;
    attn_task_fn task;
    void *arg;
    int64_t count;
    _Atomic int64_t next;
};

static _Thread_local bool inside_loop;
static _Thread_local const struct loop *begun; /* the outermost loop that this thread has begun and not left, of a context with `between` */

void attn_parallel_between(void) {
    if (begun) begun->ctx->between(begun->ctx->between_user);
}

static void run_one(void *context, int64_t index, int worker) {
    struct loop *loop = context;
    const bool before = inside_loop;
    inside_loop = true;
    loop->task(loop->arg, index, worker);
    inside_loop = before;
    if (begun == loop) attn_parallel_between();
}

static void run_serially(struct loop *loop) {
    for (int64_t i = 0; i < loop->count; i++) run_one(loop, i, 0);
}

#if defined(ATTN_EXECUTOR_OPENMP) || defined(ATTN_EXECUTOR_PTHREADS)
static void take_indices(struct loop *loop, int worker) {
    for (;;) {
        const int64_t i = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
        if (i >= loop->count) return;
        run_one(loop, i, worker);
    }
}
#endif

#if defined(ATTN_EXECUTOR_OPENMP)
/* OpenMP keeps its workers with the thread that asked for them; a forked child inherits the record, not the workers. */
static bool workers_lost_by_fork(const attn_ctx *ctx) {
    static _Thread_local pid_t owner;
    const pid_t self = getpid();
    if (!owner) owner = self;
    return owner != self || ctx->process != self;
}

static void run(const attn_ctx *ctx, struct loop *loop, int workers) {
    if (workers_lost_by_fork(ctx)) {
        run_serially(loop);
        return;
    }
#pragma omp parallel num_threads(workers)
    take_indices(loop, omp_get_thread_num());
}
#elif defined(ATTN_EXECUTOR_PTHREADS)
enum { MAX_THREADS = 256 };

struct worker {
    struct loop *loop;
    int number;
    pthread_t thread;
};

static void *work(void *context) {
    struct worker *w = context;
    take_indices(w->loop, w->number);
    return NULL;
}

/* Threads live for one loop: simple, and every synchronisation is visible to the thread sanitizer. A thread that the system
 * refuses is done without. */
static void run(const attn_ctx *ctx, struct loop *loop, int workers) {
    (void)ctx;
    struct worker pool[MAX_THREADS];
    const int wanted = workers < MAX_THREADS ? workers : MAX_THREADS;
    int started = 1;
    for (; started < wanted; started++) {
        pool[started].loop = loop;
        pool[started].number = started;
        if (pthread_create(&pool[started].thread, NULL, work, &pool[started]) != 0) break;
    }
    take_indices(loop, 0);
    for (int i = 1; i < started; i++) pthread_join(pool[i].thread, NULL);
}
#else
static void run(const attn_ctx *ctx, struct loop *loop, int workers) {
    (void)ctx;
    (void)workers;
    run_serially(loop);
}
#endif

void attn_parallel(attn_ctx *ctx, int64_t count, int workers, attn_task_fn task, void *arg) {
    struct loop loop = {.ctx = ctx, .task = task, .arg = arg, .count = count};
    const bool outermost = ctx->between && !inside_loop;
    const struct loop *const before = begun;
    if (outermost) begun = &loop;
    if (workers > ctx->config.threads) workers = ctx->config.threads;
    if (count < workers) workers = (int)count;
    if (inside_loop || workers <= 1)
        run_serially(&loop);
    else if (ctx->config.parallel)
        ctx->config.parallel(ctx->config.executor, count, workers, run_one, &loop);
    else
        run(ctx, &loop, workers);
    begun = before;
}

void attn_parallel_wait(void) {
    sched_yield();
}

const char *attn_parallel_name(void) {
    return ATTN_EXECUTOR_NAME;
}
