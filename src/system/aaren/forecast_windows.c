#include "system/aaren/forecast_windows.h"

#include "io/date.h"

#include <math.h>

enum { MONTH = 30 * 24, TRAIN_MONTHS = 12, OTHER_MONTHS = 4, HOUR = 3600 };

int64_t attn_forecast_windows(int64_t rows, int64_t length, int64_t horizon) {
    return attn_max64(0, rows - length - horizon + 1);
}

/* Where the parts end. */
static void ends_of(int64_t rows, enum attn_forecast_split split, int64_t end[ATTN_FORECAST_PARTS]) {
    const int64_t month = split == ATTN_FORECAST_ETT_M ? 4 * MONTH : MONTH;
    const bool ratio = split == ATTN_FORECAST_RATIO;
    end[ATTN_FORECAST_TRAIN] = ratio ? rows / 10 * 7 + rows % 10 * 7 / 10 : TRAIN_MONTHS * month;
    end[ATTN_FORECAST_VALIDATION] = ratio ? rows - rows / 5 : (TRAIN_MONTHS + OTHER_MONTHS) * month;
    end[ATTN_FORECAST_TEST] = ratio ? rows : (TRAIN_MONTHS + 2 * OTHER_MONTHS) * month;
}

attn_status attn_forecast_divide(attn_ctx *ctx, const char *name, int64_t rows, enum attn_forecast_split split, int64_t length,
                                 int64_t horizon, struct attn_forecast_segment part[ATTN_FORECAST_PARTS]) {
    static const char *const what[] = {"to train", "to validate", "to test"};
    int64_t end[ATTN_FORECAST_PARTS];
    ends_of(rows, split, end);
    if (end[ATTN_FORECAST_TEST] > rows)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %lld rows, expected at least %lld, as split=ett-%c has", name, (long long)rows,
                         (long long)end[ATTN_FORECAST_TEST], split == ATTN_FORECAST_ETT_M ? 'm' : 'h');
    for (int i = 0; i < ATTN_FORECAST_PARTS; i++) {
        const int64_t begin = i == 0 ? 0 : attn_max64(0, end[i - 1] - length);
        part[i] = (struct attn_forecast_segment){begin, end[i], attn_forecast_windows(end[i] - begin, length, horizon)};
        if (part[i].windows == 0)
            return attn_fail(ctx, ATTN_EINVAL,
                             "%s: found %lld rows, of which %lld are %s, expected at least length=%lld and horizon=%lld there", name,
                             (long long)rows, (long long)(end[i] - begin), what[i], (long long)length, (long long)horizon);
    }
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- scale */

void attn_forecast_scale_of(const struct attn_forecast_series *s, int64_t rows, double *mean, double *deviation) {
    for (int64_t c = 0; c < s->channels; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < rows; i++) sum += s->value[i * s->channels + c];
        mean[c] = sum / (double)rows;
        for (int64_t i = 0; i < rows; i++) {
            const double from = s->value[i * s->channels + c] - mean[c];
            squares += from * from;
        }
        deviation[c] = sqrt(squares / (double)rows);
        if (!(deviation[c] > 0)) deviation[c] = 1;
    }
}

void attn_forecast_standardize(struct attn_forecast_series *s, const double *mean, const double *deviation) {
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t c = 0; c < s->channels; c++) {
            double *value = &s->value[i * s->channels + c];
            *value = (*value - mean[c]) / deviation[c];
        }
}

/* ---------------------------------------------------------------------------------------------------------------- marks */

int64_t attn_forecast_mark_count(int64_t interval) {
    return interval <= 0 ? 0 : interval < HOUR ? ATTN_FORECAST_MARKS : ATTN_FORECAST_MARKS - 1;
}

void attn_forecast_marks(int64_t second, int64_t count, attn_real *mark) {
    const struct attn_date d = attn_date_of(second);
    const double share[ATTN_FORECAST_MARKS] = {d.hour / 23.0, attn_date_weekday(&d) / 6.0, (d.day - 1) / 30.0,
                                               (attn_date_yearday(&d) - 1) / 365.0, d.minute / 59.0};
    for (int64_t i = 0; i < count; i++) mark[i] = (attn_real)(share[i] - 0.5);
}
