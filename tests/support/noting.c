#include "support/noting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t greatest;

static void *allocate(void *user, size_t bytes, size_t alignment) {
    void *memory = NULL;
    (void)user;
    greatest = bytes > greatest ? bytes : greatest;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

attn_ctx *test_noting_context(void) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.threads = 1;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    greatest = 0;
    return ctx;
}

size_t test_greatest_allocation(void) {
    return greatest;
}

void test_must_refuse(attn_ctx *ctx, attn_status status, attn_status expected, size_t size, const char *sentence) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (status != expected || strstr(text, sentence) == NULL)
        fail_msg("status %d, sentence \"%s\", expected %d and \"%s\"", (int)status, text, (int)expected, sentence);
    if (greatest > 2 * size + (1 << 20)) fail_msg("%zu bytes allocated for a file of %zu: %s", greatest, size, sentence);
}
