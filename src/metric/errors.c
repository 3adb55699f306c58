#include "metric/metric.h"

#include <math.h>

void attn_error_add(struct attn_error_sum *sum, double predicted, double truth) {
    const double error = predicted - truth;
    sum->squares += error * error;
    sum->absolutes += fabs(error);
    sum->count++;
}

double attn_error_mse(const struct attn_error_sum *sum) {
    return sum->count > 0 ? sum->squares / (double)sum->count : (double)NAN;
}

double attn_error_mae(const struct attn_error_sum *sum) {
    return sum->count > 0 ? sum->absolutes / (double)sum->count : (double)NAN;
}

/* A number that is none would make the mean none, without a place. */
static attn_status sum_of(attn_ctx *ctx, const char *metric, const struct attn_series_set *set, struct attn_error_sum *sum) {
    char place[ATTN_SERIES_PLACE];
    *sum = (struct attn_error_sum){.count = 0};
    for (size_t i = 0; i < set->count; i++) {
        for (int s = 0; s < 2; s++)
            if (!isfinite(set->series[s].real[i]))
                return attn_fail(ctx, ATTN_EINVAL, "%s: %s: found %g, expected a finite number", metric,
                                 attn_series_place(&set->series[s], i, place), set->series[s].real[i]);
        attn_error_add(sum, set->series[0].real[i], set->series[1].real[i]);
    }
    return sum->count > 0 ? ATTN_OK : attn_fail(ctx, ATTN_EINVAL, "%s: found no predictions, expected one at least", metric);
}

attn_status attn_mse_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out) {
    struct attn_error_sum sum;
    const attn_status status = sum_of(ctx, "mse", set, &sum);
    return status ? status : attn_metric_add(ctx, out, "all", 3, attn_error_mse(&sum), (double)sum.count);
}

attn_status attn_mae_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out) {
    struct attn_error_sum sum;
    const attn_status status = sum_of(ctx, "mae", set, &sum);
    return status ? status : attn_metric_add(ctx, out, "all", 3, attn_error_mae(&sum), (double)sum.count);
}
