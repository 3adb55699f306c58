/* .ts files: values, lengths and classes of written files, real and random; malformed ones; memory and files that fail. */
#include "io/ts.h"

#include "base/random.h"
#include "support/data.h"
#include "support/failing_memory.h"
#include "support/faulty_files.h"
#include "support/fixture.h"
#include "support/noting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(ATTN_HAVE_ZLIB)
#include <zlib.h>
#endif

#include <cmocka.h>

static char path[64];

static int make_file(void **state) {
    (void)state;
    strcpy(path, "/tmp/attn-ts-XXXXXX");
    const int number = mkstemp(path);
    return number < 0 ? -1 : close(number);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void put_file(const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char walks[] = "\xEF\xBB\xBF# a comment with a byte of no UTF-8: \xFF\n"
                            "@problemName Walks\r\n"
                            "@TIMESTAMPS false\n@missing true\n@univariate false\n@dimension 2\n@equalLength false\n"
                            "@classLabel true slow fast\n"
                            "@data\n"
                            "0.1,-0.2,?:1,2,3:slow\n"
                            "\n"
                            "# between\n"
                            " 3e-1 , 0.1 : 4,NaN : fast \r\n"
                            "5:6:?";

static void check_walks(const struct attn_ts *ts) {
    static const double values[] = {0.1, -0.2, (double)NAN, 1, 2, 3, 0.3, 0.1, 4, (double)NAN, 5, 6};
    static const int64_t first[] = {0, 3, 6, 8, 10, 11, 12}, line[] = {10, 13, 14};
    static const int32_t label[] = {0, 1, -1};
    assert_string_equal(ts->problem, "Walks");
    assert_int_equal(ts->cases, 3);
    assert_int_equal(ts->dimensions, 2);
    assert_int_equal(ts->classes, 2);
    assert_string_equal(ts->class_name[0], "slow");
    assert_string_equal(ts->class_name[1], "fast");
    assert_memory_equal(ts->first, first, sizeof first);
    assert_memory_equal(ts->line, line, sizeof line);
    assert_memory_equal(ts->label, label, sizeof label);
    for (int i = 0; i < 12; i++) assert_true(isnan(values[i]) ? isnan(ts->value[i]) : ts->value[i] == values[i]);
    assert_int_equal(ts->shortest, 1);
    assert_int_equal(ts->longest, 3);
    assert_false(ts->ragged);
}

static void a_file_its_bytes_and_a_stream_hold_what_is_written(void **state) {
    struct attn_ts ts;
    (void)state;
    put_file(walks);
    assert_int_equal(attn_ts_read(test_ctx, NULL, path, &ts), ATTN_OK);
    check_walks(&ts);
    attn_ts_free(test_ctx, &ts);
    assert_int_equal(attn_ts_parse(test_ctx, "walks", (const uint8_t *)walks, sizeof walks - 1, &ts), ATTN_OK);
    check_walks(&ts);
    attn_ts_free(test_ctx, &ts);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(attn_ts_read_stream(test_ctx, "walks", in, &ts), ATTN_OK);
    fclose(in);
    check_walks(&ts);
    attn_ts_free(test_ctx, &ts);
}

static void packed_files_and_streams_are_read(void **state) {
    (void)state;
#if defined(ATTN_HAVE_ZLIB)
    struct attn_ts ts;
    gzFile gz = gzopen(path, "wb");
    assert_int_equal(gzwrite(gz, walks, sizeof walks - 1), (int)sizeof walks - 1);
    assert_int_equal(gzclose(gz), Z_OK);
    assert_int_equal(attn_ts_read(test_ctx, NULL, path, &ts), ATTN_OK);
    check_walks(&ts);
    attn_ts_free(test_ctx, &ts);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(attn_ts_read_stream(test_ctx, "walks", in, &ts), ATTN_OK);
    fclose(in);
    check_walks(&ts);
    attn_ts_free(test_ctx, &ts);
#else
    skip();
#endif
}

/* Files of random shapes, written value by value and read back. */
static void random_files_are_read_back_to_the_bit(void **state) {
    enum { MOST = 4000 };
    static double value[MOST];
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 5);
    for (int round = 0; round < 200; round++) {
        const int64_t cases = attn_random_between(&random, 1, 9), dimensions = attn_random_between(&random, 1, 5);
        const int64_t classes = attn_random_between(&random, 0, 4);
        int32_t label[9];
        int64_t first[46] = {0}, count = 0;
        FILE *file = fopen(path, "wb");
        struct attn_ts ts;
        assert_non_null(file);
        fprintf(file, classes > 0 ? "@classLabel true" : "@classLabel false");
        for (int64_t k = 0; k < classes; k++) fprintf(file, " c%lld", (long long)k);
        fputs(round % 2 ? "\n@data\n" : "\r\n@data\r\n", file);
        for (int64_t c = 0; c < cases; c++) {
            for (int64_t d = 0; d < dimensions; d++) {
                const int64_t length = attn_random_between(&random, 1, 40);
                for (int64_t t = 0; t < length; t++, count++) {
                    value[count] = attn_random_below(&random, 8) == 0 ? (double)NAN
                                                                      : attn_random_normal(&random) * exp(9 * attn_random_normal(&random));
                    if (t > 0) fputc(',', file);
                    if (isnan(value[count]))
                        fputc('?', file);
                    else
                        fprintf(file, "%.17g", value[count]);
                }
                first[c * dimensions + d + 1] = count;
                if (d + 1 < dimensions || classes > 0) fputc(':', file);
            }
            label[c] = classes > 0 ? (int32_t)attn_random_below(&random, (uint64_t)classes) : -1;
            if (classes > 0) fprintf(file, "c%d", label[c]);
            fputs(c + 1 == cases && round % 3 == 0 ? "" : "\n", file);
        }
        assert_int_equal(fclose(file), 0);
        if (attn_ts_read(test_ctx, NULL, path, &ts)) fail_msg("round %d: %s", round, test_sentence());
        assert_int_equal(ts.cases, cases);
        assert_int_equal(ts.dimensions, dimensions);
        assert_int_equal(ts.classes, classes);
        assert_memory_equal(ts.first, first, (size_t)(cases * dimensions + 1) * sizeof *first);
        for (int64_t i = 0; i < count; i++) assert_true(isnan(value[i]) ? isnan(ts.value[i]) : ts.value[i] == value[i]);
        if (classes > 0) assert_memory_equal(ts.label, label, (size_t)cases * sizeof *label);
        attn_ts_free(test_ctx, &ts);
    }
}

/* -------------------------------------------------------------------------------------------------------- malformed */

static const struct {
    const char *text;
    attn_status status;
    const char *sentence;
} wrong[] = {
    {"", ATTN_EINVAL, "x.ts: found the end behind line 0, expected '@data' and cases"},
    {"# nothing\n@problemName A\n", ATTN_EINVAL, "x.ts: found the end behind line 2, expected '@data' and cases"},
    {"@data\n\n", ATTN_EINVAL, "x.ts: found no case behind '@data'"},
    {"1,2\n", ATTN_EINVAL, "x.ts: line 1: found '1', expected a comment (#), a line of the header (@), and '@data' before"},
    {"@\n", ATTN_EINVAL, "x.ts: line 1: found '@', expected a key of a .ts file's header"},
    {"\n@classlabels true a\n", ATTN_EINVAL,
     "x.ts: line 2: found '@classlabels', expected a key of a .ts file's header; did you mean '@classLabel'?"},
    {"@timeStamps\n", ATTN_EINVAL, "x.ts: line 1: @timeStamps: found nothing, expected true or false"},
    {"@timeStamps yes\n", ATTN_EINVAL, "@timeStamps: found yes, expected true or false"},
    {"@timeStamps true\n", ATTN_EUNSUPPORTED, "x.ts: line 1: @timeStamps true: series with timestamps are not read"},
    {"@targetlabel TRUE\n", ATTN_EUNSUPPORTED, "x.ts: line 1: @targetLabel true: numbers to be predicted are not read"},
    {"@missing 1\n", ATTN_EINVAL, "@missing: found 1, expected true or false"},
    {"@equalLength\n", ATTN_EINVAL, "@equalLength: found nothing"},
    {"@seriesLength 0\n", ATTN_EINVAL, "@seriesLength: found 0, expected a whole number from 1 to 2147483647"},
    {"@dimensions 1e3\n", ATTN_EINVAL, "@dimensions: found 1e3, expected a whole number from 1 to 65536"},
    {"@dimensions 99999999999999999999\n", ATTN_EINVAL, "@dimensions: found 99999999999999999999, expected"},
    {"@dimensions -1\n", ATTN_EINVAL, "@dimensions: found -1"},
    {"@classLabel true\n", ATTN_EINVAL, "@classLabel true: found no names behind it"},
    {"@classLabel true a b a\n", ATTN_EINVAL, "@classLabel: found 'a' twice"},
    {"@classLabel true \xFF\n", ATTN_EINVAL, "@classLabel: found '?', expected names of at most 63 bytes in UTF-8"},
    {"@classLabel true 0123456789012345678901234567890123456789012345678901234567890123\n", ATTN_EINVAL,
     "expected names of at most 63 bytes"},
    {"@univariate true\n@dimensions 2\n@data\n", ATTN_EINVAL, "x.ts: line 3: found @univariate true and @dimensions 2"},
    {"@data\n@data\n", ATTN_EINVAL, "x.ts: line 2: dimension 1, value 1: found '@data', expected a finite number"},
    {"@data\n1,2,x\n", ATTN_EINVAL,
     "x.ts: line 2: dimension 1, value 3: found 'x', expected a finite number, or ? where it is missing; a class behind the series needs"},
    {"@classLabel true a\n@data\n1,2:3,4x:a\n", ATTN_EINVAL, "x.ts: line 3: dimension 2, value 2: found '4x', expected a finite number"},
    {"@data\n1,,2\n", ATTN_EINVAL, "x.ts: line 2: dimension 1, value 2: found '', expected"},
    {"@data\n1,2,\n", ATTN_EINVAL, "x.ts: line 2: dimension 1, value 3: found '', expected"},
    {"@data\n1,2::3\n", ATTN_EINVAL, "x.ts: line 2: dimension 2, value 1: found '', expected"},
    {"@data\n:1\n", ATTN_EINVAL, "x.ts: line 2: dimension 1, value 1: found ''"},
    {"@data\n1:\n", ATTN_EINVAL, "x.ts: line 2: dimension 2, value 1: found ''"},
    {"@data\n1e999\n", ATTN_EINVAL, "found '1e999', expected a finite number"},
    {"@data\ninf\n", ATTN_EINVAL, "found 'inf', expected a finite number"},
    {"@data\n1;2\n", ATTN_EINVAL, "found '1;2', expected a finite number"},
    {"@data\n1 2\n", ATTN_EINVAL, "dimension 1, value 1: found '1', expected"},
    {"@data\n?x\n", ATTN_EINVAL, "found '?x', expected"},
    {"@data\n(0,1),(1,2)\n", ATTN_EUNSUPPORTED, "x.ts: line 2: found '(': series with timestamps are not read"},
    {"@data\n1,2:3\n1,2\n", ATTN_EINVAL, "x.ts: line 3: found 1 dimension, expected 2"},
    {"@data\n1\n2:3\n", ATTN_EINVAL, "x.ts: line 3: found 2 dimensions, expected 1"},
    {"@dimensions 3\n@data\n1:2\n", ATTN_EINVAL, "x.ts: line 3: found 2 dimensions, expected 3"},
    {"@univariate true\n@data\n1:2\n", ATTN_EINVAL, "x.ts: line 3: found 2 dimensions, expected 1"},
    {"@classLabel true a b\n@data\n1,2\n", ATTN_EINVAL, "x.ts: line 3: found no ':', expected one and the class behind the series"},
    {"@classLabel true a b\n@data\n:a\n", ATTN_EINVAL, "x.ts: line 3: found no ':', expected one and the class behind the series"},
    {"@classLabel true a b\n@data\n1,2:c\n", ATTN_EINVAL,
     "x.ts: line 3: found the class 'c', expected one of the 2 of @classLabel, as 'a'"},
    {"@classLabel true a b\n@data\n1,2:\n", ATTN_EINVAL, "x.ts: line 3: found the class '', expected one of the 2"},
};

static void every_malformed_file_is_refused_with_line_finding_and_expectation(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const size_t size = strlen(wrong[i].text);
        struct attn_ts ts;
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, attn_ts_parse(ctx, "x.ts", (const uint8_t *)wrong[i].text, size, &ts), wrong[i].status, size,
                         wrong[i].sentence);
        attn_ctx_destroy(ctx);
    }
    struct attn_ts ts;
    attn_ctx *ctx = test_noting_context();
    test_must_refuse(ctx, attn_ts_parse(ctx, "x.ts", (const uint8_t *)"@data\n1\0,2\n", 11, &ts), ATTN_EINVAL, 11,
                     "x.ts: line 2: dimension 1, value 1: found '1', expected");
    test_must_refuse(ctx, attn_ts_read(ctx, NULL, "/nowhere/at/all.ts", &ts), ATTN_EINVAL, 0, "/nowhere/at/all.ts");
    attn_ctx_destroy(ctx);
}

