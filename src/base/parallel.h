/* The only door to a threading runtime. A loop inside a loop's body runs serially.
 *
 * After fork(): the child has none of the parent's worker threads. With OpenMP, loops of a context that the parent made, and of a
 * thread that had run a loop there, run serially in the child (waking workers that are gone would wait for ever); results are the same
 * bits. A context made in the child of a parent that used OpenMP for itself alone is not recognised. pthreads and serial executors are not
 * affected. The caller's own executor answers for itself. */
#ifndef ATTN_BASE_PARALLEL_H
#define ATTN_BASE_PARALLEL_H

#include "base/context.h"

#if defined(ATTN_EXECUTOR_PTHREADS)
#define ATTN_EXECUTOR_NAME "pthreads"
#elif defined(_OPENMP) && !defined(ATTN_EXECUTOR_SERIAL)
#define ATTN_EXECUTOR_OPENMP
#define ATTN_EXECUTOR_NAME "openmp"
#else
#define ATTN_EXECUTOR_NAME "serial"
#endif

/* Runs task(arg, i, worker) for i in [0, count) on at most `workers` workers; indices are handed out in rising order, one at
 * a time, so the longest pieces belong first. Returns when all are done. */
void attn_parallel(attn_ctx *ctx, int64_t count, int workers, attn_task_fn task, void *arg);

/* For a task that takes long: as if one task ended here, on the thread that began the outermost loop, for the context's `between`. */
void attn_parallel_between(void);

/* For a task that waits until another one of its loop has done something, again and again: lets others have the processor. */
void attn_parallel_wait(void);

/* "openmp", "pthreads" or "serial": how the library's own executor was built. */
const char *attn_parallel_name(void);

#endif
