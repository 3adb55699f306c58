/* Tables of events: what is read, dates, classes of marks, and what is refused, with its place. */
#include "io/events.h"
#include "support/noting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static attn_status parse(const char *text, const struct attn_events_options *options, const struct attn_vocabulary *known,
                         struct attn_events *out) {
    return attn_events_parse(ctx, "x.csv", (const uint8_t *)text, strlen(text), options, known, out);
}

static void read_text(const char *text, const struct attn_events_options *options, struct attn_events *out) {
    char sentence[1024];
    if (parse(text, options, NULL, out)) fail_msg("%s", attn_ctx_error(ctx, sentence, sizeof sentence));
}

static void expect_name(const struct attn_vocabulary *v, int32_t number, const char *want) {
    size_t length;
    const char *name = attn_vocabulary_get(v, number, &length);
    assert_int_equal(length, strlen(want));
    assert_memory_equal(name, want, length);
}

static void sequences_times_and_marks_are_read_in_their_order(void **state) {
    struct attn_events_options options;
    struct attn_events e;
    (void)state;
    attn_events_options_init(&options);
    read_text("other,time,mark,sequence_id\nx,1325376181.507,14,a\ny,1325376181.507,2,a\nz,1325376190,,a\n,-1e3,2,b\n", &options, &e);
    assert_int_equal(e.sequences, 2);
    assert_int_equal(e.events, 4);
    assert_true(e.first[0] == 0 && e.first[1] == 3 && e.first[2] == 4);
    assert_true(e.time[0] == 1325376181.507 && e.time[1] == e.time[0] && e.time[2] == 1325376190 && e.time[3] == -1000);
    assert_int_equal(e.marks.count, 2);
    expect_name(&e.marks, 0, "2"); /* numbers in their order */
    expect_name(&e.marks, 1, "14");
    assert_true(e.mark[0] == 1 && e.mark[1] == 0 && e.mark[2] == ATTN_EVENTS_END && e.mark[3] == 0);
    expect_name(&e.names, 0, "a");
    expect_name(&e.names, 1, "b");
    attn_events_free(ctx, &e);
    read_text("sequence_id,time,mark\n1,0,sell\n1,1,buy\n1,2,sell\n", &options, &e);
    expect_name(&e.marks, 0, "sell");
    expect_name(&e.marks, 1, "buy");
    attn_events_free(ctx, &e);
}

static void columns_may_be_chosen_or_left_out(void **state) {
    struct attn_events_options options = {.time = "Date", .mark = "4"};
    struct attn_events e;
    const char *text = "Date,Latitude,Longitude,Magnitude\n01/02/1965,1,2,6.0\n1965-01-02T12:00:00.000Z,1,2,5.8\n03/01/1965,1,2,9\n";
    (void)state;
    assert_true(attn_events_bounds("6+6.5", &options));
    read_text(text, &options, &e);
    assert_int_equal(e.sequences, 1);
    assert_true(e.time[0] == -1825 && e.time[1] == -1824.5 && e.time[2] == -1825 + 58);
    assert_int_equal(e.marks.count, 3);
    expect_name(&e.marks, 0, "below 6");
    expect_name(&e.marks, 1, "6 to 6.5");
    expect_name(&e.marks, 2, "from 6.5");
    assert_true(e.mark[0] == 1 && e.mark[1] == 0 && e.mark[2] == 2);
    attn_events_free(ctx, &e);
    options = (struct attn_events_options){.time = "Date"};
    read_text(text, &options, &e);
    assert_int_equal(e.marks.count, 1);
    assert_int_equal(e.mark[2], 0);
    attn_events_free(ctx, &e);
}

