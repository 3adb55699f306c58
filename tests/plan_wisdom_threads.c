/* Wisdom into buffers of any size, and from many threads at once. */
#include "base/parallel.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void export_fits_any_buffer(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    char cut[8] = "unused!";
    assert_int_equal(attn_wisdom_export(ctx, cut, sizeof cut), 0);
    assert_string_equal(cut, "");
    assert_int_equal(attn_wisdom_import(ctx, "# 345678\n", 9), ATTN_OK);
    assert_int_equal(attn_wisdom_export(ctx, cut, 5), 9);
    assert_string_equal(cut, "# 34");
    assert_int_equal(attn_wisdom_export(ctx, NULL, 0), 9);
    assert_int_equal(attn_wisdom_export(ctx, cut, 1), 9);
    assert_string_equal(cut, "");
    attn_ctx_destroy(ctx);
}

static void import_one(void *arg, int64_t index, int worker) {
    attn_ctx *ctx = arg;
    char text[64];
    (void)worker;
    snprintf(text, sizeof text, "# thread %d\n", (int)index);
    if (attn_wisdom_import(ctx, text, strlen(text)) != ATTN_OK) abort();
    attn_wisdom_export(ctx, text, sizeof text);
}

static void threads_lose_nothing_of_each_other(void **state) {
    (void)state;
    static char text[4096];
    attn_ctx *ctx = test_context(3);
    attn_parallel(ctx, 64, 3, import_one, ctx);
    assert_true(attn_wisdom_export(ctx, text, sizeof text) < sizeof text);
    for (int i = 0; i < 64; i++) {
        char line[64];
        snprintf(line, sizeof line, "# thread %d\n", i);
        assert_non_null(strstr(text, line));
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_fits_any_buffer),
        cmocka_unit_test(threads_lose_nothing_of_each_other),
    };
    return cmocka_run_group_tests_name("plan: wisdom of threads", tests, NULL, NULL);
}
