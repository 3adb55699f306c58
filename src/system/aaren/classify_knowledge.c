/* What a model knows of its data, as JSON:
 *
 *   {"length": 200, "halve": false, "classes": ["chirp", "step"], "seen": [100, 100], "mean": [0.1], "deviation": [1.2]} */
#include "system/aaren/classify_data.h"

#include "base/context.h"
#include "io/record.h"
#include "train/recipe_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_numbers(FILE *file, const char *name, const double *value, int64_t count) {
    char text[40];
    fprintf(file, ", \"%s\": [", name);
    for (int64_t i = 0; i < count; i++) fprintf(file, "%s%s", i > 0 ? ", " : "", attn_real_text(value[i], text, sizeof text));
    fputc(']', file);
}

static void write_all(FILE *file, const struct attn_aaren_classify_kind *kind) {
    fprintf(file, "{\"length\": %lld, \"halve\": %s, \"classes\": [", (long long)kind->length, kind->scale.halve ? "true" : "false");
    for (int64_t k = 0; k < kind->classes; k++) {
        fputs(k > 0 ? ", " : "", file);
        attn_json_string(file, kind->name[k]);
    }
    fputs("], \"seen\": [", file);
    for (int64_t k = 0; k < kind->classes; k++) fprintf(file, "%s%lld", k > 0 ? ", " : "", (long long)kind->seen[k]);
    fputc(']', file);
    write_numbers(file, "mean", kind->scale.mean, kind->scale.channels);
    write_numbers(file, "deviation", kind->scale.deviation, kind->scale.channels);
    fputs("}\n", file);
}

attn_status attn_aaren_classify_kind_text(attn_ctx *ctx, const struct attn_aaren_classify_kind *kind, char **text) {
    char *written = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&written, &bytes);
    *text = NULL;
    if (file) {
        write_all(file, kind);
        const bool good = !ferror(file);
        if (fclose(file) == 0 && good) *text = attn_alloc(ctx, bytes + 1);
        if (*text) memcpy(*text, written, bytes + 1);
        free(written);
    }
    return *text ? ATTN_OK : attn_no_memory(ctx, "what a model knows of its data", bytes + 1);
}

/* ---------------------------------------------------------------------------------------------------------- reading */

/* An array of this name with `count` elements (-1: at least one, at most `most`). */
static const json_t *array_of(const json_t *root, const char *name, int64_t count, size_t most) {
    const json_t *array = json_object_get(root, name);
    const size_t size = json_is_array(array) ? json_array_size(array) : 0;
    return size >= 1 && size <= most && (count < 0 || size == (size_t)count) ? array : NULL;
}

static bool take_classes(const json_t *classes, const json_t *seen, struct attn_aaren_classify_kind *out) {
    for (int64_t k = 0; k < out->classes; k++) {
        const json_t *name = json_array_get(classes, (size_t)k), *count = json_array_get(seen, (size_t)k);
        if (!json_is_string(name) || json_string_length(name) >= ATTN_TS_NAME ||
            strlen(json_string_value(name)) != json_string_length(name))
            return false;
        if (!json_is_integer(count) || json_integer_value(count) < 0) return false;
        strcpy(out->name[k], json_string_value(name));
        out->seen[k] = json_integer_value(count);
    }
    return true;
}

static bool take_scale(const json_t *mean, const json_t *deviation, struct attn_aaren_classify_scale *out) {
    for (int64_t d = 0; d < out->channels; d++) {
        const json_t *m = json_array_get(mean, (size_t)d), *v = json_array_get(deviation, (size_t)d);
        if (!json_is_number(m) || !json_is_number(v)) return false;
        out->mean[d] = json_number_value(m);
        out->deviation[d] = json_number_value(v);
        if (!isfinite(out->mean[d]) || !isfinite(out->deviation[d]) || !(out->deviation[d] > 0)) return false;
    }
    return true;
}

static attn_status take(attn_ctx *ctx, const json_t *root, struct attn_aaren_classify_kind *out, bool *good) {
    const json_t *classes = array_of(root, "classes", -1, ATTN_TS_CLASSES), *mean = array_of(root, "mean", -1, ATTN_TS_DIMENSIONS),
                 *length = json_object_get(root, "length"), *halve = json_object_get(root, "halve");
    *good = false;
    if (!classes || !mean || !json_is_boolean(halve) || !json_is_integer(length)) return ATTN_OK;
    out->classes = (int64_t)json_array_size(classes);
    out->scale.channels = (int64_t)json_array_size(mean);
    out->length = json_integer_value(length);
    out->scale.halve = json_is_true(halve);
    const json_t *seen = array_of(root, "seen", out->classes, ATTN_TS_CLASSES),
                 *deviation = array_of(root, "deviation", out->scale.channels, ATTN_TS_DIMENSIONS);
    if (!seen || !deviation || out->length < 1 || out->length > INT32_MAX) return ATTN_OK;
    const size_t classes_bytes = (size_t)out->classes * (sizeof *out->name + sizeof *out->seen),
                 bytes = (size_t)out->scale.channels * sizeof(double);
    out->name = attn_alloc(ctx, (size_t)out->classes * sizeof *out->name);
    out->seen = attn_alloc(ctx, (size_t)out->classes * sizeof *out->seen);
    out->scale.mean = attn_alloc(ctx, bytes);
    out->scale.deviation = attn_alloc(ctx, bytes);
    if (!out->name || !out->seen || !out->scale.mean || !out->scale.deviation)
        return attn_no_memory(ctx, "what a model knows of its data", classes_bytes + 2 * bytes);
    *good = take_classes(classes, seen, out) && take_scale(mean, deviation, &out->scale);
    return ATTN_OK;
}

attn_status attn_aaren_classify_kind_parse(attn_ctx *ctx, const char *text, struct attn_aaren_classify_kind *out) {
    json_t *root;
    bool good;
    *out = (struct attn_aaren_classify_kind){.classes = 0};
    attn_status status = attn_recipe_load(ctx, "attn_extra", text, strlen(text), &root);
    if (status) return status;
    status = take(ctx, root, out, &good);
    json_decref(root);
    if (!status && !good)
        status =
            attn_fail(ctx, ATTN_EINVAL,
                      "attn_extra: expected \"length\", \"halve\", \"classes\" and \"seen\" of one length, \"mean\" and \"deviation\" of "
                      "one length, as a saved classifier has them");
    if (status) attn_aaren_classify_kind_close(ctx, out);
    return status;
}
