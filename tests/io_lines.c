/* Lines of files and numbers in lines. Oracles: the lines of the whole text (io/text.h), strtod. */
#include "base/random.h"
#include "io/line_reader.h"
#include "io/number.h"
#include "io/text.h"
#include "support/failing_memory.h"
#include "support/faulty_files.h"
#include "support/fixture.h"

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

enum { LIMIT = 1 << 20 };

static char path[64];

static int make_file(void **state) {
    strcpy(path, "/tmp/attn-lines-XXXXXX");
    const int number = mkstemp(path);
    if (number < 0) return -1;
    close(number);
    return test_open_context(state);
}

static int remove_file(void **state) {
    unlink(path);
    return test_close_context(state);
}

static void put_file(const void *bytes, size_t size, bool packed) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
#if defined(ATTN_HAVE_ZLIB)
    if (packed) {
        fclose(file);
        for (size_t at = 0, piece; at < size || at == 0; at += piece) { /* two members */
            gzFile gz = gzopen(path, at == 0 ? "wb" : "ab");
            piece = at == 0 && size > 1 ? size / 2 : size - at;
            assert_int_equal(gzwrite(gz, (const char *)bytes + at, (unsigned)piece), (int)piece);
            assert_int_equal(gzclose(gz), Z_OK);
            if (size == 0) break;
        }
        return;
    }
#endif
    assert_false(packed);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The file's lines are those of the text. */
static void gives_the_lines_of(const char *text, size_t size) {
    struct attn_line_reader *reader;
    struct attn_lines lines = attn_lines_of(text, size);
    const char *line, *expected;
    size_t length, expected_length;
    bool end = false;
    assert_int_equal(attn_line_reader_open(test_ctx, NULL, path, LIMIT, &reader), ATTN_OK);
    while (attn_lines_next(&lines, &expected, &expected_length)) {
        if (attn_line_reader_next(reader, &line, &length, &end) != ATTN_OK) fail_msg("%s", test_sentence());
        assert_false(end);
        assert_int_equal(attn_line_reader_number(reader), lines.number);
        assert_int_equal(length, expected_length);
        assert_memory_equal(line, expected, length);
        assert_int_equal(line[length], 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(attn_line_reader_next(reader, &line, &length, &end), ATTN_OK);
        assert_true(end);
    }
    attn_line_reader_close(reader);
}

static void every_line_of_a_file_is_given_once(void **state) {
    static const char *const texts[] = {"", "\n", "a", "a\n", "a\n\nb", "\r\n", "a\r\nb\r", "\n\n\n"};
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
#if !defined(ATTN_HAVE_ZLIB)
        if (packed) break;
#endif
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            put_file(texts[i], strlen(texts[i]), packed);
            gives_the_lines_of(texts[i], strlen(texts[i]));
        }
        struct attn_random random;
        attn_random_init(&random, 5);
        for (int round = 0; round < 6; round++) { /* lines that end around the ends of blocks, and one longer than a block */
            const size_t size = ((size_t)1 << 17) * 2 + attn_random_below(&random, 9);
            char *text = malloc(size);
            assert_non_null(text);
            for (size_t k = 0; k < size; k++) {
                const uint64_t draw = attn_random_below(&random, round < 3 ? 40 : 1u << 19);
                text[k] = draw == 0 ? '\n' : draw == 1 ? '\r' : (char)('a' + draw % 26);
            }
            put_file(text, size, packed);
            gives_the_lines_of(text, size);
            free(text);
        }
    }
    put_file("\xEF\xBB\xBF"
             "ab\n\xEF\xBB\xBF",
             9, false);
    gives_the_lines_of("ab\n\xEF\xBB\xBF", 6);
}

/* Reads to the end or to what is wrong. */
static attn_status read_all(attn_ctx *ctx, const struct attn_file_system *system, size_t limit) {
    struct attn_line_reader *reader;
    const char *line;
    size_t length;
    bool end = false;
    attn_status status = attn_line_reader_open(ctx, system, path, limit, &reader);
    if (status) return status;
    while (!status && !end) status = attn_line_reader_next(reader, &line, &length, &end);
    attn_line_reader_close(reader);
    return status;
}

static void refused(const void *bytes, size_t size, size_t limit, const char *sentence) {
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    assert_int_equal(read_all(test_ctx, NULL, limit), ATTN_EINVAL);
    if (!strstr(test_sentence(), sentence)) fail_msg("found \"%s\", expected \"%s\"", test_sentence(), sentence);
}

static void malformed_files_are_refused_with_their_line(void **state) {
    (void)state;
    refused("ab\ncdef\n", 8, 3, "line 2: found more than 3 bytes, expected at most that many");
    refused("ab\nc\0d\n", 7, 9, "line 2, byte 2: found a byte 0, expected text");
    assert_int_equal(attn_line_reader_open(test_ctx, NULL, "/tmp/attn-no-such-file", 9, &(struct attn_line_reader *){NULL}), ATTN_EINVAL);
    assert_int_equal(attn_line_reader_open(test_ctx, NULL, "/tmp", 9, &(struct attn_line_reader *){NULL}), ATTN_EINVAL);
#if defined(ATTN_HAVE_ZLIB)
    uint8_t bytes[256];
    put_file("\n", 1, true);
    FILE *file = fopen(path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 2; cut < size; cut++) {
        refused(bytes, cut, LIMIT, "expected more of the packed data behind line ");
        if (cut > 20 && cut + 20 < size) cut++;
    }
    bytes[size] = 'x';
    refused(bytes, size + 1, LIMIT, "expected more of the packed data behind line 1");
    bytes[0] = 0x1F, bytes[1] = 0x8B, bytes[2] = 9;
    refused(bytes, 12, LIMIT, "found unknown compression method, expected more of the packed data behind line 0");
#endif
}

