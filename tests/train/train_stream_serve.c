/* attn stream's lines: rows of any form, bad ones among them, answers at once, states in files. */
#include "support/faulty_files.h"
#include "support/setting.h"
#include "support/stream_task.h"
#include "train/stream_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT = 1 << 16 };
static char path[128], state_path[128];
static char said[TEXT], answered[TEXT];
static attn_model_stream *stream;
static struct attn_serve_options options;
static struct attn_serve_counts counts;

static void say(void *user, const char *text) {
    (void)user;
    attn_append(said, sizeof said, "%s\n", text);
}

static int set_up(void **state) {
    test_setting_open(state);
    snprintf(path, sizeof path, "%s/model.safetensors", test_folder);
    snprintf(state_path, sizeof state_path, "%s/state", test_folder);
    signal(SIGPIPE, SIG_IGN);
    test_stream_write(test_ctx, "", 7, path);
    return attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 0, &stream) != ATTN_OK;
}

static int tear_down(void **state) {
    attn_model_stream_close(stream);
    return test_setting_close(state);
}

static int begin(void **state) {
    (void)state;
    attn_model_stream_reset(stream);
    said[0] = answered[0] = '\0';
    options = (struct attn_serve_options){.every = 1, .say = say};
    unlink(state_path);
    return 0;
}

/* What is answered to `bytes` bytes of a file, in `answered`. */
static attn_status serve_bytes(const char *text, size_t bytes) {
    FILE *in = tmpfile(), *out = tmpfile();
    assert_true(in && out);
    assert_int_equal(fwrite(text, 1, bytes, in), bytes);
    assert_int_equal(fflush(in), 0);
    rewind(in);
    assert_int_equal(lseek(fileno(in), 0, SEEK_SET), 0);
    options.in = fileno(in);
    options.out = fileno(out);
    const attn_status status = attn_serve(test_ctx, stream, &options, &counts);
    rewind(out);
    answered[fread(answered, 1, sizeof answered - 1, out)] = '\0';
    fclose(in);
    fclose(out);
    return status;
}

static attn_status serve(const char *text) {
    return serve_bytes(text, strlen(text));
}

static void expect(attn_status got, attn_status want, const char *piece) {
    char text[1024];
    attn_ctx_error(test_ctx, text, sizeof text);
    if (got != want || (got && !strstr(text, piece))) fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)got, text, (int)want, piece);
}

/* Both texts are rows with the same answers, nothing is said. */
static void same(const char *text, const char *other) {
    char first[TEXT];
    begin(NULL);
    expect(serve(text), ATTN_OK, "");
    strcpy(first, answered);
    begin(NULL);
    expect(serve(other), ATTN_OK, "");
    if (strcmp(first, answered) != 0) fail_msg("\"%s\" gives %s; \"%s\" gives %s", text, first, other, answered);
    assert_string_equal(said, "");
}

static void every_row_is_answered_by_the_stream_itself(void **state) {
    const double rows[][2] = {{0.5, 1}, {-2e-3, 0.25}, {7, -1}};
    char expected[TEXT] = "";
    double out[2];
    (void)state;
    expect(serve("0.5,1\n-2e-3,0.25\n7,-1\n"), ATTN_OK, "");
    assert_int_equal(counts.rows, 3);
    assert_int_equal(counts.answers, 3);
    assert_int_equal(counts.bad, 0);
    attn_model_stream_reset(stream);
    const char *at = answered;
    for (int i = 0; i < 3; i++) {
        char *end;
        expect(attn_model_stream_push(stream, rows[i], out), ATTN_OK, "");
        assert_true(strtod(at, &end) == out[0] && *end == ',');
        assert_true(strtod(end + 1, &end) == out[1] && *end == '\n');
        at = end + 1;
    }
    assert_string_equal(at, "");
    assert_string_equal(expected, said);
}

static void names_stand_in_any_order_and_others_are_passed_over(void **state) {
    (void)state;
    same("1,2\n3,4\n", "a,b\n1,2\n3,4\n");
    same("1,2\n3,4\n", "b,a\n2,1\n4,3\n");
    same("1,2\n3,4\n", "\"b\" , a\n 2 ,\"1\"\n4,\t3\n");
    same("1,2\n3,4\n", "b\ta\n2\t1\n4\t3\n");
    same("1,2\n3,4\n", "b;a\n2;1\n4;3\n");
    begin(NULL);
    expect(serve("when,b,a,\"x,y\"\nmonday,2,1,z\n\"a,b\",4,3,\"\"\"\"\n"), ATTN_OK, "");
    assert_string_equal(said, "the model does not ask for 2 of the columns: 'when' and others\n");
    assert_int_equal(counts.rows, 2);
}