static void dates_are_days_since_1970(void **state) {
    static const struct {
        const char *text;
        double days;
    } known[] = {{"1970-01-01", 0},
                 {"12/31/1969", -1},
                 {"2000-02-29", 11016},
                 {"02/29/2000", 11016},
                 {"2016-12-30", 17165},
                 {"1970-01-02 06:00", 1.25},
                 {"1970-01-01T00:00:21.6", 0.00025},
                 {"1900-03-01", -25508},
                 {" 2400-02-29T23:59:59Z", 157114.0 - 1.0 / 86400}};
    static const char *const none[] = {"1970-02-29",
                                       "1900-02-29",
                                       "13/01/2000",
                                       "00/01/2000",
                                       "01/32/2000",
                                       "1970-01-01T25:00",
                                       "1970-01-01T00:60",
                                       "1970-01-01x",
                                       "01/01/70",
                                       "yesterday",
                                       "",
                                       " ",
                                       "1e31",
                                       "inf",
                                       "nan",
                                       "1970-01-01T00:00:00.5x",
                                       "01/02/1965/3",

                                       "1970-01-01T00:00:00.ZZ",
                                       "1970-01-01                                                         "};
    double time;
    bool date;
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!attn_event_time(known[i].text, &time, &date) || !date) fail_msg("%s was refused", known[i].text);
        if (fabs(time - known[i].days) > 1e-9) fail_msg("%s: %.12g, expected %.12g", known[i].text, time, known[i].days);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (attn_event_time(none[i], &time, &date)) fail_msg("'%s' was taken as %g", none[i], time);
    assert_true(attn_event_time(" -1.5e3 ", &time, &date) && !date && time == -1500);
}

static void bounds_rise(void **state) {
    static const char *const none[] = {"6+6", "7+6", "a", "6+", "6,7", "1+2+x", "nan"};
    struct attn_events_options options;
    (void)state;
    attn_events_options_init(&options);
    assert_true(attn_events_bounds("", &options) && options.bounds == 0);
    assert_true(attn_events_bounds("-1+0+2.5e3", &options) && options.bounds == 3 && options.bound[2] == 2500);
    assert_int_equal(attn_event_class(&options, -2), 0);
    assert_int_equal(attn_event_class(&options, -1), 1);
    assert_int_equal(attn_event_class(&options, 2499), 2);
    assert_int_equal(attn_event_class(&options, 2500), 3);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (attn_events_bounds(none[i], &options)) fail_msg("%s was taken", none[i]);
}

static const struct {
    const char *text, *sentence;
} malformed[] = {
    {"", "x.csv: line 1: found the end of the file, expected a header"},
    {"sequence_id,time,mark\n", "x.csv: found no row, expected an event at least"},
    {"sequence_id,times,mark\n1,2,3\n", "x.csv: found no column \"time\"; did you mean \"times\"?"},
    {"id,time,mark\n1,2,3\n", "x.csv: found no column \"sequence_id\", expected one of its 3: id, time, mark"},
    {"sequence_id,time,mark\n1,2\n", "x.csv: line 2, column 2: found 2 cells, expected 3"},
    {"sequence_id,time,mark\n1,x,3\n", "x.csv: line 2, column 2: found 'x', expected a number of at most 1e30, or a date"},
    {"sequence_id,time,mark\n1,,3\n", "x.csv: line 2, column 2: found '', expected a number"},
    {"sequence_id,time,mark\n1,2e30,3\n", "x.csv: line 2, column 2: found '2e30', expected a number of at most 1e30"},
    {"sequence_id,time,mark\n1,nan,3\n", "x.csv: line 2, column 2: found 'nan', expected a number"},
    {"sequence_id,time,mark\n1,2,3\n1,2000-01-01,3\n",
     "x.csv: line 3, column 2: found '2000-01-01', expected a number, as in the first row"},
    {"sequence_id,time,mark\n1,2000-01-01,3\n1,20000,3\n", "x.csv: line 3, column 2: found '20000', expected a date, as in the first row"},
    {"sequence_id,time,mark\n1,2,3\n1,1.5,3\n",
     "x.csv: line 3, column 2: found '1.5', expected a time that is not before that of the row above"},
    {"sequence_id,time,mark\n1,2,3\n2,1,3\n1,3,3\n",
     "x.csv: line 4, column 1: found '1', expected rows of a sequence one behind the other"},
    {"sequence_id,time,mark\n1,2,\n", "x.csv: line 2, column 3: found '', expected an event before the end of its sequence"},
    {"sequence_id,time,mark\n1,2,3\n1,2,\n1,3,3\n", "x.csv: line 4, column 3: found '3', expected nothing behind the row without a mark"},
};

static void malformed_tables_are_refused_with_their_place(void **state) {
    struct attn_events_options options;
    struct attn_events e;
    (void)state;
    attn_events_options_init(&options);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        attn_ctx *noting = test_noting_context();
        const size_t size = strlen(malformed[i].text);
        test_must_refuse(noting, attn_events_parse(noting, "x.csv", (const uint8_t *)malformed[i].text, size, &options, NULL, &e),
                         ATTN_EINVAL, size, malformed[i].sentence);
        assert_null(e.time);
        attn_ctx_destroy(noting);
    }
}

