#include "system/aaren/forecast.h"

#include "base/random.h"
#include "io/date.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { CHANNELS = 7, WAVES = 3, BEGIN_YEAR = 2020, HOUR = 3600 };

/* A day, a week, and a length of its own. */
static void draw_waves(struct attn_random *random, double period[WAVES], double height[WAVES], double phase[WAVES]) {
    static const double known[WAVES - 1] = {24, 168};
    for (int k = 0; k < WAVES; k++) {
        period[k] = k < WAVES - 1 ? known[k] : 10 + 50 * attn_random_uniform(random);
        height[k] = 0.5 + attn_random_uniform(random);
        phase[k] = 6.283185307179586 * attn_random_uniform(random);
    }
}

static void fill_channel(uint64_t seed, int64_t channel, struct attn_forecast_series *s) {
    struct attn_random random;
    double period[WAVES], height[WAVES], phase[WAVES], noise = 0;
    attn_random_init(&random, seed * CHANNELS + (uint64_t)channel);
    draw_waves(&random, period, height, phase);
    for (int64_t t = 0; t < s->rows; t++) {
        double sum = noise = 0.9 * noise + 0.3 * attn_random_normal(&random);
        for (int k = 0; k < WAVES; k++) sum += height[k] * sin(6.283185307179586 * (double)t / period[k] + phase[k]);
        s->value[t * CHANNELS + channel] = sum;
    }
}

attn_status attn_forecast_generate(attn_ctx *ctx, uint64_t seed, int64_t rows, struct attn_forecast_series *out) {
    const struct attn_date begin = {.year = BEGIN_YEAR, .month = 1, .day = 1};
    const attn_status status = attn_forecast_series_make(ctx, rows, CHANNELS, true, out);
    if (status) return status;
    out->titled = true;
    for (int64_t t = 0; t < rows; t++) out->second[t] = attn_date_seconds(&begin) + t * HOUR;
    for (int64_t c = 0; c < CHANNELS; c++) {
        out->name[c][0] = '\0';
        attn_append(out->name[c], sizeof out->name[c], "x%lld", (long long)c + 1);
        fill_channel(seed, c, out);
    }
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- writing */

static void write_row(const struct attn_forecast_series *s, int64_t row, FILE *out) {
    const struct attn_date date = attn_date_of(s->second[row]);
    char text[ATTN_DATE_TEXT];
    fputs(attn_date_text(&date, text), out);
    for (int64_t c = 0; c < s->channels; c++) fprintf(out, ",%.9g", s->value[row * s->channels + c]);
    fputc('\n', out);
}

attn_status attn_forecast_write(struct attn_job *job, int64_t count, FILE *out) {
    struct attn_forecast_series series;
    if (attn_recipe_words(job->recipe, "data")[0])
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "data: found data=%s, expected none: its rows are those that training sees",
                         attn_recipe_words(job->recipe, "data"));
    const attn_status status = attn_forecast_generate(job->ctx, (uint64_t)attn_recipe_whole(job->recipe, "seed"), count, &series);
    if (status) return status;
    fputs("date", out);
    for (int64_t c = 0; c < series.channels; c++) fprintf(out, ",%s", series.name[c]);
    fputc('\n', out);
    for (int64_t i = 0; i < count && !ferror(out); i++) write_row(&series, i, out);
    attn_forecast_series_free(job->ctx, &series);
    errno = 0;
    if (fflush(out) == 0 && !ferror(out)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_ESYSTEM, "writing the rows failed%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
}
