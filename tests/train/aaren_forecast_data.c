/* Tables of forecasting benchmarks, their parts and windows counted by hand, units, marks of time, and the rows that a model sees, against loops. */
#include "base/random.h"
#include "io/date.h"
#include "support/setting.h"
#include "system/aaren/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct attn_forecast_series parse(const char *text, double missing) {
    struct attn_forecast_series s;
    char error[1024];
    if (attn_forecast_parse(test_ctx, "t.csv", (const uint8_t *)text, strlen(text), missing, &s))
        fail_msg("%s: %s", text, attn_ctx_error(test_ctx, error, sizeof error));
    return s;
}

/* -------------------------------------------------------------------------------------------------------------- tables */

static void columns_are_channels_with_or_without_header_and_dates(void **state) {
    static const struct {
        const char *text;
        bool dated, titled;
        const char *first; /* channel's name */
    } cases[] = {{"date,a,b\n2016-07-01 00:00:00,1,2\n2016-07-01 01:00:00,3,4\n", true, true, "a"},
                 {"a,b\r\n1,2\r\n3,4\r\n", false, true, "a"},
                 {"1,2\n3,4\n", false, false, "1"},
                 {"2016-07-01,1,2\n2016-07-02, 3 ,4", true, false, "1"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_forecast_series s = parse(cases[i].text, (double)NAN);
        assert_int_equal(s.rows, 2);
        assert_int_equal(s.channels, 2);
        for (int k = 0; k < 4; k++) assert_true(s.value[k] == k + 1);
        assert_int_equal(s.second != NULL, cases[i].dated);
        assert_int_equal(s.titled, cases[i].titled);
        assert_string_equal(s.name[0], cases[i].first);
        assert_int_equal(attn_forecast_interval(&s), i == 0 ? 3600 : i == 3 ? 86400 : 0);
        attn_forecast_series_free(test_ctx, &s);
    }
}

static void what_is_not_known_has_the_number_before_it(void **state) {
    static const double whole[] = {3, 7, 3, 7, 3, 8, 5, 8};
    struct attn_forecast_series s = parse("a,b\n,7\n3,-9999.0\nNaN,8\n5, \n", -9999);
    (void)state;
    for (int i = 0; i < 8; i++) assert_true(s.value[i] == whole[i]);
    attn_forecast_series_free(test_ctx, &s);
    s = parse("a\n-9999\n1\n", (double)NAN);
    assert_true(s.value[0] == -9999); /* a number like any other */
    attn_forecast_series_free(test_ctx, &s);
    s = parse("2016-07-01 00:00,1\n2016-07-01 01:00,2\n2016-07-01 01:00,2\n", (double)NAN);
    assert_int_equal(attn_forecast_interval(&s), 3600); /* a row that comes twice has no length */
    attn_forecast_series_free(test_ctx, &s);
}

static void bad_tables_are_refused_with_their_place(void **state) {
    static const struct {
        const char *text, *piece;
    } cases[] = {
        {"a,b\n1,2\n3,x\n", "t.csv: line 3, column 2 (b): found \"x\", expected a finite number"},
        {"1,2\n3,inf\n", "t.csv: line 2, column 2: found \"inf\", expected a finite number"},
        {"1,2\n3,0x10\n", "line 2, column 2: found \"0x10\""},
        {"1,2\n3\n", "line 2, column 1: found 1 cells, expected 2"},
        {"date,a\n2016-07-01,1\n2016-02-31,2\n", "line 3, column 1 (date): found \"2016-02-31\", expected a date"},
        {"date,a\n2016-07-02,1\n2016-07-01,2\n", "line 3, column 1 (date): found \"2016-07-01\", expected a time no earlier"},
        {"date,a\n2016-07-01,1\n,2\n", "line 3, column 1 (date): found \"\", expected a date"},
        {"a,b\n", "found no rows"},
        {"date\n2016-07-01\n", "found 0 columns of numbers"},
        {"a,b\n1,\n2,nan\n", "column 2 (b): found no number, expected one at least"},
        {"a,b\n\"1,2\n", "t.csv: line 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_forecast_series s;
        char error[1024];
        assert_int_equal(attn_forecast_parse(test_ctx, "t.csv", (const uint8_t *)cases[i].text, strlen(cases[i].text), (double)NAN, &s),
                         ATTN_EINVAL);
        if (!strstr(attn_ctx_error(test_ctx, error, sizeof error), cases[i].piece))
            fail_msg("expected \"%s\" in \"%s\"", cases[i].piece, error);
        assert_null(s.value);
    }
    struct attn_forecast_series none;
    assert_int_equal(attn_forecast_read(test_ctx, "/nonexistent.csv", (double)NAN, &none), ATTN_EINVAL);
    assert_int_equal(attn_forecast_parse(test_ctx, "t.csv", (const uint8_t *)"", 0, (double)NAN, &none), ATTN_EINVAL);
}

/* --------------------------------------------------------------------------------------------------------------- parts */

static void parts_and_windows_are_those_counted_by_hand(void **state) {
    static const struct {
        enum attn_forecast_split split;
        int64_t rows, length, horizon;
        struct attn_forecast_segment part[ATTN_FORECAST_PARTS];
    } cases[] = {
        {ATTN_FORECAST_RATIO, 20, 3, 2, {{0, 14, 10}, {11, 16, 1}, {13, 20, 3}}},
        {ATTN_FORECAST_RATIO, 7588, 96, 96, {{0, 5311, 5120}, {5215, 6071, 665}, {5975, 7588, 1422}}}, /* exchange_rate */
        {ATTN_FORECAST_ETT_H, 17420, 96, 96, {{0, 8640, 8449}, {8544, 11520, 2785}, {11424, 14400, 2785}}},
        {ATTN_FORECAST_ETT_M, 69680, 96, 720, {{0, 34560, 33745}, {34464, 46080, 10801}, {45984, 57600, 10801}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_forecast_segment part[ATTN_FORECAST_PARTS];
        assert_int_equal(attn_forecast_divide(test_ctx, "t", cases[i].rows, cases[i].split, cases[i].length, cases[i].horizon, part),
                         ATTN_OK);
        assert_memory_equal(part, cases[i].part, sizeof part);
    }
}

static void parts_without_a_window_are_refused(void **state) {
    struct attn_forecast_segment part[ATTN_FORECAST_PARTS];
    char error[1024];
    (void)state;
    assert_int_equal(attn_forecast_divide(test_ctx, "t.csv", 19, ATTN_FORECAST_RATIO, 3, 4, part), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error),
                           "t.csv: found 19 rows, of which 6 are to validate, expected at least "
                           "length=3 and horizon=4 there"));
    assert_int_equal(attn_forecast_divide(test_ctx, "t.csv", 14399, ATTN_FORECAST_ETT_H, 3, 3, part), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "found 14399 rows, expected at least 14400, as split=ett-h has"));
}

static void units_are_mean_and_population_deviation_of_the_first_rows_alone(void **state) {
    struct attn_forecast_series s = parse("a,b\n1,5\n2,5\n6,5\n1000,9\n", (double)NAN);
    double mean[2], deviation[2];
    (void)state;
    attn_forecast_scale_of(&s, 3, mean, deviation);
    assert_true(mean[0] == 3 && mean[1] == 5 && deviation[1] == 1);
    assert_true(fabs(deviation[0] - sqrt(14 / 3.0)) < 1e-15);
    attn_forecast_standardize(&s, mean, deviation);
    assert_true(fabs(s.value[6] - 997 / sqrt(14 / 3.0)) < 1e-12 && s.value[7] == 4);
    attn_forecast_series_free(test_ctx, &s);
}

static void units_come_back_from_their_text_bit_for_bit(void **state) {
    struct attn_forecast_series s = parse("date,a,\"b, \"\"c\"\"\"\n2016-07-01,0.1,5\n2016-07-02,0.7,1e-9\n2016-07-03,1,2\n", (double)NAN);
    struct attn_forecast_units a, b;
    char *text;
    (void)state;
    assert_int_equal(attn_forecast_units_of(test_ctx, &s, 3, &a), ATTN_OK);
    assert_int_equal(attn_forecast_units_text(test_ctx, &a, &text), ATTN_OK);
    assert_int_equal(attn_forecast_units_parse(test_ctx, text, &b), ATTN_OK);
    assert_true(b.channels == 2 && b.interval == 86400 && b.titled);
    assert_memory_equal(a.mean, b.mean, sizeof(double[2]));
    assert_memory_equal(a.deviation, b.deviation, sizeof(double[2]));
    assert_string_equal(b.name[1], "b, \"c\"");
    attn_free(test_ctx, text);
    attn_forecast_units_free(test_ctx, &a);
    attn_forecast_units_free(test_ctx, &b);
    attn_forecast_series_free(test_ctx, &s);
}

static void long_names_are_cut_between_letters(void **state) {
    char text[256] = "", *json;
    struct attn_forecast_units a, b;
    (void)state;
    strcat(text, "x"); /* the 64th byte would be half a letter */
    for (int i = 0; i < 40; i++) strcat(text, "\xC3\xA9");
    strcat(text, "\n1\n2\n");
    struct attn_forecast_series s = parse(text, (double)NAN);
    assert_int_equal(strlen(s.name[0]), 63);
    assert_int_equal(attn_forecast_units_of(test_ctx, &s, 2, &a), ATTN_OK);
    assert_int_equal(attn_forecast_units_text(test_ctx, &a, &json), ATTN_OK);
    assert_int_equal(attn_forecast_units_parse(test_ctx, json, &b), ATTN_OK);
    assert_string_equal(b.name[0], s.name[0]);
    text[0] = '\xC3'; /* now it is the 63rd and 64th byte that make a letter */
    memmove(text + 2, text + 1, strlen(text));
    text[1] = '\xA9';
    attn_forecast_series_free(test_ctx, &s);
    s = parse(text, (double)NAN);
    assert_int_equal(strlen(s.name[0]), 62);
    attn_free(test_ctx, json);
    attn_forecast_units_free(test_ctx, &a);
    attn_forecast_units_free(test_ctx, &b);
    attn_forecast_series_free(test_ctx, &s);
}

static void damaged_units_are_refused(void **state) {
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"channels\":[\"a\"],\"interval\":0,\"mean\":[0],\"deviation\":[0]}",
                                        "{\"channels\":[\"a\"],\"interval\":-1,\"mean\":[0],\"deviation\":[1]}",
                                        "{\"channels\":[\"a\",\"b\"],\"interval\":0,\"mean\":[0],\"deviation\":[1]}",
                                        "{\"channels\":[1],\"interval\":0,\"mean\":[0],\"deviation\":[1]}",
                                        "{\"channels\":[\"a\"],\"interval\":0,\"mean\":[\"0\"],\"deviation\":[1]}",
                                        "{\"channels\":[\"0123456789012345678901234567890123456789012345678901234567890123456789\"],"
                                        "\"interval\":0,\"mean\":[0],\"deviation\":["
                                        "1]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct attn_forecast_units u;
        if (attn_forecast_units_parse(test_ctx, texts[i], &u) != ATTN_EINVAL) fail_msg("%s was read", texts[i]);
        attn_forecast_units_free(test_ctx, &u);
    }
}

