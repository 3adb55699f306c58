/* A program that has its own threads lends them: the library calls the given loop instead of starting any. This one is as simple as
 * can be, two POSIX threads that take the next index; a thread pool or a task library fits the same way. Also shown: an allocator
 * that counts. The result has the same bits as with the library's own threads. */
#include <attn.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 4, D = 40, T = 300, N = H * T * D, WORKERS = 2 };

struct loop {
    atomic_llong next;
    int64_t count;
    attn_task_fn task;
    void *arg;
};
struct worker {
    struct loop *loop;
    int number;
};

static void *work(void *data) {
    const struct worker *me = data;
    struct loop *loop = me->loop;
    for (int64_t i; (i = atomic_fetch_add(&loop->next, 1)) < loop->count;) loop->task(loop->arg, i, me->number);
    return NULL;
}

static void own_loop(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    struct loop loop = {.count = count, .task = task, .arg = arg};
    struct worker worker[WORKERS] = {{&loop, 0}, {&loop, 1}};
    pthread_t thread;
    const int two = workers > 1 && count > 1 && pthread_create(&thread, NULL, work, &worker[1]) == 0;
    *(int *)executor += 1;
    work(&worker[0]);
    if (two) pthread_join(thread, NULL);
}

static atomic_int held;
static void *count_allocate(void *user, size_t bytes, size_t alignment) {
    (void)user;
    held++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
static void count_release(void *user, void *memory) {
    (void)user;
    held--;
    free(memory);
}

static float q[N], k[N], v[N];

static int run(const attn_ctx_config *config, float *o) {
    attn_ctx *ctx;
    attn_problem problem;
    attn_args args;
    if (attn_ctx_create(config, &ctx, NULL, 0) != ATTN_OK) return 1;
    attn_problem_init(&problem);
    problem.heads = H, problem.dim = D, problem.q_len = T;
    attn_args_init(&args);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o;
    const attn_status status = attn_run(ctx, &problem, &args, NULL);
    attn_ctx_destroy(ctx);
    return status != ATTN_OK;
}

int main(void) {
    static float theirs[N], ours[N];
    int calls = 0;
    for (int i = 0; i < N; i++) q[i] = sinf(0.3f * (float)i), k[i] = cosf(0.2f * (float)i), v[i] = sinf(0.1f * (float)i);
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.parallel = own_loop, config.executor = &calls, config.threads = WORKERS;
    config.allocate = count_allocate, config.release = count_release;
    if (run(NULL, theirs) || run(&config, ours)) return 1;
    printf("the library called our loop: %s\n", calls > 0 ? "yes" : "no");
    printf("memory still held: %d\n", held);
    printf("same bits: %s\n", memcmp(theirs, ours, sizeof ours) == 0 ? "yes" : "no");
    return 0;
}
