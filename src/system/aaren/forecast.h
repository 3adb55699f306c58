/* The inside of aaren/forecast: long-horizon forecasts of series of several channels. */
#ifndef ATTN_SYSTEM_AAREN_FORECAST_H
#define ATTN_SYSTEM_AAREN_FORECAST_H

#include "system/aaren/forecast_model.h"
#include "system/aaren/forecast_windows.h"
#include "train/job.h"

/* What a row of the user's own is measured by: belongs to the model, and is saved with it. */
struct attn_forecast_units {
    int64_t channels;
    int64_t interval; /* seconds from a row to the next; 0: rows have no times */
    bool titled;      /* names are a header's */
    char (*name)[ATTN_FORECAST_NAME];
    double *mean, *deviation;
};

/* A standardised series with its marks. */
struct attn_forecast_data {
    struct attn_forecast_series series;
    attn_real *mark; /* [rows, marks]; NULL: none */
};

/* A stream's face and the room of a push. */
struct attn_forecast_stream {
    const char **name; /* inputs, then outputs */
    char (*text)[ATTN_FORECAST_NAME + 16];
    double *row, *last; /* [channels], standardised */
    attn_real *token;   /* [kernel channels] */
    struct attn_running running;
};

struct attn_forecast_task {
    struct attn_forecast_shape shape;
    struct attn_forecast_units units;
    struct attn_forecast_data data; /* no rows: not read yet */
    struct attn_forecast_segment part[ATTN_FORECAST_PARTS];
    struct attn_forecast_model model;
    struct attn_forecast_batch batch, asked; /* of a step; of evaluations, which ask behind the last row alone */
    int64_t stride, stream_steps;
    double missing; /* stands for what is not known; NaN: no number does */
    int32_t *order; /* of training's windows in pass number `pass` */
    int64_t pass;
    struct attn_forecast_stream stream;
};

/* forecast_units.c: what is saved. Freed by attn_forecast_units_free, also after a failure. */
attn_status attn_forecast_units_of(attn_ctx *ctx, const struct attn_forecast_series *series, int64_t rows, struct attn_forecast_units *out);
attn_status attn_forecast_units_parse(attn_ctx *ctx, const char *text, struct attn_forecast_units *out);
attn_status attn_forecast_units_text(attn_ctx *ctx, const struct attn_forecast_units *units, char **text);
void attn_forecast_units_free(attn_ctx *ctx, struct attn_forecast_units *units);
/* Brings the channels of another series into the model's order, by their names where both have such. ATTN_EINVAL: one is missing, or there are more or fewer than
 * the model's. `name` stands for the series. */
attn_status attn_forecast_units_match(attn_ctx *ctx, const struct attn_forecast_units *units, const char *name,
                                      struct attn_forecast_series *series);

/* forecast_data.c: the recipe's series, or a generated one, where it has not been read; a new model's units and shape come from it. */
attn_status attn_forecast_load(struct attn_job *job);
/* Another series, of a file, in the model's units. Freed by attn_forecast_data_free. */
attn_status attn_forecast_data_read(struct attn_job *job, const char *path, struct attn_forecast_data *out);
/* Standardises a series, which becomes the data's, and makes its marks. Where this fails the series is freed. */
attn_status attn_forecast_data_take(attn_ctx *ctx, const struct attn_forecast_task *s, struct attn_forecast_series *series,
                                    struct attn_forecast_data *out);
void attn_forecast_data_free(attn_ctx *ctx, struct attn_forecast_data *data);

/* forecast_generate.c: seven channels, each the sum of three sinusoids and noise e[t] = 0.9 e[t - 1] + 0.3 n[t] with n normal, hour by hour from 2020-01-01 on. Row t
 * depends on the seed and on t alone. */
attn_status attn_forecast_generate(attn_ctx *ctx, uint64_t seed, int64_t rows, struct attn_forecast_series *out);

/* Window number `index` of the batch asked from rows from `begin` on. */
void attn_forecast_ask(struct attn_forecast_task *s, int64_t index, const struct attn_forecast_data *data, int64_t begin, bool truth);

/* The task's functions. */
attn_status attn_forecast_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_forecast_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
attn_status attn_forecast_picture(struct attn_job *job, int64_t index, struct attn_picture *out);
attn_status attn_forecast_write(struct attn_job *job, int64_t count, FILE *out);
attn_status attn_forecast_stream_face(struct attn_job *job, int64_t tokens, struct attn_stream_face *out);
attn_status attn_forecast_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out);
attn_status attn_forecast_export(struct attn_job *job, struct attn_c_source *c);
/* Whether the recipe's model has a form that goes row by row; numbers of state of at most `tokens` rows, -1: a mixer has none; attn_forecast_push with another number
 * of steps, up to the horizon. */
bool attn_forecast_streams(const struct attn_forecast_task *s);
int64_t attn_forecast_state(const struct attn_forecast_task *s, int64_t tokens);
attn_status attn_forecast_push_steps(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, int64_t steps,
                                     const double *in, double *out);
void attn_forecast_stream_free(attn_ctx *ctx, struct attn_forecast_stream *stream);

/* The past [length] and horizon of one channel drawn: lines over time, in the units of the file. truth NULL: none. */
attn_status attn_forecast_draw(attn_ctx *ctx, const struct attn_forecast_task *s, int64_t channel, const double *past,
                               const double *forecast, const double *truth, struct attn_picture *out);

#endif
