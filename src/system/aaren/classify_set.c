#include "system/aaren/classify_set.h"

#include "base/context.h"

#include <math.h>
#include <string.h>

enum { LONG = 256 }; /* from here on every second value is kept */

static int64_t stride_of(int64_t length, bool halve) {
    return halve && length > LONG ? 2 : 1;
}

static int64_t steps_of(const struct attn_ts *ts, int64_t index, bool halve) {
    int64_t most = 0, length;
    for (int64_t d = 0; d < ts->dimensions; d++) {
        attn_ts_series(ts, index, d, &length);
        most = attn_max64(most, attn_div_up(length, stride_of(length, halve)));
    }
    return most;
}

int64_t attn_aaren_classify_longest(const struct attn_ts *ts, bool halve) {
    int64_t most = 0;
    for (int64_t c = 0; c < ts->cases; c++) most = attn_max64(most, steps_of(ts, c, halve));
    return most;
}

/* NaNs between two values lie on the line between them; those at the ends are the value beside them. */
static bool interpolate(double *value, int64_t n) {
    int64_t last = -1;
    for (int64_t t = 0; t < n; t++) {
        if (isnan(value[t])) continue;
        for (int64_t i = last + 1; i < t; i++)
            value[i] = last < 0 ? value[t] : value[last] + (value[t] - value[last]) * (double)(i - last) / (double)(t - last);
        last = t;
    }
    for (int64_t i = last + 1; i < n; i++) value[i] = last < 0 ? 0 : value[last];
    return last >= 0;
}

int64_t attn_aaren_classify_channel(const struct attn_ts *ts, int64_t index, int64_t d, bool halve, double *value, bool *known) {
    int64_t length;
    const int64_t steps = steps_of(ts, index, halve);
    const double *from = attn_ts_series(ts, index, d, &length);
    const int64_t stride = stride_of(length, halve);
    for (int64_t t = 0; t < steps; t++) value[t] = t * stride < length ? from[t * stride] : (double)NAN;
    *known = interpolate(value, steps);
    return steps;
}

/* ------------------------------------------------------------------------------------------------------------ scale */

/* Mean and deviation of a channel over some cases: two passes, so that a great mean takes nothing from a small deviation. */
static void measure(const struct attn_ts *ts, const int64_t *index, int64_t count, int64_t d, bool halve, double *value, double *mean,
                    double *deviation) {
    double sum = 0, squares = 0, all = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < count; i++) {
            bool known;
            const int64_t steps = attn_aaren_classify_channel(ts, index ? index[i] : i, d, halve, value, &known);
            for (int64_t t = 0; t < steps && known; t++)
                if (pass == 0)
                    sum += value[t];
                else
                    squares += (value[t] - *mean) * (value[t] - *mean);
            all += pass == 0 && known ? (double)steps : 0;
        }
        if (pass == 0) *mean = all > 0 ? sum / all : 0;
    }
    *deviation = all > 0 ? sqrt(squares / all) : 0;
    if (!(*deviation > 0) || !isfinite(*deviation)) *deviation = 1;
}

attn_status attn_aaren_classify_scale_open(attn_ctx *ctx, const struct attn_ts *ts, const int64_t *index, int64_t count, bool halve,
                                           bool per_case, struct attn_aaren_classify_scale *out) {
    const size_t bytes = (size_t)ts->dimensions * sizeof(double), room = (size_t)attn_aaren_classify_longest(ts, halve) * sizeof(double);
    double *value = attn_alloc(ctx, room);
    *out = (struct attn_aaren_classify_scale){.channels = ts->dimensions, .halve = halve, .per_case = per_case};
    out->mean = attn_alloc(ctx, bytes);
    out->deviation = attn_alloc(ctx, bytes);
    attn_status status = ATTN_OK;
    if (!value || !out->mean || !out->deviation) status = attn_no_memory(ctx, "means of channels", 2 * bytes + room);
    for (int64_t d = 0; d < ts->dimensions && !status; d++) measure(ts, index, count, d, halve, value, &out->mean[d], &out->deviation[d]);
    attn_free(ctx, value);
    return status;
}

void attn_aaren_classify_scale_close(attn_ctx *ctx, struct attn_aaren_classify_scale *scale) {
    attn_free(ctx, scale->mean);
    attn_free(ctx, scale->deviation);
    *scale = (struct attn_aaren_classify_scale){.channels = 0};
}

/* -------------------------------------------------------------------------------------------------------------- set */

/* By the case's own mean and deviation, the latter never 0 (as in Liu et al. 2022). */
static void standardise_alone(double *value, int64_t n) {
    double mean = 0, variance = 0;
    for (int64_t t = 0; t < n; t++) mean += value[t] / (double)n;
    for (int64_t t = 0; t < n; t++) variance += (value[t] - mean) * (value[t] - mean) / (double)n;
    for (int64_t t = 0; t < n; t++) value[t] = (value[t] - mean) / sqrt(variance + 1e-5);
}

static void put_case(const struct attn_ts *ts, int64_t index, const struct attn_aaren_classify_scale *scale, double *value, int64_t at,
                     struct attn_aaren_classify_set *set) {
    attn_real *x = set->x + at * set->length * set->channels;
    int64_t steps = 0;
    memset(x, 0, (size_t)(set->length * set->channels) * sizeof *x);
    for (int64_t d = 0; d < set->channels; d++) {
        bool known;
        steps = attn_aaren_classify_channel(ts, index, d, scale->halve, value, &known);
        for (int64_t t = 0; t < steps; t++) value[t] = known ? (value[t] - scale->mean[d]) / scale->deviation[d] : 0;
        if (scale->per_case) standardise_alone(value, steps);
        for (int64_t t = 0; t < steps; t++) x[t * set->channels + d] = (attn_real)value[t];
    }
    set->steps[at] = (int32_t)steps;
    set->label[at] = ts->label ? ts->label[index] : -1;
}

attn_status attn_aaren_classify_set_open(attn_ctx *ctx, const struct attn_ts *ts, const int64_t *index, int64_t count,
                                         const struct attn_aaren_classify_scale *scale, int64_t length,
                                         struct attn_aaren_classify_set *out) {
    size_t bytes = 0;
    *out = (struct attn_aaren_classify_set){.cases = count, .length = length, .channels = ts->dimensions};
    const bool fits =
        attn_mul_size((size_t)count, (size_t)length, &bytes) && attn_mul_size(bytes, (size_t)ts->dimensions * sizeof *out->x, &bytes);
    double *value = attn_alloc(ctx, (size_t)length * sizeof *value);
    out->x = fits ? attn_alloc(ctx, bytes) : NULL;
    out->steps = attn_alloc(ctx, (size_t)count * sizeof *out->steps);
    out->label = attn_alloc(ctx, (size_t)count * sizeof *out->label);
    const bool room = value && out->x && out->steps && out->label;
    for (int64_t i = 0; i < count && room; i++) put_case(ts, index ? index[i] : i, scale, value, i, out);
    attn_free(ctx, value);
    return room ? ATTN_OK : attn_no_memory(ctx, "series, all of the greatest length", fits ? bytes : SIZE_MAX);
}

void attn_aaren_classify_set_close(attn_ctx *ctx, struct attn_aaren_classify_set *set) {
    attn_free(ctx, set->x);
    attn_free(ctx, set->steps);
    attn_free(ctx, set->label);
    *set = (struct attn_aaren_classify_set){.cases = 0};
}
