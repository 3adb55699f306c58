/* Files of examples: what is written is read, and malformed files are refused. */
#include "base/random.h"
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "support/noting.h"
#include "system/pointer/examples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_file(void **state) {
    strcpy(path, "/tmp/attn-examples-XXXXXX");
    const int number = mkstemp(path);
    if (number < 0) return -1;
    close(number);
    return test_open_context(state);
}

static int remove_file(void **state) {
    unlink(path);
    return test_close_context(state);
}

static void put_file(const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static struct attn_example_reader *open_file(void) {
    struct attn_example_reader *reader;
    if (attn_examples_open(test_ctx, path, &reader)) fail_msg("%s", test_sentence());
    return reader;
}

static void next_is(struct attn_example_reader *reader, int64_t n, const double *xy, int64_t count, const int32_t *target) {
    struct attn_point_example e;
    bool end;
    if (attn_examples_next(reader, &e, &end)) fail_msg("%s", test_sentence());
    assert_false(end);
    assert_int_equal(e.n, n);
    assert_int_equal(e.count, count);
    assert_memory_equal(e.xy, xy, 2 * (size_t)n * sizeof *xy);
    assert_memory_equal(e.target, target, (size_t)count * sizeof *target);
}

static void ends_here(struct attn_example_reader *reader) {
    struct attn_point_example e;
    bool end;
    if (attn_examples_next(reader, &e, &end)) fail_msg("%s", test_sentence());
    assert_true(end);
    attn_examples_close(reader);
}

static void the_published_format_is_read_with_and_without_closing_number_and_blanks_at_the_end(void **state) {
    (void)state;
    put_file("0.25 1 -3e2 4 5 .5 output 2 3 1 2 \n\n0.25 1 -3e2 4 5 .5 output 2 3 1\r\n\t1 2\toutput 1");
    struct attn_example_reader *reader = open_file();
    static const double xy[] = {0.25, 1, -300, 4, 5, 0.5}, one[] = {1, 2};
    static const int32_t closed[] = {1, 2, 0, 1}, first[] = {0};
    next_is(reader, 3, xy, 4, closed);
    assert_int_equal(attn_examples_line(reader), 1);
    next_is(reader, 3, xy, 3, closed);
    assert_int_equal(attn_examples_line(reader), 3);
    next_is(reader, 1, one, 1, first);
    ends_here(reader);
}

/* One of many kinds of coordinates: few digits, all digits, denormal, large, negative zero. */
static double draw_coordinate(struct attn_random *random) {
    const double whole = (double)attn_random_below(random, 1u << 24), sign = attn_random_below(random, 2) ? 1 : -1;
    switch (attn_random_below(random, 6)) {
    case 0:
        return sign * whole / (1 << 24);
    case 1:
        return sign * whole / 1000;
    case 2:
        return sign * 0.0;
    case 3:
        return ldexp(sign * whole, -1074);
    case 4:
        return ldexp(sign * whole, 990);
    default:
        return sign * sqrt(whole);
    }
}

static void what_is_written_is_read_to_the_bit(void **state) {
    enum { EXAMPLES = 200, MOST = 1000 };
    static double xy[EXAMPLES][2 * MOST];
    static int32_t target[EXAMPLES][MOST];
    int64_t n[EXAMPLES], count[EXAMPLES];
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 11);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int e = 0; e < EXAMPLES; e++) {
        n[e] = 1 + (int64_t)attn_random_below(&random, e % 10 == 0 ? MOST : 12);
        count[e] = 1 + (int64_t)attn_random_below(&random, e % 10 == 0 ? MOST : 12);
        for (int64_t i = 0; i < 2 * n[e]; i++) xy[e][i] = draw_coordinate(&random);
        for (int64_t i = 0; i < count[e]; i++) target[e][i] = (int32_t)attn_random_below(&random, (uint64_t)n[e]);
        assert_int_equal(attn_example_write(test_ctx, file, xy[e], n[e], target[e], count[e]), ATTN_OK);
    }
    assert_int_equal(fclose(file), 0);
    struct attn_example_reader *reader = open_file();
    for (int e = 0; e < EXAMPLES; e++) next_is(reader, n[e], xy[e], count[e], target[e]);
    ends_here(reader);
}

static void twelve_digits_are_written_where_they_are_enough(void **state) {
    static const double xy[] = {0.1, 0.5, 1.0 / 3, 100};
    static const int32_t target[] = {1, 0, 1};
    char text[256] = "";
    (void)state;
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_int_equal(attn_example_write(test_ctx, file, xy, 2, target, 3), ATTN_OK);
    fclose(file);
    assert_string_equal(text, "0.1 0.5 0.33333333333333331 100 output 2 1 2\n");
}

