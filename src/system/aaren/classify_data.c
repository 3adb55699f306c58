#include "system/aaren/classify_data.h"

#include "base/context.h"

#include <math.h>
#include <string.h>

/* From here on seeds are of tests; below, as far as a recipe's seed goes, of training. */
static const uint64_t test_seeds = (uint64_t)1 << 31;

void attn_aaren_classify_kind_close(attn_ctx *ctx, struct attn_aaren_classify_kind *kind) {
    attn_free(ctx, kind->name);
    attn_free(ctx, kind->seen);
    attn_aaren_classify_scale_close(ctx, &kind->scale);
    *kind = (struct attn_aaren_classify_kind){.classes = 0};
}

static void close_sets(attn_ctx *ctx, struct attn_aaren_classify_data *data) {
    attn_aaren_classify_set_close(ctx, &data->train);
    attn_aaren_classify_set_close(ctx, &data->validation);
    attn_aaren_classify_set_close(ctx, &data->test);
    data->loaded = false;
}

void attn_aaren_classify_data_close(attn_ctx *ctx, struct attn_aaren_classify_data *data) {
    attn_aaren_classify_kind_close(ctx, &data->kind);
    close_sets(ctx, data);
}

/* -------------------------------------------------------------------------------------------------------- agreement */

static int64_t class_of(const struct attn_aaren_classify_kind *kind, const char *name) {
    for (int64_t k = 0; k < kind->classes; k++)
        if (strcmp(kind->name[k], name) == 0) return k;
    return -1;
}

/* Labels become numbers of the model's classes, which a file may name in another order. */
static attn_status rename_classes(attn_ctx *ctx, const struct attn_aaren_classify_kind *kind, const char *file, bool strict,
                                  struct attn_ts *ts) {
    for (int64_t c = 0; c < ts->cases && ts->label; c++) {
        if (ts->label[c] < 0) continue;
        const char *name = ts->class_name[ts->label[c]];
        const int64_t k = class_of(kind, name);
        if (k < 0 && strict)
            return attn_fail(ctx, ATTN_EINVAL, "%s: line %lld: found the class '%s', expected one that the model has learned, as '%s'",
                             file, (long long)ts->line[c], name, kind->name[0]);
        ts->label[c] = (int32_t)k;
    }
    return ATTN_OK;
}

attn_status attn_aaren_classify_take(attn_ctx *ctx, const struct attn_aaren_classify_kind *kind, const char *file, struct attn_ts *ts,
                                     bool strict, struct attn_aaren_classify_set *out) {
    const struct attn_aaren_classify_scale *scale = &kind->scale;
    const int64_t longest = attn_aaren_classify_longest(ts, scale->halve);
    *out = (struct attn_aaren_classify_set){.cases = 0};
    if (ts->dimensions != scale->channels)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found series of %lld dimensions, expected %lld as in training", file,
                         (long long)ts->dimensions, (long long)scale->channels);
    if (longest > kind->length)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "%s: found a series of %lld steps, expected at most %lld, the longest of training and tests", file,
                         (long long)longest, (long long)kind->length);
    const attn_status status = rename_classes(ctx, kind, file, strict, ts);
    return status ? status : attn_aaren_classify_set_open(ctx, ts, NULL, ts->cases, scale, kind->length, out);
}

/* ----------------------------------------------------------------------------------------------------------- opening */

static attn_status read_one(attn_ctx *ctx, const struct attn_aaren_classify_source *s, bool test, struct attn_ts *out) {
    const char *path = test ? s->test : s->train;
    *out = (struct attn_ts){.cases = 0};
    if (!s->train[0])
        return attn_aaren_classify_waves_make(ctx, &s->waves, s->seed + (test ? test_seeds : 0), test ? s->test_cases : s->train_cases,
                                              out);
    return path[0] ? attn_ts_read(ctx, NULL, path, out) : ATTN_OK;
}

static attn_status check_labels(attn_ctx *ctx, const char *file, const struct attn_ts *ts) {
    if (ts->cases > 0 && ts->classes == 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found no classes, expected '@classLabel true NAMES' in the header", file);
    for (int64_t c = 0; c < ts->cases; c++)
        if (ts->label[c] < 0)
            return attn_fail(ctx, ATTN_EINVAL, "%s: line %lld: found the class '?', expected one that is known", file,
                             (long long)ts->line[c]);
    return ATTN_OK;
}

/* Class names, how often each was seen, and the greatest length. */
static attn_status know(attn_ctx *ctx, const struct attn_ts *train, const struct attn_ts *test, bool halve,
                        struct attn_aaren_classify_kind *out) {
    const size_t names = (size_t)train->classes * sizeof *out->name, counts = (size_t)train->classes * sizeof *out->seen;
    out->classes = train->classes;
    out->name = attn_alloc(ctx, names);
    out->seen = attn_alloc(ctx, counts);
    if (!out->name || !out->seen) return attn_no_memory(ctx, "names of classes", names + counts);
    memcpy(out->name, train->class_name, names);
    memset(out->seen, 0, counts);
    for (int64_t c = 0; c < train->cases; c++) out->seen[train->label[c]]++;
    out->length = attn_max64(attn_aaren_classify_longest(train, halve), attn_aaren_classify_longest(test, halve));
    return ATTN_OK;
}

/* What a saved model knows, and its data now. */
static attn_status agree(attn_ctx *ctx, const struct attn_aaren_classify_source *s, const struct attn_aaren_classify_kind *kind,
                         const struct attn_ts *ts) {
    const int64_t longest = attn_aaren_classify_longest(ts, kind->scale.halve);
    bool same = ts->dimensions == kind->scale.channels && ts->classes == kind->classes && longest <= kind->length;
    for (int64_t k = 0; k < kind->classes && same; k++) same = strcmp(ts->class_name[k], kind->name[k]) == 0;
    if (same) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL,
                     "%s: found %lld dimensions, %lld classes and %lld steps, expected %lld, %lld of the same names and at most %lld as in "
                     "training",
                     s->train, (long long)ts->dimensions, (long long)ts->classes, (long long)longest, (long long)kind->scale.channels,
                     (long long)kind->classes, (long long)kind->length);
}

