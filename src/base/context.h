/* The context's inside, and what every floor above uses of it: error sentences and memory. */
#ifndef ATTN_BASE_CONTEXT_H
#define ATTN_BASE_CONTEXT_H

#include "attn.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Text that several hold: it never changes, and goes with its last holder. */
struct attn_shared_text {
    atomic_int holders;
    size_t bytes;
    char at[]; /* no 0 behind it */
};

struct attn_ctx {
    attn_ctx_config config; /* every field filled in: no NULL allocator, threads >= 1 */
    uint32_t isa;           /* ATTN_ISA_* bits kernels may use */
    const char *isa_name;   /* the greatest of them, or the one that ATTN_ISA forced */
    char cpu_model[128];    /* what wisdom knows the processor by; here, as asking for it may take a trap into a hypervisor */
    int64_t process;        /* that made it: a forked child has none of its worker threads */
    atomic_flag error_lock;
    char error[1024];
    atomic_flag wisdom_lock;
    struct attn_shared_text *wisdom; /* whole lines (src/plan/wisdom.h); NULL: none */
    /* NULL: none; else called after each task of a loop that the thread which began the loop has done, of outermost loops alone, and where a long task
     * says so (attn_parallel_between). For what must go on while a kernel computes, and belongs to that thread. */
    void (*between)(void *user);
    void *between_user;
};

#if defined(__GNUC__)
#define ATTN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ATTN_PRINTF(f, a)
#endif

/* Records the sentence and returns status, so that a check reads `return attn_fail(...)`. ctx may be NULL. */
attn_status attn_fail(attn_ctx *ctx, attn_status status, const char *format, ...) ATTN_PRINTF(3, 4);
void attn_log(attn_ctx *ctx, attn_log_level level, const char *format, ...) ATTN_PRINTF(3, 4);

/* Adds to the end of a text in `size` bytes; what does not fit is cut off. */
void attn_append(char *text, size_t size, const char *format, ...) ATTN_PRINTF(3, 4);

/* Memory of the context's allocator, aligned to 64. bytes 0 gives a pointer that may be freed. NULL if there is none: the
 * caller reports it with attn_no_memory. */
void *attn_alloc(attn_ctx *ctx, size_t bytes);
void attn_free(attn_ctx *ctx, void *memory); /* NULL is allowed */
attn_status attn_no_memory(attn_ctx *ctx, const char *what, size_t bytes);

/* Sizes from outside are multiplied and added through these only. */
static inline bool attn_mul_size(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool attn_add_size(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

/* The context's wisdom, held until it is dropped; NULL: there is none. */
struct attn_shared_text *attn_ctx_wisdom(attn_ctx *ctx);
void attn_ctx_wisdom_drop(attn_ctx *ctx, struct attn_shared_text *text); /* NULL is allowed */
/* Puts `fresh` (one holder: the context from now on; NULL: none) in the place of `seen`, which the caller holds. False, with nothing
 * changed: another thread has put something else there. */
bool attn_ctx_wisdom_replace(attn_ctx *ctx, struct attn_shared_text *seen, struct attn_shared_text *fresh);

static inline int64_t attn_min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t attn_max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline int64_t attn_div_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
static inline size_t attn_round64(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

#endif
