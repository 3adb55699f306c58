/* Messages go on while a kernel computes: a context whose parallel loops let them, between their tasks. */
#ifndef ATTN_DIST_CP_PROGRESS_H
#define ATTN_DIST_CP_PROGRESS_H

#include "dist/cp/transport.h"

/* A context like `parent` (allocator, executor, threads, log, instruction set) whose loops call transport->progress on the thread that began them, after a
 * task and at most every 20 us. For plans whose kernels are to run while messages are under way. Owned by the caller: attn_ctx_destroy, before the
 * transport is closed. ATTN_ENOMEM. */
attn_status attn_progress_context(attn_ctx *parent, struct attn_transport *transport, attn_ctx **child);

/* Whatever failed with the child: its sentence becomes the parent's. Returns status, ATTN_OK too. */
attn_status attn_progress_failed(attn_ctx *parent, attn_ctx *child, attn_status status);

#endif