static void columns_of_another_table_are_found_by_their_names(void **state) {
    struct attn_forecast_series own = parse("a,b\n1,2\n3,4\n", (double)NAN), other = parse("b,x,a\n20,0,10\n40,0,30\n", (double)NAN);
    struct attn_forecast_series bare = parse("1,2\n3,4\n", (double)NAN), few = parse("b,x\n1,2\n", (double)NAN),
                                more = parse("1,2,3\n", (double)NAN);
    struct attn_forecast_units u;
    char error[1024];
    (void)state;
    assert_int_equal(attn_forecast_units_of(test_ctx, &own, 2, &u), ATTN_OK);
    assert_int_equal(attn_forecast_units_match(test_ctx, &u, "o.csv", &other), ATTN_OK);
    assert_int_equal(other.channels, 2);
    for (int i = 0; i < 4; i++) assert_true(other.value[i] == 10 * (i + 1));
    assert_int_equal(attn_forecast_units_match(test_ctx, &u, "o.csv", &bare), ATTN_OK); /* no names: by place */
    assert_int_equal(attn_forecast_units_match(test_ctx, &u, "o.csv", &few), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "o.csv: found no column \"a\""));
    assert_int_equal(attn_forecast_units_match(test_ctx, &u, "o.csv", &more), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "o.csv: found 3 columns of numbers, expected the model's 2"));
    struct attn_forecast_series *const all[] = {&own, &other, &bare, &few, &more};
    for (int i = 0; i < 5; i++) attn_forecast_series_free(test_ctx, all[i]);
    attn_forecast_units_free(test_ctx, &u);
}

