/* Times and classes of marks in the cells of a table of events. */
#include "io/events.h"

#include "io/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beyond it differences of times would say little, and sums overflow. */
static const double most = 1e30;

/* Exactly `count` digits; NULL: they are not there. */
static const char *take_digits(const char *at, int count, int64_t *value) {
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') return NULL;
        *value = 10 * *value + (at[i] - '0');
    }
    return at + count;
}

static const char *take_byte(const char *at, char wanted) {
    return at && *at == wanted ? at + 1 : NULL;
}

/* Days since 1970-01-01 in the Gregorian calendar: of years that begin in March, so that the odd day is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    const int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400,
                  of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_day(int64_t year, int64_t month, int64_t day) {
    static const int64_t last[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= last[month - 1] + (month == 2 && leap);
}

/* HH:MM, HH:MM:SS or with a fraction, in days. */
static const char *take_clock(const char *at, double *days) {
    int64_t hour = 0, minute = 0, second = 0;
    double fraction = 0, power = 0.1;
    at = take_digits(at, 2, &hour);
    at = take_byte(at, ':');
    if (at) at = take_digits(at, 2, &minute);
    if (at && *at == ':') at = take_digits(at + 1, 2, &second);
    if (at && *at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, power /= 10) fraction += power * (*at - '0');
    if (at && *at == 'Z') at++;
    if (hour > 23 || minute > 59 || second > 60) return NULL;
    *days = ((double)(hour * 3600 + minute * 60 + second) + fraction) / 86400;
    return at;
}

static bool is_date(const char *text, double *time) {
    int64_t year = 0, month = 0, day = 0;
    double clock = 0;
    const char *at;
    if (strlen(text) > 4 && text[4] == '-') {
        at = take_byte(take_digits(text, 4, &year), '-');
        if (at) at = take_byte(take_digits(at, 2, &month), '-');
        if (at) at = take_digits(at, 2, &day);
    } else {
        at = take_byte(take_digits(text, 2, &month), '/');
        if (at) at = take_byte(take_digits(at, 2, &day), '/');
        if (at) at = take_digits(at, 4, &year);
    }
    if (at && (*at == 'T' || *at == ' ')) at = take_clock(at + 1, &clock);
    if (!at || *at || !is_day(year, month, day)) return false;
    *time = (double)days_of(year, month, day) + clock;
    return true;
}

bool attn_event_time(const char *text, double *time, bool *date) {
    while (*text == ' ') text++;
    const char *end = attn_number_read(text, time);
    while (end && *end == ' ') end++;
    *date = !end || *end;
    return *date ? is_date(text, time) : fabs(*time) <= most;
}

/* --------------------------------------------------------------------------------------------------------- classes */

bool attn_events_bounds(const char *text, struct attn_events_options *options) {
    options->bounds = 0;
    for (const char *at = text; *at;) {
        double value;
        at = options->bounds < ATTN_EVENTS_BOUNDS ? attn_number_read(at, &value) : NULL;
        if (!at || !isfinite(value) || (options->bounds > 0 && value <= options->bound[options->bounds - 1])) return false;
        options->bound[options->bounds++] = value;
        if (*at == '+' && at[1])
            at++;
        else if (*at)
            return false;
    }
    return true;
}

int32_t attn_event_class(const struct attn_events_options *options, double value) {
    int32_t class = 0;
    while (class < options->bounds && options->bound[class] <= value) class ++;
    return class;
}

attn_status attn_event_class_names(attn_ctx *ctx, const struct attn_events_options *options, struct attn_vocabulary *out) {
    const double *bound = options->bound;
    attn_status status = ATTN_OK;
    for (int i = 0; i <= options->bounds && !status; i++) {
        char name[80];
        int32_t number;
        if (i == 0)
            snprintf(name, sizeof name, "below %.9g", bound[0]);
        else if (i == options->bounds)
            snprintf(name, sizeof name, "from %.9g", bound[i - 1]);
        else
            snprintf(name, sizeof name, "%.9g to %.9g", bound[i - 1], bound[i]);
        status = attn_vocabulary_add(ctx, out, name, strlen(name), &number);
    }
    return status;
}