static attn_status read_one(attn_ctx *ctx) {
    return read_all(ctx, NULL, LIMIT);
}

static void failing_memory_and_files_are_said_and_nothing_is_lost(void **state) {
    char *text = malloc(20000);
    (void)state;
    memset(text, 'a', 20000);
    text[9000] = '\n';
    for (int packed = 0; packed < 2; packed++) {
#if !defined(ATTN_HAVE_ZLIB)
        if (packed) break;
#endif
        put_file(text, 20000, packed);
        test_survives(read_one, false);
        for (int n = 0;; n++) {
            struct test_faults faults = {0, n, false};
            const struct attn_file_system system = test_faulty_files(&faults);
            const attn_status status = read_all(test_ctx, &system, LIMIT);
            if (!status) break;
            assert_int_equal(status, ATTN_ESYSTEM);
        }
    }
    free(text);
}

/* ---------------------------------------------------------------------------------------------------------- numbers */

/* What strtod makes of it, to the bit, and the same end. */
static void is_as_strtod_has_it(const char *text) {
    char *expected_end;
    double value = 0;
    const double expected = strtod(text, &expected_end);
    const char *end = attn_number_read(text, &value);
    if (end != expected_end || memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("\"%s\": %.17g up to %d, expected %.17g up to %d", text, value, (int)(end - text), expected, (int)(expected_end - text));
}

static void numbers_are_those_that_strtod_reads(void **state) {
    static const char *const texts[] = {"0",
                                        "-0",
                                        "+0.0",
                                        "1",
                                        "1.",
                                        ".5",
                                        "-.5e3",
                                        "1e5x",
                                        "1e",
                                        "1e+",
                                        "1E-5",
                                        "1e22",
                                        "1e23",
                                        "1e-22",
                                        "1e-23",
                                        "1e309",
                                        "-1e309",
                                        "1e-400",
                                        "4.9e-324",
                                        "0e99999",
                                        "1.5 2",
                                        "1,5",
                                        "12-",
                                        "1.2.3",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9007199254740993e3",
                                        "123456789012345678901234567890",
                                        "0.000000000000000000000000000000123456789",
                                        "1e1000000000000000000000",
                                        "1e-1000000000000000000000",
                                        "00000000000000000000000000001.5",
                                        "2.2250738585072011e-308",
                                        "1.7976931348623159e308"};
    struct attn_random random;
    const int rounds = getenv("ATTN_TEST_QUICK") ? 10000 : 300000;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) is_as_strtod_has_it(texts[i]);
    attn_random_init(&random, 3);
    for (int i = 0; i < rounds; i++) {
        char text[64];
        const int digits = 1 + (int)attn_random_below(&random, 19);
        const int exponent = (int)attn_random_below(&random, 61) - 30;
        const double value = (double)attn_random_u32(&random) * 4294967296.0 + (double)attn_random_u32(&random);
        snprintf(text, sizeof text, i % 2 ? "%.*g" : "%.*e", digits, value * pow(10, exponent) * (i % 3 ? 1 : -1));
        is_as_strtod_has_it(text);
    }
}

static void what_is_no_decimal_number_is_none(void **state) {
    static const char *const none[] = {"", " 1", ".", "-", "+.", "e5", "nan", "inf", "-inf", "x1", "--1"};
    double value = 7;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_null(attn_number_read(none[i], &value));
        assert_true(value == 7);
    }
    static const char hexadecimal[] = "0x10";
    assert_ptr_equal(attn_number_read(hexadecimal, &value), hexadecimal + 1);
    assert_true(value == 0);
}

static void words_are_shown_short_and_printable(void **state) {
    char shown[ATTN_WORD_SHOWN];
    static const char word[] = "a\tb \x01\xC3\xA9";
    (void)state;
    assert_string_equal(attn_word_shown(word, NULL, shown), "a");
    assert_string_equal(attn_word_shown(word, word + 7, shown), "a?b ???");
    assert_string_equal(attn_word_shown("", NULL, shown), "");
    assert_string_equal(attn_word_shown("123456789012345678901234567890123456", NULL, shown), "123456789012345678901234567890123456");
    assert_string_equal(attn_word_shown("1234567890123456789012345678901234567", NULL, shown), "123456789012345678901234567890123456...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_a_file_is_given_once),
        cmocka_unit_test(malformed_files_are_refused_with_their_line),
        cmocka_unit_test(failing_memory_and_files_are_said_and_nothing_is_lost),
        cmocka_unit_test(numbers_are_those_that_strtod_reads),
        cmocka_unit_test(what_is_no_decimal_number_is_none),
        cmocka_unit_test(words_are_shown_short_and_printable),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
