/* The option parser and the printers: values in every spelling, ranges, the nearest name, JSON and CSV escaping, numbers that read back. */
#include "base/random.h"
#include "cli/options.h"
#include "cli/print.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void integers_take_suffixes_and_refuse_the_rest(void **state) {
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {{"16K", true, 16384},
                 {"16k", true, 16384},
                 {"1M", true, 1048576},
                 {"2G", true, 2147483648},
                 {"-3", true, -3},
                 {"+7", true, 7},
                 {"0", true, 0},
                 {"", false, 0},
                 {"K", false, 0},
                 {"1KK", false, 0},
                 {"1.5", false, 0},
                 {" 1", false, 0},
                 {"1 ", false, 0},
                 {"0x10", false, 0},
                 {"9223372036854775807", true, INT64_MAX},
                 {"9223372036854775808", false, 0},
                 {"9223372036854775807K", false, 0},
                 {"8589934592G", false, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        if (attn_integer_parse(cases[i].text, &value) != cases[i].good || (cases[i].good && value != cases[i].value))
            fail_msg("\"%s\" gave %lld", cases[i].text, (long long)value);
    }
}

static void options_fill_their_variables(void **state) {
    bool flag = false;
    const char *text = "default";
    int64_t integer = 5;
    double real = 0.5;
    struct attn_words words = {.count = 0}, rest = {.count = 0};
    struct attn_integers list = {.count = 0};
    const struct attn_option options[] = {
        {"flag", ATTN_OPTION_FLAG, &flag, NULL, "", 0, 0},      {"text", ATTN_OPTION_TEXT, &text, "T", "", 0, 0},
        {"words", ATTN_OPTION_WORDS, &words, "W", "", 0, 0},    {"integer", ATTN_OPTION_INTEGER, &integer, "N", "", 0, 1e6},
        {"list", ATTN_OPTION_INTEGERS, &list, "N", "", 1, 1e6}, {"real", ATTN_OPTION_REAL, &real, "X", "", -1, 1},
    };
    const struct attn_usage usage = {"test", "REST", "", "", options, sizeof options / sizeof options[0]};
    char *argv[] = {"test", "--flag", "--text=a=b", "--words", "x",     "one", "--words=y", "--integer",
                    "2K",   "--list", "1,2K,3",     "--real",  "-0.25", "--",  "--flag",    NULL};
    (void)state;
    assert_int_equal(attn_options_parse(&usage, 15, argv, &rest), -1);
    assert_true(flag);
    assert_string_equal(text, "a=b");
    assert_int_equal(words.count, 2);
    assert_string_equal(words.item[1], "y");
    assert_int_equal(integer, 2048);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.item[1], 2048);
    assert_true(real == -0.25);
    assert_int_equal(rest.count, 2);
    assert_string_equal(rest.item[1], "--flag");
}

static void the_nearest_name_is_meant_only_when_it_is_near(void **state) {
    static const char *const names[] = {"heads", "kv-heads", "len"};
    (void)state;
    assert_string_equal(attn_nearest("hedas", names, 3), "heads");
    assert_string_equal(attn_nearest("kvheads", names, 3), "kv-heads");
    assert_null(attn_nearest("temperature", names, 3));
    assert_null(attn_nearest("x", names, 3));
}

static void masks_are_split_between_and_not_within(void **state) {
    char text[] = "full ; prefix_lm_document:3;5,4;document:@f";
    struct attn_words words;
    (void)state;
    assert_true(attn_words_split(text, ';', &words));
    assert_int_equal(words.count, 3);
    assert_string_equal(words.item[0], "full");
    assert_string_equal(words.item[1], "prefix_lm_document:3;5,4");
    assert_string_equal(words.item[2], "document:@f");
}

static void several_masks_are_joined_by_and(void **state) {
    const struct attn_words one = {{"a | b"}, 1}, two = {{"a | b", "c"}, 2};
    char text[32];
    (void)state;
    assert_true(attn_words_and(&one, text, sizeof text));
    assert_string_equal(text, "a | b");
    assert_true(attn_words_and(&two, text, sizeof text));
    assert_string_equal(text, "(a | b) & (c)");
    assert_false(attn_words_and(&two, text, 8));
}

static void every_double_reads_back_the_same(void **state) {
    struct attn_random random;
    char text[40];
    (void)state;
    attn_random_init(&random, 11);
    for (int i = 0; i < 20000; i++) {
        const double value = i < 4 ? (double[]){0.1, 1e300, 5e-324, 1.0 / 3.0}[i]
                                   : ldexp(attn_random_normal(&random), (int)attn_random_below(&random, 200) - 100);
        assert_true(strtod(attn_real_text(value, text, sizeof text), NULL) == value);
    }
    assert_string_equal(attn_real_text(1048576.0, text, sizeof text), "1048576");
    assert_string_equal(attn_real_text(0.1, text, sizeof text), "0.1");
}

/* What `print` writes, as a string. */
static const char *printed(void (*print)(FILE *file)) {
    static char *text;
    static size_t size;
    free(text);
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    print(file);
    fclose(file);
    return text;
}

static void print_strings(FILE *file) {
    attn_json_string(file, "a\"b\\c\nd\x01\x7f");
    attn_json_string(file, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    attn_json_string(file, "\xff\xc0\x80\xed\xa0\x80|\xe2\x82");
}

static void json_strings_are_escaped_and_always_utf8(void **state) {
    (void)state;
    assert_string_equal(printed(print_strings), "\"a\\\"b\\\\c\\nd\\u0001\\u007f\""
                                                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""
                                                "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\"");
}

static void print_rows(FILE *file) {
    struct attn_report json = {.file = file, .form = ATTN_FORM_JSON}, csv = {.file = file, .form = ATTN_FORM_CSV};
    struct attn_record record = {.count = 0};
    attn_record_text(&record, "name", "a,\"b\"");
    attn_record_text(&record, "none", NULL);
    attn_record_integer(&record, "n", -7);
    attn_record_real(&record, "x", 0.25);
    attn_record_real(&record, "nan", (double)NAN);
    attn_record_bool(&record, "yes", true);
    attn_report_row(&json, &record);
    attn_report_row(&csv, &record);
    attn_report_row(&csv, &record);
}

static void records_print_as_json_and_csv(void **state) {
    (void)state;
    assert_string_equal(printed(print_rows), "{\"name\":\"a,\\\"b\\\"\",\"none\":null,\"n\":-7,\"x\":0.25,\"nan\":null,\"yes\":true}\n"
                                             "name,none,n,x,nan,yes\n"
                                             "\"a,\"\"b\"\"\",,-7,0.25,,true\n"
                                             "\"a,\"\"b\"\"\",,-7,0.25,,true\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_take_suffixes_and_refuse_the_rest),
        cmocka_unit_test(options_fill_their_variables),
        cmocka_unit_test(the_nearest_name_is_meant_only_when_it_is_near),
        cmocka_unit_test(masks_are_split_between_and_not_within),
        cmocka_unit_test(several_masks_are_joined_by_and),
        cmocka_unit_test(every_double_reads_back_the_same),
        cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
        cmocka_unit_test(records_print_as_json_and_csv),
    };
    return cmocka_run_group_tests_name("cli: options and printing", tests, NULL, NULL);
}
