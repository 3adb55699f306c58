#include "system/aaren/forecast_series.h"

#include "io/date.h"
#include "io/number.h"
#include "io/table.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

void attn_forecast_series_free(attn_ctx *ctx, struct attn_forecast_series *s) {
    attn_free(ctx, s->name);
    attn_free(ctx, s->value);
    attn_free(ctx, s->second);
    *s = (struct attn_forecast_series){.rows = 0};
}

attn_status attn_forecast_series_make(attn_ctx *ctx, int64_t rows, int64_t channels, bool dated, struct attn_forecast_series *out) {
    size_t numbers, bytes;
    *out = (struct attn_forecast_series){.rows = rows, .channels = channels};
    if (!attn_mul_size((size_t)rows, (size_t)channels, &numbers) || !attn_mul_size(numbers, sizeof *out->value, &bytes))
        return attn_fail(ctx, ATTN_EINVAL, "a series of %lld rows of %lld channels is too large", (long long)rows, (long long)channels);
    out->name = attn_alloc(ctx, (size_t)channels * sizeof *out->name);
    out->value = attn_alloc(ctx, bytes);
    if (dated) out->second = attn_alloc(ctx, (size_t)rows * sizeof *out->second);
    if (out->name && out->value && (!dated || out->second)) return ATTN_OK;
    attn_forecast_series_free(ctx, out);
    return attn_no_memory(ctx, "a series", bytes);
}

int64_t attn_forecast_interval(const struct attn_forecast_series *s) {
    for (int64_t i = s->rows - 1; s->second && i > 0; i--)
        if (s->second[i] > s->second[i - 1]) return s->second[i] - s->second[i - 1];
    return 0;
}

/* --------------------------------------------------------------------------------------------------------------- cells */

struct reading {
    attn_ctx *ctx;
    const struct attn_table *table;
    double missing; /* NaN: no number stands for what is not known */
    size_t dates;   /* columns of them: 0 or 1 */
};

/* Control characters are not shown. */
static attn_status wrong_cell(const struct reading *r, size_t row, size_t column, const char *expected) {
    char cell[ATTN_WORD_SHOWN], title[72] = "";
    const char *text = attn_table_text(r->table, row, column);
    if (r->table->title) attn_append(title, sizeof title, " (%.60s)", r->table->text.bytes + r->table->title[column]);
    return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %u, column %zu%s: found \"%s\", expected %s", r->table->name,
                     (unsigned)r->table->line[row], column + 1, title, attn_word_shown(text, text + strlen(text), cell), expected);
}

static bool is_nan(const char *text, const char *end) {
    return end - text == 3 && tolower((unsigned char)text[0]) == 'n' && tolower((unsigned char)text[1]) == 'a' &&
           tolower((unsigned char)text[2]) == 'n';
}

/* NaN: not known. False: no number. */
static bool read_cell(const struct reading *r, const char *text, double *out) {
    while (*text == ' ') text++;
    const char *end = text + strlen(text);
    while (end > text && end[-1] == ' ') end--;
    *out = (double)NAN;
    if (end == text || is_nan(text, end)) return true;
    if (attn_number_read(text, out) != end || !isfinite(*out)) return false;
    if (*out == r->missing) *out = (double)NAN;
    return true;
}

static attn_status read_numbers(const struct reading *r, struct attn_forecast_series *out) {
    for (int64_t i = 0; i < out->rows; i++)
        for (int64_t c = 0; c < out->channels; c++)
            if (!read_cell(r, attn_table_text(r->table, (size_t)i, (size_t)c + r->dates), &out->value[i * out->channels + c]))
                return wrong_cell(r, (size_t)i, (size_t)c + r->dates, "a finite number, or nothing where it is not known");
    return ATTN_OK;
}

static attn_status read_dates(const struct reading *r, struct attn_forecast_series *out) {
    for (int64_t i = 0; out->second && i < out->rows; i++) {
        struct attn_date date;
        if (!attn_date_parse(attn_table_text(r->table, (size_t)i, 0), &date))
            return wrong_cell(r, (size_t)i, 0, "a date, as 2016-07-01 00:15:00");
        out->second[i] = attn_date_seconds(&date);
        if (i > 0 && out->second[i] < out->second[i - 1])
            return wrong_cell(r, (size_t)i, 0, "a time no earlier than that of the row before");
    }
    return ATTN_OK;
}

