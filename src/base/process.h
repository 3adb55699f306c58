/* Processes of our own that work beside this one: forked before any of this process's threads exist. */
#ifndef ATTN_BASE_PROCESS_H
#define ATTN_BASE_PROCESS_H

#include "base/context.h"

/* Runs work(user) in a child, whose exit status is what it returns. */
attn_status attn_process_start(attn_ctx *ctx, int (*work)(void *user), void *user, int64_t *child);
/* Waits for any child that was started; *status is its exit status, or 128 and the number of the signal that ended it. ATTN_EINVAL: there is none. A
 * signal that comes meanwhile and has a handler is not waited out: *child is 0. */
attn_status attn_process_wait(attn_ctx *ctx, int64_t *child, int *status);
/* Asks a child to save and stop: SIGUSR1. */
void attn_process_interrupt(int64_t child);

#endif