static void what_cannot_be_read_back_is_not_written(void **state) {
    const double xy[] = {0, 1, 2, (double)NAN};
    const int32_t target[] = {0, 2}, negative[] = {-1};
    char text[64] = "";
    (void)state;
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_int_equal(attn_example_write(test_ctx, file, xy, 2, target, 1), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "an example to be written: found nan for point 2, expected finite coordinates");
    assert_int_equal(attn_example_write(test_ctx, file, xy, 1, target, 2), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "an example to be written: found point 3 in its answer, expected one of 1");
    assert_int_equal(attn_example_write(test_ctx, file, xy, 1, negative, 1), ATTN_EINVAL);
    assert_int_equal(attn_example_write(test_ctx, file, xy, 0, target, 0), ATTN_EINVAL);
    assert_int_equal(attn_example_write(test_ctx, file, xy, 1, target, 0), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "an example to be written: found no number in its answer, expected at least 1");
    fclose(file);
    assert_string_equal(text, "");
    file = fopen("/dev/full", "w");
    if (!file) return;
    setvbuf(file, NULL, _IONBF, 0);
    assert_int_equal(attn_example_write(test_ctx, file, xy, 1, target, 1), ATTN_ESYSTEM);
    fclose(file);
}

static const struct {
    const char *text, *sentence;
} malformed[] = {
    {"", ": line 1: found the end of the file, expected an example"},
    {"\n \n", ": line 3: found the end of the file, expected an example"},
    {"1 2 output 1\n1 2 3 output 1\n", ": line 2: found 3 coordinates before \"output\", expected an even number, 2 a point"},
    {"output 1\n", ": line 1: found 0 coordinates before \"output\""},
    {"1 2 3 4\n", ": line 1: found the end behind 4 coordinates, expected the word \"output\""},
    {"1 2 outputs 1\n", ": line 1, coordinate 3: found \"outputs\", expected a finite number or the word \"output\""},
    {"1 2x output 1\n", ": line 1, coordinate 2: found \"2x\""},
    {"1,2 output 1\n", ": line 1, coordinate 1: found \"1,2\""},
    {"1 0x10 output 1\n", ": line 1, coordinate 2: found \"0x10\""},
    {"1 nan output 1\n", ": line 1, coordinate 2: found \"nan\", expected a finite number"},
    {"1 2 3 -inf output 1\n", ": line 1, coordinate 4: found \"-inf\", expected a finite number"},
    {"1e999 2 output 1\n", ": line 1, coordinate 1: found \"1e999\", expected a finite number"},
    {"1 2 output\n", ": line 1: found the end behind \"output\", expected the numbers of points"},
    {"1 2 3 4 output 1 0\n", ": line 1, number of a point 2: found \"0\", expected the number of a point, 1 to 2"},
    {"1 2 3 4 output 3\n", ": line 1, number of a point 1: found \"3\", expected the number of a point, 1 to 2"},
    {"1 2 output -1\n", ": line 1, number of a point 1: found \"-1\""},
    {"1 2 output 1.0\n", ": line 1, number of a point 1: found \"1.0\""},
    {"1 2 output 4294967297\n", ": line 1, number of a point 1: found \"4294967297\""},
    {"1 2 output 99999999999999999999999\n", ": line 1, number of a point 1: found \"99999999999999999999999\""},
    {"1 2 output 1 output 1\n", ": line 1, number of a point 2: found \"output\""},
    {"1 \xC3\xA9 output 1\n", ": line 1, coordinate 2: found \"??\""},
};

static void every_malformed_file_is_refused_with_line_and_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct attn_example_reader *reader;
        struct attn_point_example e;
        bool end = false;
        attn_ctx *ctx = test_noting_context();
        put_file(malformed[i].text);
        attn_status status = attn_examples_open(ctx, path, &reader);
        assert_int_equal(status, ATTN_OK);
        while (!status && !end) status = attn_examples_next(reader, &e, &end);
        test_must_refuse(ctx, status, ATTN_EINVAL, strlen(malformed[i].text), malformed[i].sentence);
        attn_examples_close(reader);
        attn_ctx_destroy(ctx);
    }
}

static attn_status read_all(attn_ctx *ctx) {
    struct attn_example_reader *reader;
    struct attn_point_example e;
    bool end = false;
    attn_status status = attn_examples_open(ctx, path, &reader);
    if (status) return status;
    while (!status && !end) status = attn_examples_next(reader, &e, &end);
    attn_examples_close(reader);
    return status;
}

static void failing_memory_is_said_and_nothing_is_lost(void **state) {
    (void)state;
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < 2000; i++) fprintf(file, "0.%d ", i);
    fputs("output", file);
    for (int i = 1; i <= 1000; i++) fprintf(file, " %d", i);
    fputs("\n1 2 output 1\n", file);
    fclose(file);
    test_survives(read_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_format_is_read_with_and_without_closing_number_and_blanks_at_the_end),
        cmocka_unit_test(what_is_written_is_read_to_the_bit),
        cmocka_unit_test(twelve_digits_are_written_where_they_are_enough),
        cmocka_unit_test(what_cannot_be_read_back_is_not_written),
        cmocka_unit_test(every_malformed_file_is_refused_with_line_and_place),
        cmocka_unit_test(failing_memory_is_said_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