static void ends_of_lines_and_marks_of_files_are_no_matter(void **state) {
    (void)state;
    same("1,2\n3,4\n", "1,2\r\n3,4\r\n");
    same("1,2\n3,4\n", "1,2\n3,4");
    same("1,2\n3,4\n", "\n  \n1,2\n\r\n3,4\n\n");
    same("1,2\n3,4\n", "\xef\xbb\xbf"
                       "a,b\n1,2\n3,4\n");
    same("1,2\n3,4\n", "\xef\xbb\xbf"
                       "1,2\n3,4\n");
}

static void what_is_not_known_is_an_empty_cell_or_says_so(void **state) {
    (void)state;
    same("1,\n3,4\n", "1,nan\n3,4\n");
    same("1,\n3,4\n", "1,NaN\n3,4\n");
    same("1,\n3,4\n", "1,NA\n3,4\n");
    same("1,0\n3,4\n", "1, \n3,4\n"); /* what it means is the task's */
}

static void bad_lines_are_told_of_counted_and_passed_over(void **state) {
    static const char *const bad[][2] = {{"x,2", "column 1 (a): found 'x', expected a finite number"},
                                         {"1,inf", "column 2 (b): found 'inf'"},
                                         {"1,1e999", "column 2 (b): found '1e999'"},
                                         {"1,0x10", "column 2 (b): found '0x10'"},
                                         {"1,2,3", "found 3 columns, expected 2"},
                                         {"1", "found 1 columns, expected 2"},
                                         {"1,\"2", "column 2: found a quote that does not end with its cell"},
                                         {"1,\"2\"3", "column 2: found a quote"},
                                         {",2", "a: found nothing, expected a number"}};
    char clean[TEXT], text[256], expected[256];
    (void)state;
    expect(serve("1,2\n3,4\n"), ATTN_OK, "");
    strcpy(clean, answered);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin(NULL);
        snprintf(text, sizeof text, "1,2\n%s\n3,4\n", bad[i][0]);
        expect(serve(text), ATTN_OK, "");
        snprintf(expected, sizeof expected, "standard input: line 2: %s", bad[i][1]);
        if (strncmp(said, expected, strlen(expected)) != 0) fail_msg("\"%s\" is told of as \"%s\"", text, said);
        assert_non_null(strstr(said, "; the line is passed over\n"));
        assert_string_equal(answered, clean);
        assert_int_equal(counts.bad, 1);
        assert_int_equal(counts.rows, 2);
    }
}

static void a_byte_0_and_lines_without_end_are_passed_over(void **state) {
    const size_t bytes = (size_t)ATTN_STREAM_LINE * 5 + 77;
    char clean[TEXT], *text = malloc(bytes + 16);
    (void)state;
    expect(serve("1,2\n3,4\n"), ATTN_OK, "");
    strcpy(clean, answered);
    begin(NULL);
    expect(serve_bytes("1,2\n1,\0002\n3,4\n", 13), ATTN_OK, "");
    assert_non_null(strstr(said, "line 2: found a byte 0"));
    assert_string_equal(answered, clean);
    for (int at_end = 0; at_end < 2; at_end++) {
        begin(NULL);
        memset(text, '7', bytes + 16);
        memcpy(text, "1,2\n", 4);
        if (at_end) memcpy(text + 4, "3,4\n", 4);
        if (!at_end) memcpy(text + bytes, "\n3,4\n", 5);
        expect(serve_bytes(text, at_end ? bytes : bytes + 5), ATTN_OK, "");
        assert_non_null(strstr(said, at_end ? "line 3: found more than 1048576 bytes" : "line 2: found more than 1048576 bytes"));
        assert_string_equal(answered, clean);
        assert_int_equal(counts.bad, 1);
    }
    free(text);
}

static void a_line_of_the_greatest_length_is_a_row(void **state) {
    char *text = malloc(ATTN_STREAM_LINE + 8);
    (void)state;
    for (int extra = 0; extra < 2; extra++)
        for (int end = 0; end < 3; end++) { /* "\n", "\r\n", none */
            const size_t length = (size_t)ATTN_STREAM_LINE + (size_t)extra;
            begin(NULL);
            memset(text, ' ', length);
            memcpy(text, "1,2", 3);
            memcpy(text + length, end == 1 ? "\r\n" : "\n", 2);
            expect(serve_bytes(text, length + (size_t)(end == 0 ? 1 : end == 1 ? 2 : 0)), ATTN_OK, "");
            assert_int_equal(counts.rows, 1 - extra);
            assert_int_equal(counts.bad, extra);
        }
    free(text);
}