static void marks_go_from_least_to_greatest(void **state) {
    static const struct {
        const char *date;
        double mark[ATTN_FORECAST_MARKS];
    } cases[] = {
        {"2018-01-01 00:00:00", {-0.5, -0.5, -0.5, -0.5, -0.5}}, /* a Monday */
        {"2016-12-31 23:59:00", {0.5, 5 / 6.0 - 0.5, 0.5, 0.5, 0.5}},
        {"2016-07-01 06:15:00", {6 / 23.0 - 0.5, 4 / 6.0 - 0.5, -0.5, 182 / 365.0 - 0.5, 15 / 59.0 - 0.5}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_date d;
        attn_real mark[ATTN_FORECAST_MARKS];
        assert_true(attn_date_parse(cases[i].date, &d));
        attn_forecast_marks(attn_date_seconds(&d), ATTN_FORECAST_MARKS, mark);
        for (int k = 0; k < ATTN_FORECAST_MARKS; k++) assert_true(fabs((double)mark[k] - cases[i].mark[k]) < 1e-7);
    }
    assert_int_equal(attn_forecast_mark_count(0), 0);
    assert_int_equal(attn_forecast_mark_count(900), 5);
    assert_int_equal(attn_forecast_mark_count(3600), 4);
}

/* -------------------------------------------------------------------------------------------------------------- windows */

enum { LENGTH = 9, HORIZON = 4, CHANNELS = 3, KERNEL = 3, MARKS = 2, ROWS = LENGTH + HORIZON };

/* Weighted mean and variance up to row t, from their definitions. */
static void measure(const double *x, int64_t t, int64_t c, enum attn_forecast_normal normal, double *mean, double *scale) {
    double weight = 0, sum = 0, squares = 0;
    const bool running = normal == ATTN_FORECAST_RUNNING;
    for (int64_t i = running ? -1 : 0; i <= (running ? t : LENGTH - 1); i++) {
        const double w = running ? pow(1 - 1.0 / LENGTH, (double)(t - i)) : 1;
        weight += w;
        sum += i < 0 ? 0 : w * x[i * CHANNELS + c];
    }
    *mean = sum / weight;
    for (int64_t i = running ? -1 : 0; i <= (running ? t : LENGTH - 1); i++) {
        const double w = running ? pow(1 - 1.0 / LENGTH, (double)(t - i)) : 1, from = (i < 0 ? 0 : x[i * CHANNELS + c]) - *mean;
        squares += w * (from * from + (i < 0)); /* the row of training has mean 0 and variance 1 */
    }
    *scale = sqrt(squares / weight + 1e-5);
    if (normal == ATTN_FORECAST_PLAIN) *mean = 0, *scale = 1;
}

static void near(const char *what, int64_t i, double got, double want) {
    if (!(fabs(got - want) <= 1e-6 * fmax(1, fabs(want)))) fail_msg("%s %lld: %.9g, expected %.9g", what, (long long)i, got, want);
}

static void check_window(const struct attn_forecast_shape *shape, const double *x, const attn_real *mark,
                         const struct attn_forecast_batch *b) {
    const int64_t places = attn_forecast_places(shape), decoded = attn_forecast_decoded(shape), wide = KERNEL * CHANNELS;
    double row[ROWS * CHANNELS] = {0}, mean, scale; /* normalised; zeros behind the past */
    for (int64_t i = 0; i < LENGTH * CHANNELS; i++) {
        measure(x, i / CHANNELS, i % CHANNELS, shape->normal, &mean, &scale);
        row[i] = (x[i] - mean) / scale;
    }
    for (int64_t i = 0; i < LENGTH * wide; i++) {
        const int64_t t = i / wide, from = t - i % wide / CHANNELS, at = from < 0 && shape->circular ? from + LENGTH : from;
        near("token", i, (double)b->token[LENGTH * wide + i], at < 0 ? 0 : row[at * CHANNELS + i % CHANNELS]);
    }
    for (int64_t i = 0; i < decoded * wide; i++) {
        const int64_t t = i / wide, from = t - i % wide / CHANNELS, at = from < 0 && shape->circular ? from + decoded : from;
        near("decoder's token", i, (double)b->decoder_token[decoded * wide + i],
             at < 0 ? 0 : row[(LENGTH - shape->label + at) * CHANNELS + i % CHANNELS]);
    }
    for (int64_t i = 0; i < LENGTH * MARKS; i++) assert_true(b->mark[LENGTH * MARKS + i] == mark[i]);
    for (int64_t i = 0; i < decoded * MARKS; i++)
        assert_true(b->decoder_mark[decoded * MARKS + i] == mark[(LENGTH - shape->label) * MARKS + i]);
    for (int64_t i = 0; i < places * CHANNELS; i++) {
        measure(x, shape->every ? i / CHANNELS : LENGTH - 1, i % CHANNELS, shape->normal, &mean, &scale);
        near("mean", i, (double)b->mean[places * CHANNELS + i], mean);
        near("scale", i, (double)b->scale[places * CHANNELS + i], scale);
    }
    for (int64_t i = 0; i < places * HORIZON * CHANNELS; i++) {
        const int64_t place = shape->every ? i / (HORIZON * CHANNELS) : LENGTH - 1;
        near("target", i, (double)b->target[places * HORIZON * CHANNELS + i], x[(place + 1) * CHANNELS + i % (HORIZON * CHANNELS)]);
    }
}

static void windows_are_what_loops_say(void **state) {
    const struct attn_forecast_shape usual = {
        .length = LENGTH, .horizon = HORIZON, .channels = CHANNELS, .marks = MARKS, .kernel = KERNEL, .label = -1};
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 3);
    for (int round = 0; round < 200; round++) {
        struct attn_forecast_shape shape = usual;
        struct attn_forecast_batch b;
        double x[ROWS * CHANNELS];
        attn_real mark[ROWS * MARKS];
        shape.normal = (enum attn_forecast_normal)(round % 3);
        shape.circular = round % 2 == 1;
        shape.every = round % 5 == 0 && shape.normal != ATTN_FORECAST_WINDOW && !shape.circular;
        if (!shape.every) shape.label = attn_random_between(&random, -1, LENGTH);
        for (int i = 0; i < ROWS * CHANNELS; i++) x[i] = 3 * attn_random_normal(&random) + (round % 7 == 0 ? 50 : 0);
        for (int i = 0; i < ROWS * MARKS; i++) mark[i] = (attn_real)attn_random_uniform(&random);
        assert_int_equal(attn_forecast_batch_open(test_ctx, &shape, 2, &b), ATTN_OK);
        attn_forecast_fill(&b, 0, x, NULL, true); /* what another window leaves behind must not matter */
        attn_forecast_fill(&b, 1, x, mark, true);
        check_window(&shape, x, mark, &b);
        attn_forecast_batch_close(test_ctx, &b);
    }
}

