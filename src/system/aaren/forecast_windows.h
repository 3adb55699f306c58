/* Segments of a series for training, validation and test, windows in them, what channels are scaled by, and marks of time. */
#ifndef ATTN_SYSTEM_AAREN_FORECAST_WINDOWS_H
#define ATTN_SYSTEM_AAREN_FORECAST_WINDOWS_H

#include "system/aaren/forecast_series.h"

enum attn_forecast_split {
    ATTN_FORECAST_RATIO, /* the first 70% of the rows to train, the last 20% to test, both rounded down, the rest to validate */
    ATTN_FORECAST_ETT_H, /* 8640, then 2880 to validate, then 2880 to test: 12, 4 and 4 months of 30 days of hours; later rows are left out */
    ATTN_FORECAST_ETT_M /* four times as many: quarters of hours */
};
enum { ATTN_FORECAST_TRAIN, ATTN_FORECAST_VALIDATION, ATTN_FORECAST_TEST, ATTN_FORECAST_PARTS };

/* Rows [begin, end) that windows may have. Those of validation and test begin `length` rows before the part itself, so that its first row is the first that is
 * to be forecast. A window is `length` rows of the past and `horizon` of what follows. */
struct attn_forecast_segment {
    int64_t begin, end, windows;
};

/* ATTN_EINVAL: a part has no window. `name` stands for the series. */
attn_status attn_forecast_divide(attn_ctx *ctx, const char *name, int64_t rows, enum attn_forecast_split split, int64_t length,
                                 int64_t horizon, struct attn_forecast_segment part[ATTN_FORECAST_PARTS]);
/* How many windows so many rows have, one beginning at each. */
int64_t attn_forecast_windows(int64_t rows, int64_t length, int64_t horizon);

/* Mean and population deviation of each channel over the first `rows` rows; the deviation of a channel that never changes is 1. */
void attn_forecast_scale_of(const struct attn_forecast_series *series, int64_t rows, double *mean, double *deviation);
/* (value - mean) / deviation, in place. */
void attn_forecast_standardize(struct attn_forecast_series *series, const double *mean, const double *deviation);

/* Hour of the day, day of the week (Monday first), of the month and of the year, and where times are less than an hour apart the minute of the hour, each from
 * -0.5, its least, to 0.5, its greatest. */
enum { ATTN_FORECAST_MARKS = 5 };
int64_t attn_forecast_mark_count(int64_t interval);
void attn_forecast_marks(int64_t second, int64_t count, attn_real *mark);

#endif