/* What is not known has the number before it, at the beginning the first that is known. */
static attn_status fill_gaps(const struct reading *r, struct attn_forecast_series *s) {
    for (int64_t c = 0; c < s->channels; c++) {
        int64_t first = 0;
        while (first < s->rows && isnan(s->value[first * s->channels + c])) first++;
        if (first == s->rows)
            return attn_fail(r->ctx, ATTN_EINVAL, "%s: column %zu (%s): found no number, expected one at least", r->table->name,
                             (size_t)c + r->dates + 1, s->name[c]);
        double last = s->value[first * s->channels + c];
        for (int64_t i = 0; i < s->rows; i++) {
            double *value = &s->value[i * s->channels + c];
            if (isnan(*value)) *value = last;
            last = *value;
        }
    }
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------------- tables */

/* A longer title is cut off between two letters of UTF-8. */
static void copy_title(const char *title, char name[ATTN_FORECAST_NAME]) {
    size_t length = strlen(title);
    if (length >= ATTN_FORECAST_NAME)
        for (length = ATTN_FORECAST_NAME - 1; length > 0 && ((unsigned char)title[length] & 0xC0) == 0x80;) length--;
    memcpy(name, title, length);
    name[length] = '\0';
}

static void name_channels(const struct reading *r, struct attn_forecast_series *out) {
    for (int64_t c = 0; c < out->channels; c++) {
        out->name[c][0] = '\0';
        if (r->table->title)
            copy_title(r->table->text.bytes + r->table->title[(size_t)c + r->dates], out->name[c]);
        else
            attn_append(out->name[c], sizeof out->name[c], "%lld", (long long)c + 1);
    }
    out->titled = r->table->title != NULL;
}

static attn_status take_table(attn_ctx *ctx, const struct attn_table *table, double missing, struct attn_forecast_series *out) {
    struct reading r = {.ctx = ctx, .table = table, .missing = missing};
    struct attn_date date;
    if (table->rows == 0) return attn_fail(ctx, ATTN_EINVAL, "%s: found no rows, expected one at least", table->name);
    r.dates = attn_date_parse(attn_table_text(table, 0, 0), &date);
    const size_t channels = table->columns - r.dates;
    if (channels < 1 || channels > ATTN_FORECAST_CHANNELS)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %zu columns of numbers, expected 1 to %d", table->name, channels,
                         ATTN_FORECAST_CHANNELS);
    attn_status status = attn_forecast_series_make(ctx, (int64_t)table->rows, (int64_t)channels, r.dates > 0, out);
    if (status) return status;
    name_channels(&r, out);
    status = read_dates(&r, out);
    if (!status) status = read_numbers(&r, out);
    if (!status) status = fill_gaps(&r, out);
    if (status) attn_forecast_series_free(ctx, out);
    return status;
}

/* Whether the row of titles is one of numbers: what remains behind a date, or all. */
static bool titles_are_a_row(const struct attn_table *table) {
    const struct reading r = {.table = table, .missing = (double)NAN};
    struct attn_date date;
    double value;
    for (size_t i = 0; i < table->columns; i++) {
        const char *title = table->text.bytes + table->title[i];
        if (i == 0 && table->columns > 1 && attn_date_parse(title, &date)) continue;
        if (!read_cell(&r, title, &value)) return false;
    }
    return true;
}

/* Once with a header, and once more where that is none. path NULL: of bytes. */
static attn_status read_table(attn_ctx *ctx, const char *path, const char *name, const uint8_t *bytes, size_t size, double missing,
                              struct attn_forecast_series *out) {
    struct attn_table table;
    attn_status status = ATTN_OK;
    bool again = false;
    *out = (struct attn_forecast_series){.rows = 0};
    for (int header = 1; header >= 0 && !status && (header == 1 || again); header--) {
        const struct attn_table_options options = {ATTN_TABLE_BY_NAME, header == 1, false};
        status = path ? attn_table_read(ctx, NULL, path, &options, &table) : attn_table_parse(ctx, name, bytes, size, &options, &table);
        if (status) break;
        again = header == 1 && titles_are_a_row(&table);
        if (!again) status = take_table(ctx, &table, missing, out);
        attn_table_free(ctx, &table);
    }
    return status;
}

attn_status attn_forecast_read(attn_ctx *ctx, const char *path, double missing, struct attn_forecast_series *out) {
    return read_table(ctx, path, path, NULL, 0, missing, out);
}

attn_status attn_forecast_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, double missing,
                                struct attn_forecast_series *out) {
    return read_table(ctx, NULL, name, bytes, size, missing, out);
}
