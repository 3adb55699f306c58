#include "system/aaren/forecast.h"

#include <string.h>

void attn_forecast_data_free(attn_ctx *ctx, struct attn_forecast_data *data) {
    attn_forecast_series_free(ctx, &data->series);
    attn_free(ctx, data->mark);
    data->mark = NULL;
}

attn_status attn_forecast_data_take(attn_ctx *ctx, const struct attn_forecast_task *s, struct attn_forecast_series *series,
                                    struct attn_forecast_data *out) {
    const int64_t marks = s->shape.marks;
    const size_t bytes = (size_t)(series->rows * marks) * sizeof *out->mark;
    *out = (struct attn_forecast_data){.series = *series};
    attn_forecast_standardize(&out->series, s->units.mean, s->units.deviation);
    if (marks == 0 || !series->second) return ATTN_OK;
    out->mark = attn_alloc(ctx, bytes);
    if (!out->mark) {
        attn_forecast_data_free(ctx, out);
        return attn_no_memory(ctx, "marks of time", bytes);
    }
    for (int64_t i = 0; i < series->rows; i++) attn_forecast_marks(series->second[i], marks, out->mark + i * marks);
    return ATTN_OK;
}

static attn_status read_series(struct attn_job *job, struct attn_forecast_series *out) {
    const struct attn_recipe *r = job->recipe;
    const char *path = attn_recipe_words(r, "data");
    if (path[0]) return attn_forecast_read(job->ctx, path, ((const struct attn_forecast_task *)job->self)->missing, out);
    return attn_forecast_generate(job->ctx, (uint64_t)attn_recipe_whole(r, "seed"), attn_recipe_whole(r, "rows"), out);
}

/* Units of a new model; a saved one brings its own. */
static attn_status take_series(struct attn_job *job, struct attn_forecast_series *series) {
    struct attn_forecast_task *s = job->self;
    const struct attn_recipe *r = job->recipe;
    const char *name = attn_recipe_words(r, "data")[0] ? attn_recipe_words(r, "data") : "the generated series";
    attn_status status = attn_forecast_divide(job->ctx, name, series->rows, (enum attn_forecast_split)attn_recipe_whole(r, "split"),
                                              s->shape.length, s->shape.horizon, s->part);
    if (!status && s->units.channels == 0) {
        status = attn_forecast_units_of(job->ctx, series, s->part[ATTN_FORECAST_TRAIN].end, &s->units);
    } else if (!status) {
        status = attn_forecast_units_match(job->ctx, &s->units, name, series);
    }
    if (status) return status;
    s->shape.channels = s->units.channels;
    s->shape.marks = attn_recipe_whole(r, "marks") ? attn_forecast_mark_count(s->units.interval) : 0;
    struct attn_forecast_series kept = *series;
    *series = (struct attn_forecast_series){.rows = 0};
    return attn_forecast_data_take(job->ctx, s, &kept, &s->data);
}

attn_status attn_forecast_load(struct attn_job *job) {
    struct attn_forecast_task *s = job->self;
    struct attn_forecast_series series;
    if (s->data.series.rows > 0) return ATTN_OK;
    attn_status status = read_series(job, &series);
    if (!status) status = take_series(job, &series);
    attn_forecast_series_free(job->ctx, &series);
    return status;
}

attn_status attn_forecast_data_read(struct attn_job *job, const char *path, struct attn_forecast_data *out) {
    const struct attn_forecast_task *s = job->self;
    struct attn_forecast_series series;
    attn_status status = attn_forecast_read(job->ctx, path, s->missing, &series);
    if (!status) status = attn_forecast_units_match(job->ctx, &s->units, path, &series);
    if (!status) return attn_forecast_data_take(job->ctx, s, &series, out);
    attn_forecast_series_free(job->ctx, &series);
    return status;
}
