/* The counting allocator: each block is preceded by its size, one alignment away, so that release knows what to subtract. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 4096 }; /* the greatest that a context asks for; also page-aligns every array of a measurement */

static void *count_allocate(void *user, size_t bytes, size_t alignment) {
    struct attn_memory *memory = user;
    void *block;
    (void)alignment;
    if (bytes > SIZE_MAX - ALIGNMENT || posix_memalign(&block, ALIGNMENT, bytes + ALIGNMENT) != 0) return NULL;
    memcpy(block, &bytes, sizeof bytes);
    const size_t live = atomic_fetch_add(&memory->live, bytes) + bytes;
    size_t peak = atomic_load(&memory->peak);
    while (live > peak && !atomic_compare_exchange_weak(&memory->peak, &peak, live)) continue;
    return (char *)block + ALIGNMENT;
}

static void count_release(void *user, void *block) {
    struct attn_memory *memory = user;
    size_t bytes;
    char *start = (char *)block - ALIGNMENT;
    memcpy(&bytes, start, sizeof bytes);
    atomic_fetch_sub(&memory->live, bytes);
    free(start);
}

attn_status attn_memory_context(struct attn_memory *memory, int threads, attn_ctx **out, char *error, size_t error_size) {
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.allocate = count_allocate;
    config.release = count_release;
    config.allocator_user = memory;
    config.threads = threads;
    atomic_init(&memory->live, 0);
    atomic_init(&memory->peak, 0);
    return attn_ctx_create(&config, out, error, error_size);
}
