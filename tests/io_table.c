/* CSV and TSV: what RFC 4180 allows, cells by name and type, bad rows refused or counted, round trips of random cells. Oracle: the cells. */
#include "base/random.h"
#include "io/table.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct attn_table_options csv = {ATTN_TABLE_CSV, true, false}, bare = {ATTN_TABLE_CSV, false, false},
                                       skipping = {ATTN_TABLE_CSV, true, true};

static struct attn_table table_of(const char *name, const char *text, const struct attn_table_options *options) {
    struct attn_table table;
    if (attn_table_parse(test_ctx, name, (const uint8_t *)text, strlen(text), options, &table) != ATTN_OK) fail_msg("%s", test_sentence());
    return table;
}

static void has_cells(const struct attn_table *table, size_t rows, size_t columns, const char *const *cells) {
    assert_int_equal(table->rows, rows);
    assert_int_equal(table->columns, columns);
    for (size_t i = 0; i < rows * columns; i++) assert_string_equal(attn_table_text(table, i / columns, i % columns), cells[i]);
}

static void cells_are_what_rfc_4180_says(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool header;
        size_t rows, columns;
        const char *cells[8];
    } cases[] = {
        {"a,b\n1,2\n", true, 1, 2, {"1", "2"}},
        {"a,b\r\n1,2\r\n", true, 1, 2, {"1", "2"}},
        {"a,b\n1,2", true, 1, 2, {"1", "2"}}, /* no end of the last line */
        {"1,2\n3,4\n", false, 2, 2, {"1", "2", "3", "4"}},
        {"\"a\",\"b\"\n\"1\",\"x,y\"\n", true, 1, 2, {"1", "x,y"}},
        {"a,b\n\"say \"\"no\"\"\",\"two\r\nlines\"\r\n", true, 1, 2, {"say \"no\"", "two\r\nlines"}},
        {"a,b\n\"\",\"\"\n", true, 1, 2, {"", ""}},
        {"a,b\n,\n", true, 1, 2, {"", ""}},
        {"a,b\n\"\"\"\",\"\"\"\"\"\"\n", true, 1, 2, {"\"", "\"\""}},
        {"a,b\n1,2\n\n3,4\n\n", true, 2, 2, {"1", "2", "3", "4"}}, /* empty lines between rows of several cells */
        {"a\n1\n\n3\n", true, 3, 1, {"1", "", "3"}},               /* and an empty cell of one column */
        {"a,b\n 1 , 2\t\n", true, 1, 2, {" 1 ", " 2\t"}},
        {"a,b\n1\r,2\n", true, 1, 2, {"1\r", "2"}}, /* a lone carriage return ends nothing */
        {"a,b\n", true, 0, 2, {NULL}},
        {"", false, 0, 0, {NULL}},
        {"\xC3\xA9,b\n\xE2\x82\xAC,\xF0\x9F\x98\x80\n", true, 1, 2, {"\xE2\x82\xAC", "\xF0\x9F\x98\x80"}},
        {"\xEF\xBB\xBF"
         "a,b\n1,2\n",
         true,
         1,
         2,
         {"1", "2"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_table table = table_of("x.csv", cases[i].text, cases[i].header ? &csv : &bare);
        has_cells(&table, cases[i].rows, cases[i].columns, cases[i].cells);
        attn_table_free(test_ctx, &table);
    }
}

static void tabs_separate_by_name_and_quotes_are_letters_then(void **state) {
    (void)state;
    static const struct attn_table_options by_name = {ATTN_TABLE_BY_NAME, true, false};
    static const char *const names[] = {"x.tsv", "dir/x.tsv.gz"}, *const cells[] = {"\"1", "2,3"};
    for (int i = 0; i < 2; i++) {
        struct attn_table table = table_of(names[i], "a\tb\n\"1\t2,3\n", &by_name);
        has_cells(&table, 1, 2, cells);
        attn_table_free(test_ctx, &table);
    }
    struct attn_table table = table_of("x.txt", "a,b\n1,2\n", &by_name);
    assert_int_equal(table.columns, 2);
    attn_table_free(test_ctx, &table);
}

static void columns_are_found_by_name_and_by_number(void **state) {
    (void)state;
    size_t column;
    struct attn_table table = table_of("x.csv", "date,OT,2,temperature\na,b,c,d\n", &csv);
    assert_int_equal(attn_table_column(test_ctx, &table, "OT", &column), ATTN_OK);
    assert_int_equal(column, 1);
    assert_int_equal(attn_table_column(test_ctx, &table, "4", &column), ATTN_OK);
    assert_int_equal(column, 3);
    assert_int_equal(attn_table_column(test_ctx, &table, "2", &column), ATTN_OK); /* a name goes before a number */
    assert_int_equal(column, 2);
    assert_int_equal(attn_table_column(test_ctx, &table, "temprature", &column), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.csv: found no column \"temprature\"; did you mean \"temperature\"?");
    static const char *const none[] = {"0", "5", "99999999999999999999", "", "-1", "1.0", "zzzzzzz"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(attn_table_column(test_ctx, &table, none[i], &column), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.csv: found no column \"zzzzzzz\", expected one of its 4: date, OT, 2, temperature");
    attn_table_free(test_ctx, &table);
    table = table_of("x.csv", "1,2\n", &bare);
    assert_int_equal(attn_table_column(test_ctx, &table, "2", &column), ATTN_OK);
    assert_int_equal(attn_table_column(test_ctx, &table, "OT", &column), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "expected a number from 1 to 2, as there is no header"));
    attn_table_free(test_ctx, &table);
}

static void numbers_are_read_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } reals[] = {{"0", 0},
                 {"-0.5", -0.5},
                 {"+3", 3},
                 {"1e3", 1000},
                 {"1E-2", 0.01},
                 {".5", 0.5},
                 {"5.", 5},
                 {" 7 ", 7},
                 {"0.1", 0.1},
                 {"inf", (double)INFINITY},
                 {"-Infinity", -(double)INFINITY},
                 {"123456789012345678901234567890", 123456789012345678901234567890.0},
                 {"4.9406564584124654e-324", 4.9406564584124654e-324}};
    static const char *const none[] = {"",    " ",   "x",      "1x",    "1 2", "0x10", "-0X1p3", "1,5",
                                       "--1", "+-1", "nan(1)", "1e999", "\t1", "1e",   "- 1"};
    double *values;
    char text[128];
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        snprintf(text, sizeof text, "a\n%s\n", reals[i].text);
        struct attn_table table = table_of("x.csv", text, &csv);
        if (attn_table_reals(test_ctx, &table, 0, &values) != ATTN_OK) fail_msg("%s", test_sentence());
        assert_true(values[0] == reals[i].value);
        attn_free(test_ctx, values);
        attn_table_free(test_ctx, &table);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        snprintf(text, sizeof text, "a\n1\n\"%s\"\n", none[i]);
        struct attn_table table = table_of("x.csv", text, &csv);
        if (attn_table_reals(test_ctx, &table, 0, &values) != ATTN_EINVAL) fail_msg("\"%s\" is accepted", none[i]);
        assert_non_null(strstr(test_sentence(), "x.csv: line 3, column 1 (a): found \""));
        attn_table_free(test_ctx, &table);
    }
    struct attn_table table = table_of("x.csv", "a\nnan\n", &csv);
    assert_int_equal(attn_table_reals(test_ctx, &table, 0, &values), ATTN_OK);
    assert_true(isnan(values[0]));
    attn_free(test_ctx, values);
    attn_table_free(test_ctx, &table);
}