static void more_classes_and_dimensions_than_the_limits_are_refused(void **state) {
    char *text = malloc(1 << 20), *at = text;
    struct attn_ts ts;
    (void)state;
    assert_non_null(text);
    at += sprintf(at, "@classLabel true");
    for (int i = 0; i <= ATTN_TS_CLASSES; i++) at += sprintf(at, " c%d", i);
    attn_ctx *ctx = test_noting_context();
    test_must_refuse(ctx, attn_ts_parse(ctx, "x.ts", (const uint8_t *)text, (size_t)(at - text), &ts), ATTN_EINVAL, (size_t)(at - text),
                     "x.ts: line 1: @classLabel: found more than 1024 classes");
    at = text + sprintf(text, "@data\n1");
    for (int i = 0; i < ATTN_TS_DIMENSIONS; i++) at += sprintf(at, ":1");
    assert_int_equal(attn_ts_parse(ctx, "x.ts", (const uint8_t *)text, (size_t)(at - text), &ts), ATTN_EINVAL);
    char sentence[1024];
    assert_non_null(strstr(attn_ctx_error(ctx, sentence, sizeof sentence), "x.ts: line 2: found more than 65536 dimensions"));
    free(text);
    attn_ctx_destroy(ctx);
}

/* ------------------------------------------------------------------------------------------------------------ faults */

