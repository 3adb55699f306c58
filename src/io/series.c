#include "io/series.h"

#include "io/npz.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum form { TABLE, NPY, NPZ, SAFETENSORS };

/* A request on its way. */
struct item {
    const struct attn_series_request *request;
    enum form form;
    char path[ATTN_FILE_PATH];
    const char *name; /* of the column or array; NULL: the only one */
    int table;        /* TABLE: the item that has read the file */
    size_t column;
};

struct reading {
    attn_ctx *ctx;
    const struct attn_file_system *system;
    const struct attn_table_options *options;
    struct item item[ATTN_SERIES_MOST];
    struct attn_table table[ATTN_SERIES_MOST]; /* of those items that read one */
    int count;
    struct attn_series_set *out;
};

void attn_series_free(attn_ctx *ctx, struct attn_series_set *set) {
    for (int i = 0; i < ATTN_SERIES_MOST; i++) {
        attn_free(ctx, set->series[i].real);
        attn_free(ctx, set->series[i].integer);
        attn_free(ctx, set->series[i].file);
        attn_free(ctx, set->series[i].line);
        attn_vocabulary_free(ctx, &set->series[i].names);
    }
    *set = (struct attn_series_set){.count = 0};
}

const char *attn_series_place(const struct attn_series *series, size_t i, char text[ATTN_SERIES_PLACE]) {
    const char *what = series->line != NULL ? "line" : "element";
    text[0] = '\0';
    attn_append(text, ATTN_SERIES_PLACE, "%.400s: %s %zu", series->file, what, series->line != NULL ? (size_t)series->line[i] : i);
    return text;
}

static attn_status complain(const struct reading *r, const struct item *item, const char *what) {
    return attn_fail(r->ctx, ATTN_EINVAL, "--%s %s: %s", item->request->option, item->request->where, what);
}