static attn_status open_test(attn_ctx *ctx, const struct attn_aaren_classify_source *s, struct attn_ts *test,
                             struct attn_aaren_classify_data *data) {
    struct attn_aaren_classify_kind own = data->kind;
    attn_status status = ATTN_OK;
    if (test->cases == 0) return ATTN_OK;
    if (s->compat) status = attn_aaren_classify_scale_open(ctx, test, NULL, test->cases, data->kind.scale.halve, s->per_case, &own.scale);
    if (!status && s->compat && own.scale.channels != data->kind.scale.channels)
        status = attn_fail(ctx, ATTN_EINVAL, "%s: found series of %lld dimensions, expected %lld as in training", s->test,
                           (long long)own.scale.channels, (long long)data->kind.scale.channels);
    if (!status) status = attn_aaren_classify_take(ctx, &own, s->test, test, true, &data->test);
    if (s->compat) attn_aaren_classify_scale_close(ctx, &own.scale);
    return status;
}

/* The split of the training cases, and what is measured on those that are fitted. */
static attn_status open_train(attn_ctx *ctx, const struct attn_aaren_classify_source *s, bool known, bool halve,
                              const struct attn_ts *train, struct attn_aaren_classify_data *data) {
    struct attn_aaren_classify_kind *kind = &data->kind;
    const size_t bytes = (size_t)train->cases * sizeof(int64_t);
    int64_t *order = attn_alloc(ctx, bytes), fit = train->cases;
    if (!order) return attn_no_memory(ctx, "a split", bytes);
    attn_status status =
        attn_aaren_classify_split(ctx, train->label, train->cases, train->classes, s->compat ? 0 : s->held_out, s->seed, order, &fit);
    if (!status && !s->compat && fit == train->cases)
        status = attn_fail(
            ctx, ATTN_EINVAL,
            "recipe: held_out=%g of %lld cases: found none that can be held out, expected a greater share or more cases of a class",
            s->held_out, (long long)train->cases);
    if (!status && !known) status = attn_aaren_classify_scale_open(ctx, train, order, fit, halve, s->per_case, &kind->scale);
    if (!status) status = attn_aaren_classify_set_open(ctx, train, order, fit, &kind->scale, kind->length, &data->train);
    if (!status && fit < train->cases)
        status = attn_aaren_classify_set_open(ctx, train, order + fit, train->cases - fit, &kind->scale, kind->length, &data->validation);
    attn_free(ctx, order);
    return status;
}

attn_status attn_aaren_classify_data_open(attn_ctx *ctx, const struct attn_aaren_classify_source *s,
                                          struct attn_aaren_classify_data *data) {
    const bool known = data->kind.classes > 0;
    struct attn_ts train, test = {.cases = 0};
    attn_status status = read_one(ctx, s, false, &train);
    if (!status) status = check_labels(ctx, s->train, &train);
    if (!status) status = read_one(ctx, s, true, &test);
    if (!status) status = check_labels(ctx, s->test, &test);
    if (!status && s->compat && test.cases == 0)
        status = attn_fail(ctx, ATTN_EINVAL, "recipe: compat=true without test=: expected the file whose cases stop training");
    const bool halve = known ? data->kind.scale.halve : train.ragged || test.ragged;
    if (!status) status = known ? agree(ctx, s, &data->kind, &train) : know(ctx, &train, &test, halve, &data->kind);
    if (!status) status = open_train(ctx, s, known, halve, &train, data);
    if (!status) status = open_test(ctx, s, &test, data);
    attn_ts_free(ctx, &train);
    attn_ts_free(ctx, &test);
    data->loaded = !status;
    if (status) close_sets(ctx, data); /* it may be tried again */
    return status;
}

attn_status attn_aaren_classify_waves_write(attn_ctx *ctx, const struct attn_aaren_classify_source *s, int64_t count, FILE *out) {
    struct attn_ts ts;
    const attn_status status = attn_aaren_classify_waves_make(ctx, &s->waves, s->seed, count, &ts);
    if (status) return status;
    fprintf(
        out,
        "@problemName Waves\n@timeStamps false\n@missing false\n@univariate %s\n@dimensions %lld\n@equalLength true\n@seriesLength %lld\n",
        ts.dimensions == 1 ? "true" : "false", (long long)ts.dimensions, (long long)ts.longest);
    fputs("@classLabel true", out);
    for (int64_t k = 0; k < ts.classes; k++) fprintf(out, " %s", ts.class_name[k]);
    fputs("\n@data\n", out);
    for (int64_t c = 0; c < ts.cases; c++) {
        for (int64_t d = 0; d < ts.dimensions; d++) {
            int64_t length;
            const double *value = attn_ts_series(&ts, c, d, &length);
            for (int64_t t = 0; t < length; t++) fprintf(out, "%.9g%c", value[t], t + 1 < length ? ',' : ':');
        }
        fprintf(out, "%s\n", ts.class_name[ts.label[c]]);
    }
    attn_ts_free(ctx, &ts);
    return fflush(out) != 0 || ferror(out) ? attn_fail(ctx, ATTN_ESYSTEM, "writing the series failed") : ATTN_OK;
}