static void the_first_bad_line_is_the_end_where_it_should_be(void **state) {
    (void)state;
    options.strict = true;
    options.save = state_path;
    expect(serve("1,2\nx,2\n3,4\n"), ATTN_EINVAL, "standard input: line 2: column 1 (a): found 'x'");
    assert_int_equal(counts.rows, 1);
    attn_model_stream_reset(stream);
    expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_OK, "");
    assert_int_equal(attn_model_stream_rows(stream), 1);
}

static void a_header_that_lacks_what_the_model_asks_for_is_refused(void **state) {
    (void)state;
    expect(serve("a,bb\n1,2\n"), ATTN_EINVAL, "line 1: found no column 'b', which the model asks for");
    expect(serve("x,y\n1,2\n"), ATTN_EINVAL, "found no column 'a'");
    expect(serve("a,b,a\n1,2,3\n"), ATTN_EINVAL, "column 3: found a second column 'a'");
    begin(NULL);
    expect(serve("x,2\n1,2\n"), ATTN_OK, ""); /* names nothing, and has a number: a bad row */
    assert_int_equal(counts.bad, 1);
    begin(NULL);
    options.allow_missing = true;
    expect(serve("a\n1\n3\n"), ATTN_OK, "");
    assert_int_equal(counts.rows, 2);
}

static void answers_have_names_objects_and_gaps(void **state) {
    (void)state;
    options.header = true;
    expect(serve("1,2\n"), ATTN_OK, "");
    assert_true(strncmp(answered, "\"y,1\",y2\n", 9) == 0);
    begin(NULL);
    options.json = options.header = true;
    options.every = 2;
    expect(serve("1,2\n3,x\n3,4\n5,6\n7,8\n"), ATTN_OK, "");
    assert_true(strncmp(answered, "{\"line\": 3, \"y,1\": ", 19) == 0);
    assert_non_null(strstr(answered, "}\n{\"line\": 5, \"y,1\": "));
    assert_int_equal(counts.rows, 4);
    assert_int_equal(counts.answers, 2);
    begin(NULL);
    expect(serve(""), ATTN_OK, "");
    assert_string_equal(answered, "");
}

static void a_saved_state_goes_on_as_if_nothing_had_been(void **state) {
    char whole[TEXT], parts[TEXT];
    (void)state;
    expect(serve("1,2\n3,4\n5,6\n"), ATTN_OK, "");
    strcpy(whole, answered);
    begin(NULL);
    options.save = state_path;
    expect(serve("1,2\n3,4\n"), ATTN_OK, "");
    strcpy(parts, answered);
    attn_model_stream_reset(stream);
    expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_OK, "");
    expect(serve("5,6\n"), ATTN_OK, "");
    strcat(parts, answered);
    assert_string_equal(whole, parts);
}

static void a_state_that_cannot_be_written_is_told_before_the_first_row(void **state) {
    (void)state;
    options.header = true;
    options.save = "/nowhere/state";
    expect(serve("1,2\n3,4\n"), ATTN_EINVAL, "/nowhere/state: cannot be written");
    assert_int_equal(counts.rows, 0);
    assert_string_equal(answered, "");
}

static void what_is_no_state_is_refused_with_its_name(void **state) {
    FILE *file = fopen(state_path, "w");
    (void)state;
    fputs("a,b\n1,2\n", file);
    fclose(file);
    expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_EINVAL, "state: stream: the 8 bytes do not begin");
    expect(attn_serve_restore(test_ctx, stream, NULL, "/nowhere/state"), ATTN_EINVAL, "/nowhere/state");
}

static void each_failing_call_of_saving_is_told_and_keeps_the_old_state(void **state) {
    (void)state;
    options.save = state_path;
    expect(serve("1,2\n"), ATTN_OK, "");
    for (int at = 0;; at++) {
        struct test_faults faults = {.fail_at = at};
        const struct attn_file_system files = test_faulty_files(&faults);
        attn_model_stream_reset(stream);
        options.files = &files;
        options.save_every = 2;
        const attn_status status = serve("1,2\n3,4\n5,6\n");
        if (faults.calls <= at) break;
        assert_true(status == ATTN_OK || status == ATTN_ESYSTEM || status == ATTN_EINVAL);
        attn_model_stream_reset(stream);
        expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_OK, "");
        const int64_t rows = attn_model_stream_rows(stream);
        assert_true(rows >= 1 && rows <= 3 && (status || rows == 3));
    }
}

/* ----------------------------------------------------------------------------------------------------------------- pipes */

static bool stop_mark;
static bool stopped(void) {
    return stop_mark;
}

