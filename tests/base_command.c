/* Other programs, run without a shell: what goes in and comes out, and every way in which it may fail. */
#include "base/clock.h"
#include "base/command.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LARGE = 3 << 20 };

static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static attn_status run(const char *const *argv, const char *input, size_t bytes, size_t limit, double seconds, char **output,
                       size_t *size) {
    const struct attn_command command = {argv, input, bytes, limit, seconds};
    return attn_command_run(ctx, &command, output, size);
}

static void what_goes_in_comes_out_however_much_it_is(void **state) {
    static const char *const cat[] = {"cat", NULL};
    static const size_t sizes[] = {0, 1, 4096, LARGE};
    char *input = malloc(LARGE), *output;
    size_t size;
    (void)state;
    assert_non_null(input);
    for (size_t i = 0; i < LARGE; i++) input[i] = (char)(i * 7 % 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(run(cat, input, sizes[i], LARGE, 60, &output, &size), ATTN_OK);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(output, input, size);
        assert_int_equal(output[size], 0);
        attn_free(ctx, output);
    }
    free(input);
}

static void arguments_reach_it_as_they_are(void **state) {
    static const char *const printf_program[] = {"printf", "%s|", "$HOME", "a b", "'\"`;*", NULL};
    char *output;
    size_t size;
    (void)state;
    assert_int_equal(run(printf_program, "", 0, 100, 60, &output, &size), ATTN_OK);
    assert_string_equal(output, "$HOME|a b|'\"`;*|");
    attn_free(ctx, output);
}

static void a_program_that_reads_nothing_may_succeed(void **state) {
    static const char *const nothing[] = {"true", NULL};
    char *input = calloc(1, LARGE), *output;
    size_t size;
    (void)state;
    assert_int_equal(run(nothing, input, LARGE, 100, 60, &output, &size), ATTN_OK);
    assert_int_equal(size, 0);
    attn_free(ctx, output);
    free(input);
}

static void failures_are_told_apart(void **state) {
    static const char *const missing[] = {"attn-no-such-program", NULL}, *const fails[] = {"false", NULL}, *const endless[] = {"yes", NULL},
                             *const late[] = {"sleep", "30", NULL};
    char *output = NULL, text[1024];
    size_t size;
    (void)state;
    assert_int_equal(run(missing, "", 0, 100, 60, &output, &size), ATTN_EUNSUPPORTED);
    assert_int_equal(run(fails, "", 0, 100, 60, &output, &size), ATTN_ESYSTEM);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "false: it failed"));
    assert_int_equal(run(endless, "", 0, 100000, 60, &output, &size), ATTN_ESYSTEM);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "yes: it wrote more than it may"));
    const double begun = attn_clock();
    assert_int_equal(run(late, "", 0, 100, 0.2, &output, &size), ATTN_ESYSTEM);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "sleep: it took too long"));
    assert_true(attn_clock() - begun < 20);
    assert_null(output);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_however_much_it_is),
        cmocka_unit_test(arguments_reach_it_as_they_are),
        cmocka_unit_test(a_program_that_reads_nothing_may_succeed),
        cmocka_unit_test(failures_are_told_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
