/* A model's units as JSON: {"channels": ["OT", ...], "titled": true, "interval": 3600, "mean": [...], "deviation": [...]}. */
#include "system/aaren/forecast.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static attn_status make(attn_ctx *ctx, int64_t channels, struct attn_forecast_units *out) {
    const size_t bytes = (size_t)channels * sizeof *out->mean;
    *out = (struct attn_forecast_units){.channels = channels};
    out->name = attn_alloc(ctx, (size_t)channels * sizeof *out->name);
    out->mean = attn_alloc(ctx, bytes);
    out->deviation = attn_alloc(ctx, bytes);
    return out->name && out->mean && out->deviation ? ATTN_OK : attn_no_memory(ctx, "the units of a series", bytes);
}

void attn_forecast_units_free(attn_ctx *ctx, struct attn_forecast_units *u) {
    attn_free(ctx, u->name);
    attn_free(ctx, u->mean);
    attn_free(ctx, u->deviation);
    *u = (struct attn_forecast_units){.channels = 0};
}

attn_status attn_forecast_units_of(attn_ctx *ctx, const struct attn_forecast_series *series, int64_t rows,
                                   struct attn_forecast_units *out) {
    const attn_status status = make(ctx, series->channels, out);
    if (status) return status;
    out->interval = attn_forecast_interval(series);
    out->titled = series->titled;
    memcpy(out->name, series->name, (size_t)series->channels * sizeof *out->name);
    attn_forecast_scale_of(series, rows, out->mean, out->deviation);
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- JSON */

/* False: no memory. */
static bool fill(const struct attn_forecast_units *u, json_t *root) {
    json_t *names = json_array(), *mean = json_array(), *deviation = json_array();
    bool good = json_object_set_new(root, "channels", names) == 0;
    good = json_object_set_new(root, "titled", json_boolean(u->titled)) == 0 && good;
    good = json_object_set_new(root, "interval", json_integer(u->interval)) == 0 && good;
    good = json_object_set_new(root, "mean", mean) == 0 && good;
    good = json_object_set_new(root, "deviation", deviation) == 0 && good;
    for (int64_t c = 0; c < u->channels && good; c++)
        good = json_array_append_new(names, json_string(u->name[c])) == 0 && json_array_append_new(mean, json_real(u->mean[c])) == 0 &&
               json_array_append_new(deviation, json_real(u->deviation[c])) == 0;
    return good;
}

attn_status attn_forecast_units_text(attn_ctx *ctx, const struct attn_forecast_units *u, char **text) {
    json_t *root = json_object();
    char *all = root && fill(u, root) ? json_dumps(root, 0) : NULL;
    const size_t bytes = all ? strlen(all) + 1 : 0;
    *text = all ? attn_alloc(ctx, bytes) : NULL;
    if (*text) memcpy(*text, all, bytes);
    free(all);
    json_decref(root);
    return *text ? ATTN_OK : attn_no_memory(ctx, "the units of a series", bytes);
}

static bool take_channel(const json_t *name, const json_t *mean, const json_t *deviation, int64_t c, struct attn_forecast_units *out) {
    if (!json_is_string(name) || json_string_length(name) >= ATTN_FORECAST_NAME || !json_is_number(mean) || !json_is_number(deviation))
        return false;
    out->name[c][0] = '\0';
    attn_append(out->name[c], sizeof out->name[c], "%s", json_string_value(name));
    out->mean[c] = json_number_value(mean);
    out->deviation[c] = json_number_value(deviation);
    return isfinite(out->mean[c]) && isfinite(out->deviation[c]) && out->deviation[c] > 0;
}

static attn_status take(attn_ctx *ctx, const json_t *root, struct attn_forecast_units *out) {
    const json_t *names = json_object_get(root, "channels"), *mean = json_object_get(root, "mean"),
                 *deviation = json_object_get(root, "deviation"), *interval = json_object_get(root, "interval");
    const size_t channels = json_array_size(names);
    bool good = channels > 0 && channels <= ATTN_FORECAST_CHANNELS && json_array_size(mean) == channels &&
                json_array_size(deviation) == channels && json_is_integer(interval) && json_integer_value(interval) >= 0;
    const attn_status status = good ? make(ctx, (int64_t)channels, out) : ATTN_OK;
    if (status) return status;
    for (size_t c = 0; c < channels && good; c++)
        good = take_channel(json_array_get(names, c), json_array_get(mean, c), json_array_get(deviation, c), (int64_t)c, out);
    if (!good)
        return attn_fail(ctx, ATTN_EINVAL,
                         "the model's units: expected \"channels\", \"mean\" and \"deviation\" of each, and \"interval\"");
    out->interval = json_integer_value(interval);
    out->titled = json_is_true(json_object_get(root, "titled"));
    return ATTN_OK;
}

attn_status attn_forecast_units_parse(attn_ctx *ctx, const char *text, struct attn_forecast_units *out) {
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    *out = (struct attn_forecast_units){.channels = 0};
    const attn_status status =
        root ? take(ctx, root, out)
             : attn_fail(ctx, ATTN_EINVAL, "the model's units: line %d, column %d: %s", error.line, error.column, error.text);
    json_decref(root);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ matching */

static int64_t column_of(const struct attn_forecast_series *series, const char *name) {
    for (int64_t c = 0; c < series->channels; c++)
        if (strcmp(series->name[c], name) == 0) return c;
    return -1;
}

/* Columns by the model's names, row by row: `row` has room for one. */
static attn_status reorder(attn_ctx *ctx, const struct attn_forecast_units *u, const char *name, struct attn_forecast_series *s,
                           double *row, int64_t *from) {
    for (int64_t c = 0; c < u->channels; c++) {
        from[c] = column_of(s, u->name[c]);
        if (from[c] < 0)
            return attn_fail(ctx, ATTN_EINVAL, "%s: found no column \"%s\", expected those that the model has learned from", name,
                             u->name[c]);
    }
    for (int64_t i = 0; i < s->rows; i++) { /* rows become shorter or stay */
        for (int64_t c = 0; c < u->channels; c++) row[c] = s->value[i * s->channels + from[c]];
        memcpy(s->value + i * u->channels, row, (size_t)u->channels * sizeof *row);
    }
    s->channels = u->channels;
    memcpy(s->name, u->name, (size_t)u->channels * sizeof *s->name);
    return ATTN_OK;
}

attn_status attn_forecast_units_match(attn_ctx *ctx, const struct attn_forecast_units *u, const char *name,
                                      struct attn_forecast_series *series) {
    const bool by_name = u->titled && series->titled;
    if (series->channels < u->channels || (!by_name && series->channels != u->channels))
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %lld columns of numbers, expected the model's %lld", name,
                         (long long)series->channels, (long long)u->channels);
    if (!by_name) return ATTN_OK;
    double *row = attn_alloc(ctx, (size_t)u->channels * sizeof *row);
    int64_t *from = attn_alloc(ctx, (size_t)u->channels * sizeof *from);
    const attn_status status =
        row && from ? reorder(ctx, u, name, series, row, from) : attn_no_memory(ctx, "a row", (size_t)u->channels * sizeof *row);
    attn_free(ctx, row);
    attn_free(ctx, from);
    return status;
}