static void generated_rows_are_the_same_however_many(void **state) {
    struct attn_forecast_series a, b, c;
    (void)state;
    assert_int_equal(attn_forecast_generate(test_ctx, 4, 300, &a), ATTN_OK);
    assert_int_equal(attn_forecast_generate(test_ctx, 4, 200, &b), ATTN_OK);
    assert_int_equal(attn_forecast_generate(test_ctx, 5, 200, &c), ATTN_OK);
    assert_int_equal(a.channels, 7);
    assert_memory_equal(a.value, b.value, 200 * 7 * sizeof *a.value);
    assert_memory_not_equal(b.value, c.value, 200 * 7 * sizeof *a.value);
    assert_int_equal(attn_forecast_interval(&a), 3600);
    attn_forecast_series_free(test_ctx, &a);
    attn_forecast_series_free(test_ctx, &b);
    attn_forecast_series_free(test_ctx, &c);
}

/* ----------------------------------------------------------------------------------------------------------- real sets */

static void published_tables_are_read_whole(void **state) {
    static const struct {
        const char *path, *last;
        double missing;
        int64_t rows, channels, interval;
    } sets[] = {{"ett/ETTh1.csv.gz", "OT", (double)NAN, 17420, 7, 3600},
                {"ett/ETTm2.csv.gz", "OT", (double)NAN, 69680, 7, 900},
                {"forecast-misc/exchange_rate.txt.gz", "8", (double)NAN, 7588, 8, 0},
                {"forecast-misc/weather.csv.gz", "OT", -9999, 52696, 21, 600},
                {"forecast-misc/national_illness.csv.gz", "OT", (double)NAN, 966, 7, 604800}};
    const char *folder = getenv("ATTN_DATA");
    (void)state;
    if (!folder) {
        print_message("ATTN_DATA is not set, expected a folder with ett/ and forecast-misc/\n");
        skip();
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct attn_forecast_series s;
        char path[TEST_PATH], error[1024];
        snprintf(path, sizeof path, "%s/%s", folder, sets[i].path);
        if (attn_forecast_read(test_ctx, path, sets[i].missing, &s)) fail_msg("%s", attn_ctx_error(test_ctx, error, sizeof error));
        assert_int_equal(s.rows, sets[i].rows);
        assert_int_equal(s.channels, sets[i].channels);
        assert_int_equal(attn_forecast_interval(&s), sets[i].interval);
        assert_string_equal(s.name[s.channels - 1], sets[i].last);
        for (int64_t k = 0; k < s.rows * s.channels; k++) assert_true(s.value[k] != -9999);
        attn_forecast_series_free(test_ctx, &s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_channels_with_or_without_header_and_dates),
        cmocka_unit_test(what_is_not_known_has_the_number_before_it),
        cmocka_unit_test(bad_tables_are_refused_with_their_place),
        cmocka_unit_test(parts_and_windows_are_those_counted_by_hand),
        cmocka_unit_test(parts_without_a_window_are_refused),
        cmocka_unit_test(units_are_mean_and_population_deviation_of_the_first_rows_alone),
        cmocka_unit_test(units_come_back_from_their_text_bit_for_bit),
        cmocka_unit_test(long_names_are_cut_between_letters),
        cmocka_unit_test(damaged_units_are_refused),
        cmocka_unit_test(columns_of_another_table_are_found_by_their_names),
        cmocka_unit_test(marks_go_from_least_to_greatest),
        cmocka_unit_test(windows_are_what_loops_say),
        cmocka_unit_test(generated_rows_are_the_same_however_many),
        cmocka_unit_test(published_tables_are_read_whole),
    };
    return cmocka_run_group_tests_name("aaren: data of forecasts", tests, test_setting_open, test_setting_close);
}
