#include "support/failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct allocator {
    int64_t calls, fail_at, live;
    bool sticky, failed;
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct allocator *a = user;
    void *memory = NULL;
    a->calls++;
    if (a->calls == a->fail_at || (a->sticky && a->calls > a->fail_at)) {
        a->failed = true;
        return NULL;
    }
    if (posix_memalign(&memory, alignment, bytes) != 0) return NULL;
    a->live++;
    return memory;
}

static void release(void *user, void *memory) {
    ((struct allocator *)user)->live--;
    free(memory);
}

void test_survives(test_scenario run, bool optional) {
    for (int sticky = 0; sticky < 2; sticky++)
        for (int64_t n = 0;; n++) { /* 0: none fails */
            struct allocator allocator = {.fail_at = INT64_MAX, .sticky = sticky != 0};
            attn_ctx_config config;
            attn_ctx *ctx;
            char text[512];
            attn_ctx_config_init(&config);
            config.allocate = allocate;
            config.release = release;
            config.allocator_user = &allocator;
            config.threads = 1;
            assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
            if (n > 0) allocator.fail_at = allocator.calls + n;
            const attn_status status = run(ctx);
            attn_ctx_error(ctx, text, sizeof text);
            const bool expected = status == (allocator.failed ? ATTN_ENOMEM : ATTN_OK) || (optional && status == ATTN_OK);
            if (!expected || (status != ATTN_OK && text[0] == '\0'))
                fail_msg("allocation %d, sticky %d: status %d, \"%s\"", (int)n, sticky, (int)status, text);
            attn_ctx_destroy(ctx);
            if (allocator.live != 0) fail_msg("allocation %d, sticky %d: %d blocks leaked", (int)n, sticky, (int)allocator.live);
            if (n > 0 && !allocator.failed) break;
        }
}
