#include "support/fixture.h"

#include "support/problem.h"

attn_ctx *test_ctx;

int test_open_context(void **state) {
    (void)state;
    test_ctx = test_context(2);
    return 0;
}

int test_close_context(void **state) {
    (void)state;
    attn_ctx_destroy(test_ctx);
    test_ctx = NULL;
    return 0;
}

const char *test_sentence(void) {
    static char text[1024];
    return attn_ctx_error(test_ctx, text, sizeof text);
}