static void rows_are_put_in_order_where_that_is_asked_for(void **state) {
    struct attn_events_options options;
    struct attn_events e;
    char sentence[1024];
    (void)state;
    attn_events_options_init(&options);
    options.sort = true;
    read_text("sequence_id,time,mark\na,3,\na,2,c\na,1,a\na,2,b\nb,0,a\n", &options, &e);
    assert_int_equal(e.events, 5);
    assert_true(e.time[0] == 1 && e.time[1] == 2 && e.time[2] == 2 && e.time[3] == 3 && e.time[4] == 0);
    expect_name(&e.marks, e.mark[0], "a");
    expect_name(&e.marks, e.mark[1], "c"); /* events at once stay as they were */
    expect_name(&e.marks, e.mark[2], "b");
    assert_int_equal(e.mark[3], ATTN_EVENTS_END);
    attn_events_free(ctx, &e);
    assert_int_equal(parse("sequence_id,time,mark\na,3,x\na,2,\na,1,x\n", &options, NULL, &e), ATTN_EINVAL);
    assert_non_null(
        strstr(attn_ctx_error(ctx, sentence, sizeof sentence), "x.csv: sequence 'a': found a row at 3 behind the row without a mark"));
    assert_int_equal(parse("sequence_id,time,mark\na,3,\n", &options, NULL, &e), ATTN_EINVAL);
}

static void times_known_to_a_day_are_moved_within_it(void **state) {
    struct attn_events_options options;
    struct attn_events e, again;
    const char *text = "sequence_id,time,mark\na,1,x\na,1,y\na,1,z\na,2,x\na,2,\nb,5,x\nb,9,y\n";
    (void)state;
    attn_events_options_init(&options);
    read_text(text, &options, &e);
    read_text(text, &options, &again);
    assert_int_equal(attn_events_jitter(ctx, &e, 1, 7), ATTN_OK);
    assert_int_equal(attn_events_jitter(ctx, &again, 1, 7), ATTN_OK);
    for (int i = 0; i < 3; i++) assert_true(e.time[i] >= 1 && e.time[i] < 2);
    assert_true(e.time[0] < e.time[1] && e.time[1] < e.time[2] && e.time[2] < e.time[3] && e.time[3] >= 2 && e.time[3] < 3);
    assert_true(e.mark[4] == ATTN_EVENTS_END && e.time[4] == 3); /* the day is over */
    assert_true(e.time[5] >= 5 && e.time[5] < 6 && e.time[6] >= 9 && e.time[6] < 10);
    assert_int_equal(e.mark[0] + e.mark[1] + e.mark[2], 0 + 1 + 2);
    assert_memory_equal(e.time, again.time, 7 * sizeof *e.time);
    attn_events_free(ctx, &e);
    attn_events_free(ctx, &again);
}

static void marks_that_are_not_known_are_refused(void **state) {
    struct attn_events_options options;
    struct attn_events e, other;
    char sentence[1024];
    (void)state;
    attn_events_options_init(&options);
    read_text("sequence_id,time,mark\n1,2,buy\n1,2,sell\n", &options, &e);
    assert_int_equal(parse("sequence_id,time,mark\n1,2,sell\n1,3,hold\n", &options, &e.marks, &other), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, sentence, sizeof sentence),
                           "x.csv: line 3, column 3: found 'hold', expected one of 2 marks: buy, sell"));
    assert_int_equal(parse("sequence_id,time,mark\n1,2,sell\n", &options, &e.marks, &other), ATTN_OK);
    assert_int_equal(other.mark[0], 1);
    assert_int_equal(other.marks.count, 2);
    attn_events_free(ctx, &other);
    attn_events_free(ctx, &e);
    assert_true(attn_events_bounds("1", &options));
    assert_int_equal(parse("sequence_id,time,mark\n1,2,sell\n", &options, NULL, &other), ATTN_EINVAL);
    assert_non_null(
        strstr(attn_ctx_error(ctx, sentence, sizeof sentence), "line 2, column 3: found 'sell', expected a number, as marks are classes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_times_and_marks_are_read_in_their_order),
        cmocka_unit_test(columns_may_be_chosen_or_left_out),
        cmocka_unit_test(dates_are_days_since_1970),
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(malformed_tables_are_refused_with_their_place),
        cmocka_unit_test(rows_are_put_in_order_where_that_is_asked_for),
        cmocka_unit_test(times_known_to_a_day_are_moved_within_it),
        cmocka_unit_test(marks_that_are_not_known_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
