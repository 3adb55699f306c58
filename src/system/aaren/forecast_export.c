/* aaren/forecast as C: the encoder's stream (forecast_stream.c), whose normalisation stays in double, as it is computed once for each number of a row. A time is two
 * numbers, as a float cannot hold the seconds since 1970. */
#include "system/aaren/forecast.h"
#include "system/aaren/waves_export.h"
#include "tape/tape.h"

enum { EARLIEST = -719162, LATEST = 2932896 }; /* days of years 1 to 9999 */

/* ---------------------------------------------------------------------------------------------------------- normalised */

static const char running[] =
    "/* Mean and variance of the rows so far, by Welford's update with weights that fade (double: the steps are small). */\n"
    "static void measure(state *s) {\n"
    "    const double keep = 1 - 1 / (double)LENGTH;\n"
    "    s->weight = keep * s->weight + 1;\n"
    "    for (int c = 0; c < CHANNELS; c++) {\n"
    "        const double from = s->last[c] - s->mean[c];\n"
    "        s->mean[c] += from / s->weight;\n"
    "        s->square[c] = keep * s->square[c] + from * (s->last[c] - s->mean[c]);\n"
    "        s->scale[c] = root((float)(s->square[c] / s->weight + 1e-5));\n"
    "    }\n"
    "}\n\n";

/* The row into the window, the newest first. */
static const char take_row[] = "/* The row, by mean and deviation of training, into the window, whose newest row is its first. A number "
                               "that is not known is as it was. */\n"
                               "static void take_row(state *s, const float *in) {\n"
                               "    for (int c = 0; c < CHANNELS; c++) {\n"
                               "        const double number = ((double)in[c] - channel_mean[c]) / channel_deviation[c];\n"
                               "        if (is_known(number)) s->last[c] = number;\n"
                               "    }\n"
                               "%s"
                               "    for (int i = KERNEL * CHANNELS - 1; i >= CHANNELS; i--) s->window[i] = s->window[i - CHANNELS];\n"
                               "    for (int c = 0; c < CHANNELS; c++) s->window[c] = %s;\n"
                               "}\n\n";

static const char forecast_running[] = "/* The forecast in the user's units. */\n"
                                       "static void turn_back(const state *s, float *out) {\n"
                                       "    for (int i = 0; i < OUTPUTS; i++) {\n"
                                       "        const int c = i % CHANNELS;\n"
                                       "        const double value = (double)(out[i] * s->scale[c]) + s->mean[c];\n"
                                       "        out[i] = (float)(value * channel_deviation[c] + channel_mean[c]);\n"
                                       "    }\n"
                                       "}\n\n";
static const char forecast_plain[] =
    "/* The forecast in the user's units. */\n"
    "static void turn_back(float *out) {\n"
    "    for (int i = 0; i < OUTPUTS; i++)\n"
    "        out[i] = (float)((double)out[i] * channel_deviation[i % CHANNELS] + channel_mean[i % CHANNELS]);\n"
    "}\n\n";

static void put_rows(struct attn_c_source *c, const struct attn_forecast_task *s) {
    const bool plain = s->shape.normal == ATTN_FORECAST_PLAIN;
    attn_c_doubles(c, "channel_mean", s->shape.channels, s->units.mean);
    attn_c_doubles(c, "channel_deviation", s->shape.channels, s->units.deviation);
    attn_c_wide(c, "double", "last", s->shape.channels);
    attn_aaren_known_export(c);
    if (!plain) {
        attn_c_wide(c, "double", "weight", 0);
        attn_c_wide(c, "double", "mean", s->shape.channels);
        attn_c_wide(c, "double", "square", s->shape.channels);
        attn_c_narrow(c, "float", "scale", s->shape.channels);
        attn_c_use(c, ATTN_C_ROOT);
        attn_c_add_text(c, &c->functions, running);
        attn_c_add_text(c, &c->init, "    s->weight = 1;\n    for (int c = 0; c < CHANNELS; c++) s->square[c] = 1;\n");
    }
    attn_c_narrow(c, "float", "window", s->shape.kernel * s->shape.channels);
    attn_c_add(c, &c->functions, take_row, plain ? "" : "    measure(s);\n",
               plain ? "(float)s->last[c]" : "(float)(s->last[c] - s->mean[c]) / s->scale[c]");
    attn_c_add_text(c, &c->functions, plain ? forecast_plain : forecast_running);
}

/* --------------------------------------------------------------------------------------------------------------- times */

