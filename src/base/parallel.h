/* The only door to a threading runtime. A loop inside a loop's body runs serially. */
#ifndef ATTN_BASE_PARALLEL_H
#define ATTN_BASE_PARALLEL_H

#include "base/context.h"

/* Runs task(arg, i, worker) for i in [0, count) on at most `workers` workers; indices are handed out in rising order, one at
 * a time, so the longest pieces belong first. Returns when all are done. */
void attn_parallel(attn_ctx *ctx, int64_t count, int workers, attn_task_fn task, void *arg);

/* "openmp", "pthreads" or "serial": how the library's own executor was built. */
const char *attn_parallel_name(void);

#endif
