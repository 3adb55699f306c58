#include "report/curves.h"

#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { METRICS_LIMIT = 1 << 30 };

static struct attn_curve *curve_named(struct attn_curves *curves, const char *name, bool evaluation) {
    for (int i = 0; i < curves->count; i++)
        if (curves->at[i].evaluation == evaluation && strcmp(curves->at[i].name, name) == 0) return &curves->at[i];
    if (curves->count == ATTN_CURVES || strlen(name) >= sizeof curves->at[0].name) return NULL;
    struct attn_curve *c = &curves->at[curves->count++];
    *c = (struct attn_curve){.evaluation = evaluation};
    memcpy(c->name, name, strlen(name) + 1);
    return c;
}

static attn_status grow(attn_ctx *ctx, struct attn_curve *c) {
    const int64_t larger = c->room > 0 ? 2 * c->room : 64;
    double *both = attn_alloc(ctx, 2 * (size_t)larger * sizeof *both); /* one block: steps, then values */
    if (!both) return attn_no_memory(ctx, "the curves of a run", 2 * (size_t)larger * sizeof *both);
    if (c->count > 0) memcpy(both, c->step, (size_t)c->count * sizeof *both);
    if (c->count > 0) memcpy(both + larger, c->value, (size_t)c->count * sizeof *both);
    attn_free(ctx, c->step);
    c->step = both;
    c->value = both + larger;
    c->room = larger;
    return ATTN_OK;
}

static void cut_behind(struct attn_curves *curves, double step) {
    for (int i = 0; i < curves->count; i++)
        while (curves->at[i].count > 0 && curves->at[i].step[curves->at[i].count - 1] > step) curves->at[i].count--;
}

/* A point that does not lie behind the last takes the place of those from its step on, which are void. */
static attn_status add_point(attn_ctx *ctx, struct attn_curve *c, double step, double value) {
    while (c->count > 0 && c->step[c->count - 1] >= step) c->count--;
    const attn_status status = c->count == c->room ? grow(ctx, c) : ATTN_OK;
    if (status) return status;
    c->step[c->count] = step;
    c->value[c->count++] = value;
    return ATTN_OK;
}

static attn_status take_line(attn_ctx *ctx, const json_t *line, struct attn_curves *curves) {
    const char *event = json_string_value(json_object_get(line, "event")), *key;
    json_t *value, *at = json_object_get(line, "step");
    attn_status status = ATTN_OK;
    if (!event || !json_is_number(at)) return ATTN_OK;
    const double step = json_number_value(at);
    if (strcmp(event, "start") == 0) cut_behind(curves, -(double)INFINITY);
    if (strcmp(event, "resume") == 0) cut_behind(curves, step);
    const bool evaluation = strcmp(event, "evaluation") == 0;
    if (!evaluation && strcmp(event, "step") != 0) return ATTN_OK;
    json_object_foreach((json_t *)line, key, value) {
        if (!json_is_number(value) || !isfinite(json_number_value(value)) || strcmp(key, "step") == 0) continue;
        struct attn_curve *c = curve_named(curves, key, evaluation);
        if (c) status = add_point(ctx, c, step, json_number_value(value));
        if (status) break;
    }
    return status;
}

attn_status attn_curves_read(attn_ctx *ctx, const char *folder, struct attn_curves *out) {
    char path[ATTN_FILE_PATH] = "";
    uint8_t *data;
    size_t size;
    attn_append(path, sizeof path, "%s/metrics.jsonl", folder);
    attn_status status = attn_file_read(ctx, NULL, path, METRICS_LIMIT, &data, &size);
    if (status) return status;
    out->count = 0;
    for (size_t begin = 0, end; begin < size && !status; begin = end + 1) {
        const uint8_t *stop = memchr(data + begin, '\n', size - begin);
        if (!stop) break;
        end = (size_t)(stop - data);
        json_t *line = json_loadb((const char *)data + begin, end - begin, 0, NULL);
        if (json_is_object(line)) status = take_line(ctx, line, out);
        json_decref(line);
    }
    attn_free(ctx, data);
    if (status) attn_curves_free(ctx, out);
    return status;
}

void attn_curves_free(attn_ctx *ctx, struct attn_curves *curves) {
    for (int i = 0; i < curves->count; i++) attn_free(ctx, curves->at[i].step);
    curves->count = 0;
}

const struct attn_curve *attn_curves_named(const struct attn_curves *curves, const char *name, bool evaluation) {
    for (int i = 0; i < curves->count; i++)
        if (curves->at[i].evaluation == evaluation && strcmp(curves->at[i].name, name) == 0 && curves->at[i].count > 0)
            return &curves->at[i];
    return NULL;
}

int64_t attn_curve_thin(const struct attn_curve *c, int64_t most, double *step, double *value) {
    int64_t written = 0;
    if (c->count <= most) {
        memcpy(step, c->step, (size_t)c->count * sizeof *step);
        memcpy(value, c->value, (size_t)c->count * sizeof *value);
        return c->count;
    }
    const int64_t stretches = most / 2;
    for (int64_t s = 0; s < stretches; s++) {
        const int64_t begin = s * c->count / stretches, end = (s + 1) * c->count / stretches;
        int64_t least = begin, greatest = begin;
        for (int64_t i = begin; i < end; i++) {
            if (c->value[i] < c->value[least]) least = i;
            if (c->value[i] > c->value[greatest]) greatest = i;
        }
        const int64_t two[2] = {attn_min64(least, greatest), attn_max64(least, greatest)};
        for (int k = 0; k < (two[0] == two[1] ? 1 : 2); k++) {
            step[written] = c->step[two[k]];
            value[written++] = c->value[two[k]];
        }
    }
    return written;
}