static const char marks_of[] =
    "/* Time of day, week, month, year (and hour) of a day since 1970 and its second, each within 1/2 of 0. Days are counted in years that "
    "begin on the first of\n"
    " * March, from the year 0 on: a leap day is then the last of its year. */\n"
    "static void marks_of(int32_t day, int32_t second, float *mark) {\n"
    "    const int32_t since = day + 719468, in_era = since % 146097;\n"
    "    const int32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;\n"
    "    const int32_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;\n"
    "    const int32_t leap = year % 4 == 0 && (year % 100 != 0 || year == 0);\n"
    "    const int32_t from_january = month < 10 ? in_year + 59 + leap : in_year - 306;\n"
    "    mark[0] = (float)(second / 3600) / 23.0f - 0.5f;\n"
    "    mark[1] = (float)((since + 2) % 7) / 6.0f - 0.5f;\n"
    "    mark[2] = (float)(in_year - (153 * month + 2) / 5) / 30.0f - 0.5f;\n"
    "    mark[3] = (float)from_january / 365.0f - 0.5f;\n"
    "    if (MARKS > 4) mark[4] = (float)(second / 60 % 60) / 59.0f - 0.5f;\n"
    "}\n\n"
    "/* The row's time: its own, else an interval behind the row before, else none is known, and marks are zeros. */\n"
    "static void take_time(state *s, float day, float second, float *mark) {\n"
    "    for (int i = 0; i < 5; i++) mark[i] = 0.0f;\n"
    "    if (day >= (float)EARLIEST && day <= (float)LATEST && second >= 0.0f && second < 86400.0f) {\n"
    "        s->day = (int32_t)day;\n"
    "        s->second = (int32_t)second;\n"
    "        s->known = 1;\n"
    "    } else if (s->known) {\n"
    "        s->day += INTERVAL / 86400;\n"
    "        s->second += INTERVAL % 86400;\n"
    "        if (s->second >= 86400) {\n"
    "            s->second -= 86400;\n"
    "            s->day++;\n"
    "        }\n"
    "        if (s->day > LATEST) s->known = 0;\n"
    "    }\n"
    "    if (s->known) marks_of(s->day, s->second, mark);\n"
    "}\n\n";

static void put_times(struct attn_c_source *c, const struct attn_forecast_task *s) {
    attn_c_size(c, "MARKS", s->shape.marks);
    attn_c_size(c, "EARLIEST", EARLIEST);
    attn_c_size(c, "LATEST", LATEST);
    attn_c_size(c, "INTERVAL", attn_min64(s->units.interval, INT32_MAX / 2));
    attn_c_narrow(c, "int32_t", "known", 0);
    attn_c_narrow(c, "int32_t", "day", 0);
    attn_c_narrow(c, "int32_t", "second", 0);
    attn_c_linear(c, "embedding_marks", &s->model.embedding.marks, 0, s->model.width, 1);
    attn_c_add_text(c, &c->functions, marks_of);
    attn_c_input(c, "unix_day", "whole days since 1970-01-01; not known: the row comes an interval behind the one before");
    attn_c_input(c, "day_second", "seconds of that day, from 0 on");
}

/* ------------------------------------------------------------------------------------------------------------ the model */

static void put_push(struct attn_c_source *c, const struct attn_forecast_task *s) {
    const bool plain = s->shape.normal == ATTN_FORECAST_PLAIN;
    if (s->shape.marks > 0) attn_c_add_text(c, &c->push, "    float mark[5];\n");
    attn_c_add_text(c, &c->push,
                    "    take_row(s, in);\n"
                    "    linear(&embedding_rows, s->window, s->x);\n");
    if (s->shape.marks > 0)
        attn_c_add_text(c, &c->push,
                        "    take_time(s, in[CHANNELS], in[CHANNELS + 1], mark);\n"
                        "    linear(&embedding_marks, mark, s->y);\n"
                        "    add_all(s->x, s->y);\n");
    attn_c_add_text(c, &c->push,
                    "    add_position(s->position, s->x);\n"
                    "    if (s->position < LENGTH - 1) s->position++;\n"
                    "    blocks(s, 0);\n"
                    "    linear(&head, s->x, out);\n");
    attn_c_add_text(c, &c->push, plain ? "    turn_back(out);\n" : "    turn_back(s, out);\n");
}

static void name_columns(struct attn_c_source *c, struct attn_forecast_task *s) {
    for (int64_t i = 0; i < s->shape.channels; i++)
        attn_c_input(c, s->units.name[i], i == 0 ? "a number that is not known, NaN, or too far off is as in the row before" : "");
    for (int64_t i = 0; i < s->stream_steps * s->shape.channels; i++) {
        const int64_t channel = i % s->shape.channels, step = i / s->shape.channels + 1;
        char name[ATTN_FORECAST_NAME + 24] = "";
        attn_append(name, sizeof name, "%s+%lld", s->units.name[channel], (long long)step);
        attn_c_output(c, name, i == 0 ? "of the next row" : "");
    }
}

attn_status attn_forecast_export(struct attn_job *job, struct attn_c_source *c) {
    struct attn_forecast_task *s = job->self;
    if (!attn_forecast_streams(s))
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "export: found a model that needs its whole window at once, expected form=encoder, normalize=running or none, and "
                         "padding=causal");
    name_columns(c, s);
    attn_c_size(c, "CHANNELS", s->shape.channels);
    attn_c_size(c, "KERNEL", s->shape.kernel);
    attn_c_size(c, "LENGTH", s->shape.length);
    put_rows(c, s);
    attn_c_linear(c, "embedding_rows", &s->model.embedding.rows, 0, s->model.width, 1);
    if (s->shape.marks > 0) put_times(c, s);
    attn_c_narrow(c, "uint32_t", "position", 0);
    attn_aaren_waves_export(c, s->model.width);
    if (attn_aaren_stack_export(s->model.stack, c)) return c->status;
    attn_c_linear(c, "head", &s->model.head, 0, s->stream_steps * s->shape.channels, 1);
    put_push(c, s);
    return c->status;
}