static attn_status read_walks(attn_ctx *ctx) {
    struct attn_ts ts;
    const attn_status status = attn_ts_read(ctx, NULL, path, &ts);
    if (!status) attn_ts_free(ctx, &ts);
    return status;
}

static attn_status stream_walks(attn_ctx *ctx) {
    struct attn_ts ts;
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    const attn_status status = attn_ts_read_stream(ctx, "walks", in, &ts);
    fclose(in);
    if (!status) attn_ts_free(ctx, &ts);
    return status;
}

static void failures_of_memory_are_survived(void **state) {
    (void)state;
    put_file(walks);
    test_survives(read_walks, false);
    test_survives(stream_walks, false);
}

static void failures_of_files_are_survived(void **state) {
    (void)state;
    put_file(walks);
    for (int n = 0, done = 0; !done; n++) {
        struct test_faults faults = {.fail_at = n};
        const struct attn_file_system system = test_faulty_files(&faults);
        struct attn_ts ts;
        const attn_status status = attn_ts_read(test_ctx, &system, path, &ts);
        if (status)
            assert_true(status == ATTN_ESYSTEM || status == ATTN_EINVAL);
        else
            attn_ts_free(test_ctx, &ts);
        done = faults.calls <= n;
        assert_true(n < 100);
    }
}