static void whole_numbers_are_read_exactly(void **state) {
    (void)state;
    int64_t *values;
    struct attn_table table = table_of("x.csv", "a\n-9223372036854775808\n9223372036854775807\n3.0\n1e3\n 5\n", &csv);
    assert_int_equal(attn_table_integers(test_ctx, &table, 0, &values), ATTN_OK);
    assert_true(values[0] == INT64_MIN && values[1] == INT64_MAX && values[2] == 3 && values[3] == 1000 && values[4] == 5);
    attn_free(test_ctx, values);
    attn_table_free(test_ctx, &table);
    static const char *const none[] = {"9223372036854775808", "0.5", "1e300", "nan", "inf", "x", "", "9007199254740993.0", "\t1"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a\n\"%s\"\n", none[i]);
        table = table_of("x.csv", text, &csv);
        if (attn_table_integers(test_ctx, &table, 0, &values) != ATTN_EINVAL) fail_msg("\"%s\" is accepted", none[i]);
        assert_non_null(strstr(test_sentence(), "x.csv: line 2, column 1 (a): found \""));
        assert_non_null(strstr(test_sentence(), "expected a whole number of 64 bits"));
        attn_table_free(test_ctx, &table);
    }
}

static void bad_rows_are_left_out_and_counted_where_that_is_asked_for(void **state) {
    (void)state;
    static const char text[] = "a,b\n1,2\n3\n4,5,6\nx\"y,7\n\"8\"z,9\n10,nan\n11,oops\n12,13\n";
    static const char *const cells[] = {"1", "2", "10", "nan", "12", "13"};
    const size_t columns[] = {0, 1};
    double *b;
    struct attn_table table = table_of("x.csv", text, &skipping);
    assert_int_equal(table.bad, 4);
    assert_string_equal(table.first_bad, "x.csv: line 3, column 1: found 1 cells, expected 2");
    assert_int_equal(attn_table_require(test_ctx, &table, columns, 2, ATTN_TABLE_REAL), ATTN_OK);
    assert_int_equal(table.bad, 5);
    has_cells(&table, 3, 2, cells);
    assert_int_equal(table.line[2], 9);
    assert_int_equal(attn_table_reals(test_ctx, &table, 1, &b), ATTN_OK);
    assert_true(b[0] == 2 && isnan(b[1]) && b[2] == 13);
    attn_free(test_ctx, b);
    attn_table_free(test_ctx, &table);
    table = table_of("x.csv", "a,b\n1,2\n3,x\n", &csv);
    assert_int_equal(attn_table_require(test_ctx, &table, columns, 2, ATTN_TABLE_REAL), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.csv: line 3, column 2 (b): found \"x\", expected a number");
    attn_table_free(test_ctx, &table);
}