/* A reader that serves what comes through a pipe; *in and *out are this end's. */
static pid_t start(int *in, int *out) {
    int to[2], from[2];
    assert_int_equal(pipe(to) | pipe(from), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(to[1]);
        close(from[0]);
        options.in = to[0];
        options.out = from[1];
        _exit(attn_serve(test_ctx, stream, &options, &counts) == ATTN_OK ? (counts.closed ? 7 : 0) : 1);
    }
    close(to[0]);
    close(from[1]);
    *in = to[1];
    *out = from[0];
    return child;
}

static int end_of(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void put(int to, const char *text) {
    assert_int_equal(write(to, text, strlen(text)), (ssize_t)strlen(text));
}

/* A line comes within some seconds. */
static void get_line(int from, char line[256]) {
    struct pollfd ready = {.fd = from, .events = POLLIN};
    for (int n = 0; n < 255; n++) {
        if (poll(&ready, 1, 20000) != 1) fail_msg("no answer has come");
        assert_int_equal(read(from, line + n, 1), 1);
        if (line[n] == '\n') return;
    }
    fail_msg("the answer has no end");
}

static void a_row_is_answered_before_the_next_one_comes(void **state) {
    int in, out;
    char line[256];
    (void)state;
    const pid_t child = start(&in, &out);
    put(in, "a,");
    put(in, "b\n1,");
    put(in, "2\n");
    get_line(out, line);
    put(in, "3,4\n5");
    get_line(out, line);
    put(in, ",6\n");
    get_line(out, line);
    close(in);
    assert_int_equal(end_of(child), 0);
    close(out);
}

static void nobody_reading_is_an_end_that_saves_the_state(void **state) {
    int in, out;
    char line[256];
    (void)state;
    options.save = state_path;
    const pid_t child = start(&in, &out);
    put(in, "1,2\n");
    get_line(out, line);
    close(out);
    put(in, "3,4\n");
    assert_int_equal(end_of(child), 7);
    close(in);
    expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_OK, "");
    assert_int_equal(attn_model_stream_rows(stream), 2);
}

static void stopping_while_nothing_comes_saves_the_state(void **state) {
    int to[2];
    (void)state;
    assert_int_equal(pipe(to), 0);
    put(to[1], "1,2\n3,");
    options.in = to[0];
    options.out = open("/dev/null", O_WRONLY);
    options.save = state_path;
    options.save_every = 1;
    options.stopped = stopped;
    stop_mark = true;
    expect(attn_serve(test_ctx, stream, &options, &counts), ATTN_OK, "");
    assert_true(counts.stopped && counts.rows == 0);
    attn_model_stream_reset(stream);
    expect(attn_serve_restore(test_ctx, stream, NULL, state_path), ATTN_OK, "");
    stop_mark = false;
    close(to[1]);
    expect(attn_serve(test_ctx, stream, &options, &counts), ATTN_OK, "");
    assert_int_equal(counts.rows, 2); /* of "3," b is not known */
    close(to[0]);
    close(options.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_is_answered_by_the_stream_itself, begin),
        cmocka_unit_test_setup(names_stand_in_any_order_and_others_are_passed_over, begin),
        cmocka_unit_test_setup(ends_of_lines_and_marks_of_files_are_no_matter, begin),
        cmocka_unit_test_setup(what_is_not_known_is_an_empty_cell_or_says_so, begin),
        cmocka_unit_test_setup(bad_lines_are_told_of_counted_and_passed_over, begin),
        cmocka_unit_test_setup(a_byte_0_and_lines_without_end_are_passed_over, begin),
        cmocka_unit_test_setup(a_line_of_the_greatest_length_is_a_row, begin),
        cmocka_unit_test_setup(the_first_bad_line_is_the_end_where_it_should_be, begin),
        cmocka_unit_test_setup(a_header_that_lacks_what_the_model_asks_for_is_refused, begin),
        cmocka_unit_test_setup(answers_have_names_objects_and_gaps, begin),
        cmocka_unit_test_setup(a_saved_state_goes_on_as_if_nothing_had_been, begin),
        cmocka_unit_test_setup(a_state_that_cannot_be_written_is_told_before_the_first_row, begin),
        cmocka_unit_test_setup(what_is_no_state_is_refused_with_its_name, begin),
        cmocka_unit_test_setup(each_failing_call_of_saving_is_told_and_keeps_the_old_state, begin),
        cmocka_unit_test_setup(a_row_is_answered_before_the_next_one_comes, begin),
        cmocka_unit_test_setup(nobody_reading_is_an_end_that_saves_the_state, begin),
        cmocka_unit_test_setup(stopping_while_nothing_comes_saves_the_state, begin),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