/* -------------------------------------------------------------------------------------------------------- real files */

static void the_six_problems_have_their_published_sizes(void **state) {
    static const struct {
        const char *name;
        int64_t train, test, dimensions, shortest, longest, classes;
    } problems[] = {{"Handwriting", 150, 850, 3, 152, 152, 26},
                    {"JapaneseVowels", 270, 370, 12, 7, 29, 9},
                    {"UWaveGestureLibrary", 120, 320, 3, 315, 315, 8},
                    {"BasicMotions", 40, 40, 6, 100, 100, 4},
                    {"ArrowHead", 36, 175, 1, 251, 251, 3},
                    {"ItalyPowerDemand", 67, 1029, 1, 24, 24, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        int64_t shortest = INT64_MAX, longest = 0;
        for (int part = 0; part < 2; part++) {
            char name[128];
            struct attn_ts ts;
            snprintf(name, sizeof name, "ucr-uea/%s_%s.ts.gz", problems[i].name, part == 0 ? "TRAIN" : "TEST");
            if (attn_ts_read(test_ctx, NULL, test_data(name), &ts)) fail_msg("%s", test_sentence());
            assert_string_equal(ts.problem, problems[i].name);
            assert_int_equal(ts.cases, part == 0 ? problems[i].train : problems[i].test);
            assert_int_equal(ts.dimensions, problems[i].dimensions);
            assert_int_equal(ts.classes, problems[i].classes);
            assert_false(ts.ragged);
            shortest = ts.shortest < shortest ? ts.shortest : shortest;
            longest = ts.longest > longest ? ts.longest : longest;
            for (int64_t k = 0; k < ts.first[ts.cases * ts.dimensions]; k++) assert_true(isfinite(ts.value[k]));
            for (int64_t c = 0; c < ts.cases; c++) assert_in_range(ts.label[c], 0, ts.classes - 1);
            attn_ts_free(test_ctx, &ts);
        }
        assert_int_equal(shortest, problems[i].shortest);
        assert_int_equal(longest, problems[i].longest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_its_bytes_and_a_stream_hold_what_is_written, make_file, remove_file),
        cmocka_unit_test_setup_teardown(packed_files_and_streams_are_read, make_file, remove_file),
        cmocka_unit_test_setup_teardown(random_files_are_read_back_to_the_bit, make_file, remove_file),
        cmocka_unit_test(every_malformed_file_is_refused_with_line_finding_and_expectation),
        cmocka_unit_test(more_classes_and_dimensions_than_the_limits_are_refused),
        cmocka_unit_test_setup_teardown(failures_of_memory_are_survived, make_file, remove_file),
        cmocka_unit_test_setup_teardown(failures_of_files_are_survived, make_file, remove_file),
        cmocka_unit_test(the_six_problems_have_their_published_sizes),
    };
    return cmocka_run_group_tests_name("io: .ts files", tests, test_open_context, test_close_context);
}
