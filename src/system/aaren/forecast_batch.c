#include "system/aaren/forecast_batch.h"

#include "base/context.h"

#include <math.h>
#include <string.h>

static const double least_variance = 1e-5;

/* ------------------------------------------------------------------------------------------------- mean and variance */

void attn_running_begin(struct attn_running *r, int64_t channels) {
    r->weight = 1;
    for (int64_t c = 0; c < channels; c++) {
        r->mean[c] = 0;
        r->square[c] = 1;
    }
}

void attn_running_take(struct attn_running *r, int64_t channels, int64_t length, const double *row) {
    const double keep = 1 - 1 / (double)length;
    r->weight = keep * r->weight + 1;
    for (int64_t c = 0; c < channels; c++) {
        const double from = row[c] - r->mean[c];
        r->mean[c] += from / r->weight;
        r->square[c] = keep * r->square[c] + from * (row[c] - r->mean[c]);
    }
}

double attn_running_scale(const struct attn_running *r, int64_t channel) {
    return sqrt(r->square[channel] / r->weight + least_variance);
}

/* The window's, each row weighing 1. */
static void measure_window(struct attn_running *r, const double *value, int64_t length, int64_t channels) {
    r->weight = (double)length;
    for (int64_t c = 0; c < channels; c++) {
        r->mean[c] = r->square[c] = 0;
        for (int64_t i = 0; i < length; i++) r->mean[c] += value[i * channels + c] / r->weight;
        for (int64_t i = 0; i < length; i++) {
            const double from = value[i * channels + c] - r->mean[c];
            r->square[c] += from * from;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------- memory */

void attn_forecast_batch_close(attn_ctx *ctx, struct attn_forecast_batch *b) {
    attn_real **const arrays[] = {&b->token, &b->mark, &b->decoder_token, &b->decoder_mark, &b->mean, &b->scale, &b->target};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) attn_free(ctx, *arrays[i]);
    attn_free(ctx, b->row);
    attn_free(ctx, b->running.mean);
    attn_free(ctx, b->running.square);
    *b = (struct attn_forecast_batch){.count = 0};
}

/* Zeros, so that no number is undefined where there is no truth. */
static attn_status take(attn_ctx *ctx, int64_t windows, int64_t rows, int64_t numbers, attn_real **out) {
    size_t count, bytes;
    if (!attn_mul_size((size_t)windows, (size_t)rows, &count) || !attn_mul_size(count, (size_t)numbers, &count) ||
        !attn_mul_size(count, sizeof **out, &bytes))
        return attn_fail(ctx, ATTN_EINVAL, "recipe: %lld windows of %lld rows of %lld numbers are too many", (long long)windows,
                         (long long)rows, (long long)numbers);
    *out = attn_alloc(ctx, bytes);
    if (!*out) return attn_no_memory(ctx, "windows", bytes);
    memset(*out, 0, bytes);
    return ATTN_OK;
}

attn_status attn_forecast_batch_open(attn_ctx *ctx, const struct attn_forecast_shape *s, int64_t windows, struct attn_forecast_batch *out) {
    const int64_t wide = s->kernel * s->channels, places = attn_forecast_places(s), decoded = attn_forecast_decoded(s);
    *out = (struct attn_forecast_batch){.shape = *s};
    attn_status status = take(ctx, windows, s->length, wide, &out->token);
    if (!status) status = take(ctx, windows, s->length, s->marks, &out->mark);
    if (!status) status = take(ctx, windows, decoded, wide, &out->decoder_token);
    if (!status) status = take(ctx, windows, decoded, s->marks, &out->decoder_mark);
    if (!status) status = take(ctx, windows, places, s->channels, &out->mean);
    if (!status) status = take(ctx, windows, places, s->channels, &out->scale);
    if (!status) status = take(ctx, windows, places * s->horizon, s->channels, &out->target);
    const size_t rows = (size_t)((s->length + s->horizon) * s->channels) * sizeof(double), row = (size_t)s->channels * sizeof(double);
    if (status) return status;
    out->row = attn_alloc(ctx, rows);
    out->running.mean = attn_alloc(ctx, row);
    out->running.square = attn_alloc(ctx, row);
    return out->row && out->running.mean && out->running.square ? ATTN_OK : attn_no_memory(ctx, "a window", rows);
}

/* ------------------------------------------------------------------------------------------------------------ filling */

void attn_forecast_token(const struct attn_forecast_shape *s, const double *row, int64_t rows, int64_t at, attn_real *token) {
    for (int64_t k = 0; k < s->kernel; k++) {
        int64_t from = at - k;
        if (from < 0 && s->circular) from = ((from % rows) + rows) % rows;
        for (int64_t c = 0; c < s->channels; c++) token[k * s->channels + c] = from < 0 ? 0 : (attn_real)row[from * s->channels + c];
    }
}

/* A row of the past, normalised by what is known at it. */
static void normalize(const struct attn_forecast_batch *b, const double *value, double *row) {
    const struct attn_forecast_shape *s = &b->shape;
    for (int64_t c = 0; c < s->channels; c++)
        row[c] = s->normal == ATTN_FORECAST_PLAIN ? value[c] : (value[c] - b->running.mean[c]) / attn_running_scale(&b->running, c);
}

/* What forecasts of a place are turned back by, and the truth. */
static void fill_place(struct attn_forecast_batch *b, int64_t place, const double *next, bool truth) {
    const struct attn_forecast_shape *s = &b->shape;
    const bool plain = s->normal == ATTN_FORECAST_PLAIN;
    for (int64_t c = 0; c < s->channels; c++) {
        b->mean[place * s->channels + c] = plain ? 0 : (attn_real)b->running.mean[c];
        b->scale[place * s->channels + c] = plain ? 1 : (attn_real)attn_running_scale(&b->running, c);
    }
    attn_real *target = b->target + place * s->horizon * s->channels;
    for (int64_t i = 0; truth && i < s->horizon * s->channels; i++) target[i] = (attn_real)next[i];
}

/* Label rows as the encoder has them, then zeros for what is to be forecast. */
static void fill_decoder(struct attn_forecast_batch *b, int64_t index, const attn_real *mark) {
    const struct attn_forecast_shape *s = &b->shape;
    const int64_t decoded = attn_forecast_decoded(s), wide = s->kernel * s->channels, first = s->length - s->label;
    if (decoded == 0) return;
    memset(b->row + s->length * s->channels, 0, (size_t)(s->horizon * s->channels) * sizeof *b->row);
    for (int64_t i = 0; i < decoded; i++)
        attn_forecast_token(s, b->row + first * s->channels, decoded, i, b->decoder_token + (index * decoded + i) * wide);
    if (mark)
        memcpy(b->decoder_mark + index * decoded * s->marks, mark + first * s->marks, (size_t)(decoded * s->marks) * sizeof *mark);
    else
        memset(b->decoder_mark + index * decoded * s->marks, 0, (size_t)(decoded * s->marks) * sizeof *mark);
}

void attn_forecast_fill(struct attn_forecast_batch *b, int64_t index, const double *value, const attn_real *mark, bool truth) {
    const struct attn_forecast_shape *s = &b->shape;
    const int64_t wide = s->kernel * s->channels, places = attn_forecast_places(s);
    if (s->normal == ATTN_FORECAST_WINDOW)
        measure_window(&b->running, value, s->length, s->channels);
    else
        attn_running_begin(&b->running, s->channels);
    for (int64_t i = 0; i < s->length; i++) {
        const double *next = value + (i + 1) * s->channels;
        if (s->normal == ATTN_FORECAST_RUNNING) attn_running_take(&b->running, s->channels, s->length, value + i * s->channels);
        normalize(b, value + i * s->channels, b->row + i * s->channels);
        if (s->every || i == s->length - 1) fill_place(b, index * places + (s->every ? i : 0), next, truth);
    }
    for (int64_t i = 0; i < s->length; i++) attn_forecast_token(s, b->row, s->length, i, b->token + (index * s->length + i) * wide);
    attn_real *to = b->mark + index * s->length * s->marks;
    if (mark)
        memcpy(to, mark, (size_t)(s->length * s->marks) * sizeof *mark);
    else
        memset(to, 0, (size_t)(s->length * s->marks) * sizeof *mark);
    fill_decoder(b, index, mark);
}
