/* Dates: every day of 9999 years against the C library's calendar, texts there and back, and what is no date. */
#define _POSIX_C_SOURCE 200809L
#include "io/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { DAY = 86400 };
static const int64_t first_day = -719162, last_day = 2932896; /* 0001-01-01, 9999-12-31 */

static void every_day_is_the_c_librarys(void **state) {
    (void)state;
    for (int64_t day = first_day; day <= last_day; day++) {
        const int64_t second = day * DAY + (day * 7919 % DAY + DAY) % DAY;
        const time_t t = (time_t)second;
        const struct attn_date d = attn_date_of(second);
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        const bool same = d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday && d.hour == tm.tm_hour &&
                          d.minute == tm.tm_min && d.second == tm.tm_sec && attn_date_weekday(&d) == (tm.tm_wday + 6) % 7 &&
                          attn_date_yearday(&d) == tm.tm_yday + 1 && attn_date_seconds(&d) == second;
        if (!same) fail_msg("day %lld: %d-%d-%d", (long long)day, d.year, d.month, d.day);
    }
}

static void texts_go_there_and_back(void **state) {
    (void)state;
    for (int64_t day = first_day; day <= last_day; day += 97) {
        const struct attn_date d = attn_date_of(day * DAY + 3661);
        struct attn_date back;
        char text[ATTN_DATE_TEXT];
        assert_true(attn_date_parse(attn_date_text(&d, text), &back));
        assert_memory_equal(&d, &back, sizeof d);
    }
}

static void forms_of_dates_are_read(void **state) {
    static const struct {
        const char *text;
        int64_t second;
    } cases[] = {{"1970-01-01", 0},
                 {"1970-01-02 00:00:01", DAY + 1},
                 {"1970-01-01T01:02", 3720},
                 {" 1970/1/1 1:02:03 ", 3723},
                 {"1970-01-01 00:00:01.75", 1},
                 {"2016-02-29", 1456704000},
                 {"1969-12-31 23:59:59", -1},
                 {"1970-01-01 ", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_date d;
        if (!attn_date_parse(cases[i].text, &d) || attn_date_seconds(&d) != cases[i].second) fail_msg("'%s'", cases[i].text);
    }
}

static void what_is_no_date_is_refused(void **state) {
    static const char *const texts[] = {
        "",           "2016",       "2016-07",           "2016-07-01x",      "2016-13-01",       "2016-00-01",
        "2015-02-29", "1900-02-29", "2016-04-31",        "2016-07/01",       "20160-01-01",      "-1-01-01",
        "0000-01-01", "1.5",        "2016-07-01 24:00",  "2016-07-01 12:60", "2016-07-01 12",    "2016-07-01 1:2:60",
        "a-b-c",      "2016-7-1T",  "2016-07-01 12:00Z", "2016-07-01  1:00", "2016-07-01 12:00:"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct attn_date d = {.year = 7};
        if (attn_date_parse(texts[i], &d)) fail_msg("'%s' was read", texts[i]);
        assert_int_equal(d.year, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_is_the_c_librarys),
        cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(forms_of_dates_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests_name("io: dates", tests, NULL, NULL);
}
