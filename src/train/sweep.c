#include "train/sweep.h"

#include "train/sweep_values.h"

#include <stdio.h>
#include <string.h>

static const char *value_of(const struct attn_sweep_axis *axis, int64_t index) {
    return axis->text + axis->begin[index];
}

/* ------------------------------------------------------------------------------------------------------------- parts */

static attn_status copy_of(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_recipe **out) {
    *out = attn_alloc(ctx, sizeof **out);
    if (!*out) return attn_no_memory(ctx, "a recipe", sizeof **out);
    **out = *recipe;
    return ATTN_OK;
}

static void free_axis(attn_ctx *ctx, struct attn_sweep_axis *axis) {
    attn_free(ctx, axis->begin);
    attn_free(ctx, axis->text);
}

void attn_sweep_free(attn_ctx *ctx, struct attn_sweep *sweep) {
    for (int p = 0; p < sweep->parts; p++) {
        for (int a = 0; a < sweep->part[p].axes; a++) free_axis(ctx, &sweep->part[p].axis[a]);
        attn_free(ctx, sweep->part[p].base);
    }
    attn_free(ctx, sweep->part);
    attn_free(ctx, sweep->made);
    *sweep = (struct attn_sweep){.count = 0};
}

attn_status attn_sweep_open(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, struct attn_sweep *out) {
    *out = (struct attn_sweep){.count = 1, .part = attn_alloc(ctx, sizeof *out->part), .parts = 1};
    if (!out->part) return attn_no_memory(ctx, "a sweep", sizeof *out->part);
    out->part->axes = 0;
    out->part->count = 1;
    out->part->base = NULL;
    attn_status status = base ? copy_of(ctx, base, &out->part->base) : attn_task_recipe(ctx, task, &out->part->base);
    if (!status) status = copy_of(ctx, out->part->base, &out->made);
    if (status) attn_sweep_free(ctx, out);
    return status;
}

attn_status attn_sweep_put(attn_ctx *ctx, struct attn_sweep *sweep, const char *place, struct attn_sweep_axis *axis) {
    struct attn_sweep_part *p = sweep->part;
    attn_status status = ATTN_OK;
    int kept = 0;
    for (int64_t i = axis->count - 1; i >= 0 && !status; i--) /* the first value stays in the base */
        status = attn_recipe_assign(p->base, place, axis->field, value_of(axis, i));
    if (status) return status;
    sweep->count = 1;
    for (int a = 0; a < p->axes; a++) {
        if (p->axis[a].field == axis->field) {
            free_axis(ctx, &p->axis[a]);
            continue;
        }
        sweep->count *= p->axis[a].count;
        p->axis[kept++] = p->axis[a];
    }
    p->axes = kept;
    if (axis->count > ATTN_SWEEP_MOST / sweep->count)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %lld values of %s for each of %lld recipes, expected at most %d recipes", place,
                         (long long)axis->count, p->base->value[axis->field].field->name, (long long)sweep->count, ATTN_SWEEP_MOST);
    sweep->count *= axis->count;
    p->count = sweep->count;
    if (axis->count == 1) return ATTN_OK; /* which the base has */
    p->axis[p->axes++] = *axis;
    *axis = (struct attn_sweep_axis){.count = 0};
    return ATTN_OK;
}

attn_status attn_sweep_assign(attn_ctx *ctx, struct attn_sweep *sweep, const char *assignment) {
    const char *values = strchr(assignment, '=');
    struct attn_sweep_axis axis;
    char name[64] = "";
    int field;
    if (!values || values == assignment || values - assignment >= (int)sizeof name)
        return attn_recipe_set(sweep->part->base, assignment); /* says what is wrong */
    memcpy(name, assignment, (size_t)(values - assignment));
    attn_status status = attn_recipe_field_of(sweep->part->base, "recipe", name, &field);
    if (status) return status;
    const enum attn_field_type type = sweep->part->base->value[field].field->type;
    status = attn_sweep_values_read(ctx, assignment, values + 1, type == ATTN_WHOLE || type == ATTN_NUMBER, &axis);
    axis.field = field;
    if (!status) status = attn_sweep_put(ctx, sweep, "recipe", &axis);
    free_axis(ctx, &axis);
    return status;
}

attn_status attn_sweep_expand(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, const char *const *assignments,
                              int count, struct attn_sweep *out) {
    attn_status status = attn_sweep_open(ctx, task, base, out);
    for (int i = 0; i < count && !status; i++) status = attn_sweep_assign(ctx, out, assignments[i]);
    if (status) attn_sweep_free(ctx, out);
    return status;
}

attn_status attn_sweep_join(attn_ctx *ctx, struct attn_sweep *sweep, struct attn_sweep *more) {
    const size_t parts = (size_t)sweep->parts + (size_t)more->parts;
    struct attn_sweep_part *all = attn_alloc(ctx, parts * sizeof *all);
    if (!all) return attn_no_memory(ctx, "a sweep", parts * sizeof *all);
    if (sweep->parts > 0) memcpy(all, sweep->part, (size_t)sweep->parts * sizeof *all);
    memcpy(all + sweep->parts, more->part, (size_t)more->parts * sizeof *all);
    attn_free(ctx, sweep->part);
    attn_free(ctx, sweep->made);
    *sweep = (struct attn_sweep){sweep->count + more->count, all, (int)parts, more->made};
    attn_free(ctx, more->part);
    *more = (struct attn_sweep){.count = 0};
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ recipes */

const struct attn_recipe *attn_sweep_recipe(const struct attn_sweep *sweep, int64_t index) {
    const struct attn_sweep_part *p = sweep->part;
    for (; index >= p->count; p++) index -= p->count;
    *sweep->made = *p->base;
    for (int a = p->axes - 1; a >= 0; a--) {
        const struct attn_sweep_axis *axis = &p->axis[a];
        (void)attn_recipe_assign(sweep->made, "recipe", axis->field, value_of(axis, index % axis->count)); /* attn_sweep_put has tried it */
        index /= axis->count;
    }
    return sweep->made;
}

/* Whether the axes have a second value of the field, or parts another one than the first. */
static bool varies(const struct attn_sweep *sweep, int field) {
    char first[ATTN_RECIPE_TEXT], other[ATTN_RECIPE_TEXT];
    attn_recipe_value_text(&sweep->part->base->value[field], first, sizeof first);
    for (int p = 0; p < sweep->parts; p++) {
        const struct attn_sweep_part *part = &sweep->part[p];
        if (strcmp(first, attn_recipe_value_text(&part->base->value[field], other, sizeof other)) != 0) return true;
        for (int a = 0; a < part->axes; a++)
            for (int64_t i = 0; part->axis[a].field == field && i < part->axis[a].count; i++)
                if (strcmp(value_of(&part->axis[a], 0), value_of(&part->axis[a], i)) != 0) return true;
    }
    return false;
}

void attn_sweep_label(const struct attn_sweep *sweep, int64_t index, char *text, size_t size) {
    const struct attn_recipe *r = attn_sweep_recipe(sweep, index);
    text[0] = '\0';
    for (int f = 0; f < r->count; f++)
        if (varies(sweep, f)) {
            char value[ATTN_RECIPE_TEXT];
            attn_append(text, size, "%s%s=%s", text[0] ? " " : "", r->value[f].field->name,
                        attn_recipe_value_text(&r->value[f], value, sizeof value));
        }
}
