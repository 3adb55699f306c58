/* Sweeps in files. */
#include "train/recipe_json.h"
#include "train/sweep_values.h"

#include <string.h>

/* One value of a list, or the only one. */
static attn_status add_value(struct attn_sweep_values *v, const struct attn_recipe *recipe, const char *name, const json_t *value) {
    const enum attn_field_type type = recipe->value[v->axis.field].field->type;
    char number[40];
    const char *text = json_string_value(value);
    bool range = false;
    attn_status status = ATTN_OK;
    if (text && (type == ATTN_WHOLE || type == ATTN_NUMBER))
        status = attn_sweep_values_add_range(v, text, json_string_length(value), &range);
    if (status || range) return status;
    status = attn_recipe_value_of(recipe, name, v->axis.field, value, number, &text);
    return status ? status : attn_sweep_values_add(v, text, strlen(text));
}

static attn_status take_field(attn_ctx *ctx, struct attn_sweep *sweep, const char *name, const char *key, const json_t *value) {
    struct attn_recipe *base = sweep->part->base;
    char place[256] = "";
    struct attn_sweep_values v = {.ctx = ctx, .place = place};
    if (strcmp(key, "task") == 0) return attn_recipe_check_task(base, name, value);
    attn_status status = attn_recipe_field_of(base, name, key, &v.axis.field);
    if (status) return status;
    attn_append(place, sizeof place, "%.150s: field \"%s\"", name, key);
    if (json_is_array(value) && json_array_size(value) == 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found an empty list, expected at least one value", place);
    for (size_t i = 0; i < json_array_size(value) && !status; i++) status = add_value(&v, base, name, json_array_get(value, i));
    if (!json_is_array(value)) status = add_value(&v, base, name, value);
    if (!status) status = attn_sweep_put(ctx, sweep, name, &v.axis);
    attn_free(ctx, v.axis.begin);
    attn_free(ctx, v.axis.text);
    return status;
}

attn_status attn_sweep_parse(attn_ctx *ctx, struct attn_sweep *sweep, const char *name, const char *text, size_t bytes) {
    json_t *root, *value;
    const char *key;
    attn_status status = attn_recipe_load(ctx, name, text, bytes, &root);
    if (status) return status;
    json_object_foreach(root, key, value) {
        status = take_field(ctx, sweep, name, key, value);
        if (status) break;
    }
    json_decref(root);
    return status;
}
