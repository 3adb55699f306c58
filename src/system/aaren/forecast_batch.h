/* Windows as a model sees them: rows that are normalised, each beside the rows before it, marks of time, and what is to be forecast.
 *
 * Normalisation, of each channel by itself, without gradient; forecasts are turned back:
 *   ATTN_FORECAST_WINDOW   by mean and population variance of the window (Liu et al. 2022)
 *   ATTN_FORECAST_RUNNING  each row by mean m and variance v of the rows up to it, weighted down by the factor 1 - 1 / length for each row that has come since,
 *                          with mean 0 and variance 1, those of training, as one row more before the first. A window's rows and a stream's are
 *                          normalised alike, row by row, in constant memory
 *   ATTN_FORECAST_PLAIN    not at all
 * (x - m) / sqrt(v + 1e-5). */
#ifndef ATTN_SYSTEM_AAREN_FORECAST_BATCH_H
#define ATTN_SYSTEM_AAREN_FORECAST_BATCH_H

#include "attn_train.h"

enum attn_forecast_normal { ATTN_FORECAST_RUNNING, ATTN_FORECAST_WINDOW, ATTN_FORECAST_PLAIN };

struct attn_forecast_shape {
    int64_t length, horizon, channels, marks;
    int64_t kernel; /* rows that a token is made of: its own and those before it */
    int64_t label;  /* rows of the past that a decoder begins with; -1: there is no decoder */
    enum attn_forecast_normal normal;
    bool circular; /* the first tokens look at the window's last rows, else at zeros */
    bool every;    /* forecasts are made behind every row of the past, else behind the last */
};
/* Places of a window from which a forecast is made, and tokens of the decoder. */
static inline int64_t attn_forecast_places(const struct attn_forecast_shape *s) {
    return s->every ? s->length : 1;
}
static inline int64_t attn_forecast_decoded(const struct attn_forecast_shape *s) {
    return s->label < 0 ? 0 : s->label + s->horizon;
}

/* Mean and variance of rows so far, by Welford's update with weights that fade. */
struct attn_running {
    double weight;
    double *mean, *square; /* [channels]; square: the weighted sum of squares from the mean */
};
void attn_running_begin(struct attn_running *r, int64_t channels);
void attn_running_take(struct attn_running *r, int64_t channels, int64_t length, const double *row);
/* sqrt(v + 1e-5) of a channel. */
double attn_running_scale(const struct attn_running *r, int64_t channel);

struct attn_forecast_batch {
    struct attn_forecast_shape shape;
    int64_t count;            /* windows that are filled in */
    attn_real *token, *mark;  /* [B, length, kernel channels]: the own row first; [B, length, marks] */
    attn_real *decoder_token; /* [B, decoded, kernel channels]: rows of the horizon are zeros */
    attn_real *decoder_mark;  /* [B, decoded, marks] */
    attn_real *mean, *scale;  /* [B, places, 1, channels]: a forecast is mean + scale times what the model says */
    attn_real *target;        /* [B, places, horizon, channels] */
    double *row;              /* [length + horizon, channels]: a window that is being filled in */
    struct attn_running running;
};
/* Memory for so many windows; freed by attn_forecast_batch_close, also after a failure. */
attn_status attn_forecast_batch_open(attn_ctx *ctx, const struct attn_forecast_shape *shape, int64_t windows,
                                     struct attn_forecast_batch *out);
void attn_forecast_batch_close(attn_ctx *ctx, struct attn_forecast_batch *batch);

/* Window number `index` from standardised rows value [length + horizon, channels] and marks [length + horizon, marks] (NULL: zeros). truth false: the rows of the
 * horizon are not there, and targets not filled in. */
void attn_forecast_fill(struct attn_forecast_batch *batch, int64_t index, const double *value, const attn_real *mark, bool truth);

/* One token of rows that are normalised already: row number `at` of row [rows, channels] and those before it. */
void attn_forecast_token(const struct attn_forecast_shape *shape, const double *row, int64_t rows, int64_t at, attn_real *token);

#endif
