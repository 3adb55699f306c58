/* Series of several channels from a table of the user's own: CSV as the long-horizon benchmarks have it, plain or packed by gzip, with or without a
 * header, with or without dates in the first column. */
#ifndef ATTN_SYSTEM_AAREN_FORECAST_SERIES_H
#define ATTN_SYSTEM_AAREN_FORECAST_SERIES_H

#include "attn_train.h"
#include "base/context.h"

enum { ATTN_FORECAST_NAME = 64, ATTN_FORECAST_CHANNELS = 4096 };

struct attn_forecast_series {
    int64_t rows, channels;
    char (*name)[ATTN_FORECAST_NAME]; /* [channels]: the header's, or "1", "2", ... */
    double *value;                    /* [rows][channels] */
    int64_t *second;                  /* [rows], since 1970-01-01 (io/date.h), none before the one in front of it; NULL: no dates */
    bool titled;                      /* names are the header's */
};

/* Columns are channels, but for dates, which the first column has if its first cell is one. A cell that is empty, nan, or the number `missing` (NaN: none is) is not
 * known: it has the number before it, where there is none the first behind it. A first row of numbers alone, or of a date and numbers, is no header. ATTN_EINVAL,
 * with line and column: a cell that is no finite number or no date; a date before that of the row before; a channel without numbers; no rows.
 * Freed by attn_forecast_series_free. */
attn_status attn_forecast_read(attn_ctx *ctx, const char *path, double missing, struct attn_forecast_series *out);
/* The same from the bytes of a file; `name` stands for it in messages. */
attn_status attn_forecast_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, double missing,
                                struct attn_forecast_series *out);
/* Memory for rows and channels; dated: with an array of seconds. */
attn_status attn_forecast_series_make(attn_ctx *ctx, int64_t rows, int64_t channels, bool dated, struct attn_forecast_series *out);
void attn_forecast_series_free(attn_ctx *ctx, struct attn_forecast_series *series);

/* The difference of the last two dates that differ; 0: there is none. */
int64_t attn_forecast_interval(const struct attn_forecast_series *series);

#endif