/* "x.csv:OT" into path and name: at the first colon behind a suffix that is known, else at the last. */
static attn_status split(const struct reading *r, struct item *item) {
    static const struct {
        const char *suffix;
        enum form form;
    } suffixes[] = {{".npy", NPY},  {".npz", NPZ},  {".safetensors", SAFETENSORS}, {".csv", TABLE}, {".tsv", TABLE},
                    {".gz", TABLE}, {".txt", TABLE}};
    const char *where = item->request->where, *end = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        for (const char *at = strstr(where, suffixes[i].suffix); at != NULL; at = strstr(at + 1, suffixes[i].suffix)) {
            const char *behind = at + strlen(suffixes[i].suffix);
            if ((*behind != '\0' && *behind != ':') || (end != NULL && behind >= end)) continue;
            end = behind;
            item->form = suffixes[i].form;
        }
    if (end == NULL) end = strrchr(where, ':');
    if (end == NULL) end = where + strlen(where);
    if ((size_t)(end - where) >= sizeof item->path) return complain(r, item, "found a longer path than there can be");
    snprintf(item->path, sizeof item->path, "%.*s", (int)(end - where), where);
    item->name = *end == ':' ? end + 1 : NULL;
    if (item->form == NPY && item->name != NULL) return complain(r, item, "found a name behind .npy, expected none, as it is one array");
    if ((item->form == NPZ || item->form == SAFETENSORS) && item->name == NULL)
        return complain(r, item, "found no name of an array, expected FILE:NAME");
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- arrays */

static attn_status read_npz(const struct reading *r, const struct item *item, struct attn_npy *out) {
    struct attn_npz npz;
    attn_status status = attn_npz_open(r->ctx, r->system, item->path, &npz);
    if (status != ATTN_OK) return status;
    status = attn_npz_take(r->ctx, &npz, item->name, out);
    attn_npz_close(r->ctx, &npz);
    return status;
}

static attn_status whole_numbers(const struct reading *r, const struct item *item, const struct attn_npy *array, int64_t **out) {
    double *reals = NULL;
    int64_t *whole = attn_alloc(r->ctx, array->count * sizeof *whole);
    if (whole == NULL) return attn_no_memory(r->ctx, item->path, array->count * sizeof *whole);
    if (array->type == ATTN_NPY_I64) {
        memcpy(whole, array->data, array->count * sizeof *whole);
        *out = whole;
        return ATTN_OK;
    }
    attn_status status = attn_npy_to_f64(r->ctx, array, &reals);
    for (size_t i = 0; i < array->count && status == ATTN_OK; i++) {
        if (!(fabs(reals[i]) < 9007199254740992.0) || reals[i] != floor(reals[i]))
            status = attn_fail(r->ctx, ATTN_EINVAL, "%s: element %zu: found %g, expected a whole number", item->path, i, reals[i]);
        else
            whole[i] = (int64_t)reals[i];
    }
    attn_free(r->ctx, reals);
    if (status == ATTN_OK)
        *out = whole;
    else
        attn_free(r->ctx, whole);
    return status;
}

/* Takes `count` names from texts that `name_of` gives into a column. */
static attn_status number_names(attn_ctx *ctx, size_t count, const char *(*name_of)(const void *from, size_t i, char text[32]),
                                const void *from, struct attn_series *out) {
    attn_status status = ATTN_OK;
    out->integer = attn_alloc(ctx, count * sizeof *out->integer);
    if (out->integer == NULL) return attn_no_memory(ctx, "names", count * sizeof *out->integer);
    for (size_t i = 0; i < count && status == ATTN_OK; i++) {
        char text[32];
        int32_t number = 0;
        const char *name = name_of(from, i, text);
        status = attn_vocabulary_add(ctx, &out->names, name, strlen(name), &number);
        out->integer[i] = number;
    }
    return status;
}

static const char *name_of_integer(const void *from, size_t i, char text[32]) {
    snprintf(text, 32, "%" PRId64, ((const int64_t *)from)[i]);
    return text;
}

static attn_status take_array(const struct reading *r, const struct item *item, struct attn_series *out, size_t *count) {
    struct attn_npy array;
    int64_t *whole = NULL;
    attn_status status = item->form == NPY   ? attn_npy_read(r->ctx, r->system, item->path, &array)
                         : item->form == NPZ ? read_npz(r, item, &array)
                                             : attn_safetensors_read(r->ctx, r->system, item->path, item->name, &array);
    if (status != ATTN_OK) return status;
    *count = array.count;
    if (item->request->kind == ATTN_SERIES_REAL)
        status = attn_npy_to_f64(r->ctx, &array, &out->real);
    else
        status = whole_numbers(r, item, &array, &whole);
    if (status == ATTN_OK && item->request->kind == ATTN_SERIES_NAME) {
        status = number_names(r->ctx, array.count, name_of_integer, whole, out);
        attn_free(r->ctx, whole);
    } else {
        out->integer = whole;
    }
    attn_npy_free(r->ctx, &array);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- tables */

struct cells {
    const struct attn_table *table;
    size_t column;
};

static const char *name_of_cell(const void *from, size_t i, char text[32]) {
    const struct cells *cells = from;
    (void)text;
    return attn_table_text(cells->table, i, cells->column);
}

/* Numbers in the place of names are data, unless the column that is asked for is so called and could not be its number. */
static bool has_no_header(const struct attn_table *table, const char *name) {
    size_t number = 0;
    if (!attn_table_titles_are_numbers(table)) return false;
    for (const char *at = name; at != NULL && *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > table->columns) return false;
        number = 10 * number + (size_t)(*at - '0');
    }
    return name == NULL || (number >= 1 && number <= table->columns);
}

static attn_status read_table(const struct reading *r, const struct item *item, struct attn_table *out) {
    struct attn_table_options bare = *r->options;
    attn_status status = attn_table_read(r->ctx, r->system, item->path, r->options, out);
    if (status != ATTN_OK || !has_no_header(out, item->name)) return status;
    attn_table_free(r->ctx, out);
    attn_log(r->ctx, ATTN_LOG_WARN, "%s: line 1: found numbers in the place of names, and takes them for data (--no-header says so)",
             item->path);
    bare.header = false;
    return attn_table_read(r->ctx, r->system, item->path, &bare, out);
}

/* Reads the file, if no request before has, and finds the column. */
static attn_status open_table(struct reading *r, int which) {
    struct item *item = &r->item[which];
    attn_status status = ATTN_OK;
    item->table = 0;
    while (item->table < which && (r->item[item->table].form != TABLE || r->item[item->table].request->where == NULL ||
                                   strcmp(r->item[item->table].path, item->path) != 0))
        item->table++;
    if (item->table == which) status = read_table(r, item, &r->table[which]);
    if (status != ATTN_OK) return status;
    const struct attn_table *table = &r->table[item->table];
    if (item->name != NULL) return attn_table_column(r->ctx, table, item->name, &item->column);
    item->column = 0;
    if (table->columns == 1) return ATTN_OK;
    return attn_fail(r->ctx, ATTN_EINVAL, "--%s %s: found %zu columns, expected %s:COLUMN", item->request->option, item->path,
                     table->columns, item->path);
}

/* Bad rows go before any column is taken. */
static attn_status require(struct reading *r) {
    attn_status status = ATTN_OK;
    int tables = 0, others = 0;
    for (int i = 0; i < r->count && status == ATTN_OK; i++) {
        const struct item *item = &r->item[i];
        if (item->request->where == NULL) continue;
        others += item->form != TABLE;
        tables += item->form == TABLE && item->table == i;
        if (item->form != TABLE || item->request->kind == ATTN_SERIES_NAME) continue;
        status = attn_table_require(r->ctx, &r->table[item->table], &item->column, 1,
                                    item->request->kind == ATTN_SERIES_REAL ? ATTN_TABLE_REAL : ATTN_TABLE_INTEGER);
    }
    for (int i = 0; i < r->count && status == ATTN_OK; i++) {
        const struct attn_table *table = &r->table[i];
        if (table->bad == 0) continue;
        if (tables + others > 1)
            return attn_fail(r->ctx, ATTN_EINVAL, "%s; found %zu bad rows, expected none, as series of another file would not fit any more",
                             table->first_bad, table->bad);
        r->out->bad = table->bad;
        snprintf(r->out->first_bad, sizeof r->out->first_bad, "%s", table->first_bad);
    }
    return status;
}

static attn_status take_column(const struct reading *r, const struct item *item, struct attn_series *out, size_t *count) {
    const struct attn_table *table = &r->table[item->table];
    *count = table->rows;
    if (item->request->kind == ATTN_SERIES_REAL) return attn_table_reals(r->ctx, table, item->column, &out->real);
    if (item->request->kind == ATTN_SERIES_INTEGER) return attn_table_integers(r->ctx, table, item->column, &out->integer);
    return number_names(r->ctx, table->rows, name_of_cell, &(struct cells){table, item->column}, out);
}

/* Where its numbers stand, for messages. */
static attn_status take_places(const struct reading *r, const struct item *item, struct attn_series *out) {
    const size_t length = strlen(item->path) + 1;
    const struct attn_table *table = item->form == TABLE ? &r->table[item->table] : NULL;
    out->file = attn_alloc(r->ctx, length);
    if (table != NULL) out->line = attn_alloc(r->ctx, table->rows * sizeof *out->line);
    if (out->file == NULL || (table != NULL && out->line == NULL)) return attn_no_memory(r->ctx, item->path, length);
    memcpy(out->file, item->path, length);
    if (table != NULL && table->rows > 0) memcpy(out->line, table->line, table->rows * sizeof *out->line);
    return ATTN_OK;
}

/* The first column that is there says how many numbers each must have. */
static attn_status take_all(struct reading *r) {
    const struct item *first = NULL;
    for (int i = 0; i < r->count; i++) {
        const struct item *item = &r->item[i];
        size_t count = 0;
        if (item->request->where == NULL) continue;
        struct attn_series *column = &r->out->series[i];
        attn_status status = take_places(r, item, column);
        if (status == ATTN_OK) status = item->form == TABLE ? take_column(r, item, column, &count) : take_array(r, item, column, &count);
        if (status != ATTN_OK) return status;
        if (first == NULL) {
            first = item;
            r->out->count = count;
        }
        if (count != r->out->count)
            return attn_fail(r->ctx, ATTN_EINVAL, "--%s %s: found %zu values, expected %zu, as --%s has", item->request->option,
                             item->request->where, count, r->out->count, first->request->option);
    }
    return ATTN_OK;
}

attn_status attn_series_read(attn_ctx *ctx, const struct attn_file_system *system, const struct attn_series_request *requests, int count,
                             const struct attn_table_options *options, struct attn_series_set *out) {
    struct attn_series_set set = {.count = 0};
    attn_status status = ATTN_OK;
    struct reading *r = attn_alloc(ctx, sizeof *r);
    if (r == NULL) return attn_no_memory(ctx, "series of numbers", sizeof *r);
    *r = (struct reading){.ctx = ctx, .system = system, .options = options, .count = count, .out = &set};
    for (int i = 0; i < count && status == ATTN_OK; i++) {
        r->item[i].request = &requests[i];
        if (requests[i].where == NULL) continue;
        status = split(r, &r->item[i]);
        if (status == ATTN_OK && r->item[i].form == TABLE) status = open_table(r, i);
    }
    if (status == ATTN_OK) status = require(r);
    if (status == ATTN_OK) status = take_all(r);
    for (int i = 0; i < count; i++) attn_table_free(ctx, &r->table[i]);
    attn_free(ctx, r);
    if (status == ATTN_OK)
        *out = set;
    else
        attn_series_free(ctx, &set);
    return status;
}
