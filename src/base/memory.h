/* A context whose allocator counts: the bytes that are live and the most there ever were. */
#ifndef ATTN_BASE_MEMORY_H
#define ATTN_BASE_MEMORY_H

#include "attn.h"

#include <stdatomic.h>

struct attn_memory {
    atomic_size_t live, peak;
};

/* *memory must outlive the context. */
attn_status attn_memory_context(struct attn_memory *memory, int threads, attn_ctx **out, char *error, size_t error_size);

#endif
