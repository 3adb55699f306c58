/* Dates and times as texts, in the Gregorian calendar, without time zones and leap seconds. */
#ifndef ATTN_IO_DATE_H
#define ATTN_IO_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attn_date {
    int year, month, day;     /* 1 to 9999, 1 to 12, 1 to 31 */
    int hour, minute, second; /* 0 to 23, 59, 59 */
};

/* "2016-07-01", "2016-07-01 00:15", "2016-07-01T00:15:00", "2016/7/1 0:15", with blanks around it; a fraction of a second is dropped. False: the text is
 * none of these, or no day of the calendar. */
bool attn_date_parse(const char *text, struct attn_date *out);

/* Seconds since 1970-01-01 00:00:00, and the other way for what lies in the years 1 to 9999. */
int64_t attn_date_seconds(const struct attn_date *date);
struct attn_date attn_date_of(int64_t seconds);

/* 0 Monday to 6 Sunday; 1 to 366. */
int attn_date_weekday(const struct attn_date *date);
int attn_date_yearday(const struct attn_date *date);

enum { ATTN_DATE_TEXT = 80 };
/* "2016-07-01 00:15:00". Returns `text`. */
const char *attn_date_text(const struct attn_date *date, char text[ATTN_DATE_TEXT]);

#endif
