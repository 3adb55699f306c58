/* Days are counted in years that begin on the first of March: a leap day is then a year's last, and the days before each month follow one line,
 * (153 month + 2) / 5 of months from March on. */
#include "io/date.h"

#include <stdio.h>

enum { DAY = 86400, FOUR_CENTURIES = 146097, EPOCH = 719468 /* days from 0000-03-01 to 1970-01-01 */ };

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* A number of at most `most` digits; NULL: there is none. */
static const char *read_number(const char *at, int most, int *out) {
    int digits = 0;
    for (*out = 0; digits < most && *at >= '0' && *at <= '9'; at++, digits++) *out = 10 * *out + (*at - '0');
    return digits == 0 ? NULL : at;
}

/* "h:m" or "h:m:s" with a fraction. */
static const char *read_time(const char *at, struct attn_date *out) {
    if (!(at = read_number(at, 2, &out->hour)) || *at != ':' || !(at = read_number(at + 1, 2, &out->minute))) return NULL;
    if (*at == ':' && !(at = read_number(at + 1, 2, &out->second))) return NULL;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++) continue;
    return at;
}

bool attn_date_parse(const char *at, struct attn_date *out) {
    struct attn_date d = {.second = 0};
    while (*at == ' ') at++;
    if (!(at = read_number(at, 4, &d.year)) || (*at != '-' && *at != '/')) return false;
    const char between = *at;
    if (!(at = read_number(at + 1, 2, &d.month)) || *at != between || !(at = read_number(at + 1, 2, &d.day))) return false;
    if ((*at == ' ' || *at == 'T') && at[1] >= '0' && at[1] <= '9' && !(at = read_time(at + 1, &d))) return false;
    while (*at == ' ') at++;
    if (*at || d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > days_of_month(d.year, d.month)) return false;
    if (d.hour > 23 || d.minute > 59 || d.second > 59) return false;
    *out = d;
    return true;
}

/* Days since 1970-01-01. */
static int64_t days_of(int year, int month, int day) {
    const int64_t y = (int64_t)year - (month <= 2), m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - EPOCH;
}

int64_t attn_date_seconds(const struct attn_date *d) {
    return days_of(d->year, d->month, d->day) * DAY + d->hour * 3600 + d->minute * 60 + d->second;
}

struct attn_date attn_date_of(int64_t seconds) {
    const int64_t days = (seconds >= 0 ? seconds : seconds - DAY + 1) / DAY, rest = seconds - days * DAY;
    const int64_t since = days + EPOCH, era = since / FOUR_CENTURIES, in_era = since % FOUR_CENTURIES;
    /* leap days are taken out of the days before a year is counted */
    const int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (FOUR_CENTURIES - 1)) / 365;
    const int64_t in_year = in_era - (365 * year + year / 4 - year / 100), m = (5 * in_year + 2) / 153;
    const int month = (int)(m < 10 ? m + 3 : m - 9);
    return (struct attn_date){.year = (int)(400 * era + year + (month <= 2)),
                              .month = month,
                              .day = (int)(in_year - (153 * m + 2) / 5 + 1),
                              .hour = (int)(rest / 3600),
                              .minute = (int)(rest / 60 % 60),
                              .second = (int)(rest % 60)};
}

int attn_date_weekday(const struct attn_date *d) {
    return (int)((days_of(d->year, d->month, d->day) + EPOCH + 2) % 7); /* 0000-03-01 was a Wednesday */
}

int attn_date_yearday(const struct attn_date *d) {
    return (int)(days_of(d->year, d->month, d->day) - days_of(d->year, 1, 1)) + 1;
}

const char *attn_date_text(const struct attn_date *d, char text[ATTN_DATE_TEXT]) {
    snprintf(text, ATTN_DATE_TEXT, "%04d-%02d-%02d %02d:%02d:%02d", d->year, d->month, d->day, d->hour, d->minute, d->second);
    return text;
}