/* Lines are counted inside quotes too. */
static void lines_in_messages_are_those_of_the_file(void **state) {
    (void)state;
    struct attn_table table = table_of("x.csv", "a,b\n\"1\n\n2\",3\n\n4,5\n", &csv);
    assert_true(table.rows == 2 && table.line[0] == 2 && table.line[1] == 6);
    attn_table_free(test_ctx, &table);
}

static void random_cells_read_back_as_they_were_written(void **state) {
    (void)state;
    enum { ROUNDS = 300, MOST = 6, CELL = 8 };
    static const char letters[] = "ab,\"\n\r \t1\xC3\xA9";
    struct attn_random random;
    attn_random_init(&random, 3);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t rows = 1 + attn_random_below(&random, MOST), columns = 1 + attn_random_below(&random, MOST);
        char cells[MOST * MOST][CELL * 2], text[MOST * MOST * CELL * 5];
        size_t used = 0;
        for (size_t i = 0; i < rows * columns; i++) {
            size_t n = 0;
            for (uint64_t left = attn_random_below(&random, CELL); left > 0; left--) {
                const size_t which = attn_random_below(&random, 10);
                cells[i][n++] = letters[which];
                if (which == 9) cells[i][n++] = letters[10];
            }
            cells[i][n] = '\0';
            text[used++] = '"';
            for (size_t j = 0; j < n; j++) {
                text[used++] = cells[i][j];
                if (cells[i][j] == '"') text[used++] = '"';
            }
            text[used++] = '"';
            if (i % columns + 1 < columns) {
                text[used++] = ',';
            } else {
                if (attn_random_below(&random, 2)) text[used++] = '\r';
                text[used++] = '\n';
            }
        }
        text[used] = '\0';
        struct attn_table table = table_of("x.csv", text, &bare);
        assert_int_equal(table.columns, columns);
        /* an empty cell that is alone in its line is one too, as it stands in quotes */
        assert_int_equal(table.rows, rows);
        for (size_t i = 0; i < rows * columns; i++) assert_string_equal(attn_table_text(&table, i / columns, i % columns), cells[i]);
        attn_table_free(test_ctx, &table);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_what_rfc_4180_says),
        cmocka_unit_test(tabs_separate_by_name_and_quotes_are_letters_then),
        cmocka_unit_test(columns_are_found_by_name_and_by_number),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(whole_numbers_are_read_exactly),
        cmocka_unit_test(bad_rows_are_left_out_and_counted_where_that_is_asked_for),
        cmocka_unit_test(lines_in_messages_are_those_of_the_file),
        cmocka_unit_test(random_cells_read_back_as_they_were_written),
    };
    return cmocka_run_group_tests_name("io: tables", tests, test_open_context, test_close_context);
}
