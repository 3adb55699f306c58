/* Processes of our own that work beside this one: forked before any of this process's threads exist. */
#ifndef ATTN_BASE_PROCESS_H
#define ATTN_BASE_PROCESS_H

#include "base/context.h"

/* Runs work(user) in a child, whose exit status is what it returns. */
attn_status attn_process_start(attn_ctx *ctx, int (*work)(void *user), void *user, int64_t *child);
/* Waits for any child that was started, for a moment: *child 0 says that none has ended, so that the caller sees what a signal's handler has
 * left. *status is its exit status, or 128 and the number of the signal that ended it. ATTN_EINVAL: there is none. */
attn_status attn_process_wait(attn_ctx *ctx, int64_t *child, int *status);
/* Asks a child to save and stop: SIGUSR1. */
void attn_process_interrupt(int64_t child);

/* Memory of zeros that children started after this share with this process. NULL: there is none. */
void *attn_process_share(size_t bytes);
void attn_process_unshare(void *memory, size_t bytes); /* NULL is allowed */

#endif
