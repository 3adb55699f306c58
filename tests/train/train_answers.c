/* The loop of predictions: answers line by line, the numbers of bad lines, streams that fail. */
#include "support/setting.h"
#include "train/answers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The line between brackets and its length; one that begins with '!' cannot be answered. */
static attn_status answer(void *user, char *line, size_t bytes, FILE *out) {
    (void)user;
    if (line[0] == '!') return attn_fail(test_ctx, ATTN_EINVAL, "found '%s', expected no '!'", line);
    fprintf(out, "[%s]%zu\n", line, bytes);
    return ATTN_OK;
}

static FILE *stream_of(const char *text) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    return file;
}

static void expect_sentence(const char *part) {
    char text[2048];
    attn_ctx_error(test_ctx, text, sizeof text);
    if (!strstr(text, part)) fail_msg("\"%s\" in \"%s\"", part, text);
}

static void expect_answers(const char *lines, const char *expected, attn_status status) {
    char *text = NULL;
    size_t size;
    FILE *in = stream_of(lines), *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), status);
    assert_int_equal(fclose(out), 0);
    fclose(in);
    assert_string_equal(text, expected);
    free(text);
}

static void every_line_has_its_answer_also_the_last_without_an_end(void **state) {
    (void)state;
    expect_answers("a\n\nbc", "[a]1\n[]0\n[bc]2\n", ATTN_OK);
    expect_answers("a\nbc\n", "[a]1\n[bc]2\n", ATTN_OK);
}

static void an_empty_stream_is_said_to_be_empty(void **state) {
    (void)state;
    expect_answers("", "", ATTN_EINVAL);
    expect_sentence("questions: found no line, expected one at least to be answered");
}

static void a_bad_line_is_named_and_ends_the_answers(void **state) {
    (void)state;
    expect_answers("a\nb\n!c\nd\n", "[a]1\n[b]1\n", ATTN_EINVAL);
    expect_sentence("line 3: found '!c', expected no '!'");
}

static void a_line_that_is_too_long_is_refused_and_the_longest_is_not(void **state) {
    char *text = malloc(ATTN_ANSWER_LINE + 8);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', ATTN_ANSWER_LINE);
    memcpy(text + ATTN_ANSWER_LINE, "\n", 2);
    FILE *in = stream_of(text), *out = fopen("/dev/null", "w");
    assert_non_null(out);
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), ATTN_OK);
    fclose(in);
    memcpy(text + ATTN_ANSWER_LINE, "x\n", 3);
    in = stream_of(text);
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), ATTN_EINVAL);
    expect_sentence("line 1: found 1048577 bytes, expected at most 1048576");
    fclose(in);
    fclose(out);
    free(text);
}

static void a_full_disk_is_noticed_at_the_first_answer(void **state) {
    FILE *in = stream_of("a\nb\n"), *out = fopen("/dev/full", "w");
    (void)state;
    if (!out) skip();
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), ATTN_ESYSTEM);
    expect_sentence("line 1: the answer cannot be written: No space left on device");
    fclose(out);
    fclose(in);
}

/* More than a stream holds, at once: it is refused within the answer, and nothing is left to be written behind it. */
static attn_status answer_at_length(void *user, char *line, size_t bytes, FILE *out) {
    (void)user, (void)line, (void)bytes;
    fprintf(out, "%0100000d", 1);
    return ATTN_OK;
}

static void a_full_disk_is_noticed_within_a_long_answer(void **state) {
    FILE *in = stream_of("a\n"), *out = fopen("/dev/full", "w");
    (void)state;
    if (!out) skip();
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer_at_length, NULL), ATTN_ESYSTEM);
    char text[512];
    assert_string_equal(attn_ctx_error(test_ctx, text, sizeof text),
                        "questions: line 1: the answer cannot be written: a part of it was refused");
    fclose(out);
    fclose(in);
}

static void a_reader_that_is_gone_is_noticed(void **state) {
    int ends[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    FILE *in = stream_of("a\n"), *out = fdopen(ends[1], "w");
    assert_non_null(out);
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), ATTN_ESYSTEM);
    expect_sentence("line 1: the answer cannot be written: Broken pipe");
    fclose(out);
    fclose(in);
}

static void what_cannot_be_read_is_no_end_of_the_lines(void **state) {
    FILE *in = fopen("/", "r"), *out = fopen("/dev/null", "w");
    (void)state;
    assert_true(in && out);
    assert_int_equal(attn_answer_lines(test_ctx, "questions", in, out, answer, NULL), ATTN_ESYSTEM);
    expect_sentence("line 1: it cannot be read: Is a directory");
    fclose(in);
    fclose(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_has_its_answer_also_the_last_without_an_end),
        cmocka_unit_test(an_empty_stream_is_said_to_be_empty),
        cmocka_unit_test(a_bad_line_is_named_and_ends_the_answers),
        cmocka_unit_test(a_line_that_is_too_long_is_refused_and_the_longest_is_not),
        cmocka_unit_test(a_full_disk_is_noticed_at_the_first_answer),
        cmocka_unit_test(a_full_disk_is_noticed_within_a_long_answer),
        cmocka_unit_test(a_reader_that_is_gone_is_noticed),
        cmocka_unit_test(what_cannot_be_read_is_no_end_of_the_lines),
    };
    return cmocka_run_group_tests_name("train: answers", tests, test_setting_open, test_setting_close);
}
