#include "train/sweep.h"

#include "base/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Value number `index` of "a,b,1..3", in ATTN_RECIPE_TEXT bytes; false: there are no more. *bad: a range that is none. */
static bool value_at(const char *values, int64_t index, char *out, bool *bad) {
    for (const char *at = values;; at++) {
        const size_t n = strcspn(at, ",");
        long long low, high;
        int used = 0;
        char part[ATTN_RECIPE_TEXT];
        if (n >= sizeof part) return !(*bad = true);
        memcpy(part, at, n);
        part[n] = '\0';
        if (sscanf(part, "%lld..%lld%n", &low, &high, &used) == 2 && (size_t)used == n) {
            if (high < low || (unsigned long long)high - (unsigned long long)low >= ATTN_SWEEP_MOST) return !(*bad = true);
            if (index <= high - low) {
                snprintf(out, ATTN_RECIPE_TEXT, "%lld", low + index);
                return true;
            }
            index -= high - low + 1;
        } else if (index-- == 0) {
            memcpy(out, part, n + 1);
            return true;
        }
        at += n;
        if (!*at) return false;
    }
}

static attn_status assign(struct attn_recipe *recipe, const char *assignment, int64_t index, bool *more) {
    char value[ATTN_RECIPE_TEXT], whole[2 * ATTN_RECIPE_TEXT];
    bool bad = false;
    const char *values = strchr(assignment, '=');
    if (!values || values - assignment >= 64) return attn_recipe_set(recipe, assignment);
    *more = value_at(values + 1, index, value, &bad);
    if (bad)
        return attn_fail(recipe->ctx, ATTN_EINVAL, "%.200s: expected values with commas between, or A..B with at most %d numbers",
                         assignment, ATTN_SWEEP_MOST);
    if (!*more) return ATTN_OK;
    snprintf(whole, sizeof whole, "%.*s=%s", (int)(values - assignment), assignment, value);
    return attn_recipe_set(recipe, whole);
}

static attn_status copy_of(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_recipe **out) {
    *out = attn_alloc(ctx, sizeof **out);
    if (!*out) return attn_no_memory(ctx, "a recipe", sizeof **out);
    **out = *recipe;
    return ATTN_OK;
}

/* Puts every value of the assignment into every recipe so far. */
static attn_status multiply(attn_ctx *ctx, struct attn_sweep *sweep, const char *assignment) {
    struct attn_sweep all = {NULL, 0};
    attn_status status = ATTN_OK;
    int64_t values = 0;
    bool more = true;
    const int64_t most = ATTN_SWEEP_MOST / sweep->count;
    for (struct attn_recipe *probe = NULL; more && !status && values <= most; values += more) { /* counts, and checks each value */
        status = copy_of(ctx, sweep->recipe[0], &probe);
        if (!status) status = assign(probe, assignment, values, &more);
        attn_free(ctx, probe);
        if (!strchr(assignment, '=')) more = false;
    }
    if (status) return status;
    if (values > most) return attn_fail(ctx, ATTN_EINVAL, "the sweep has more than %d recipes", ATTN_SWEEP_MOST);
    all.recipe = attn_alloc(ctx, (size_t)(sweep->count * values) * sizeof *all.recipe);
    if (!all.recipe) return attn_no_memory(ctx, "the sweep", (size_t)(sweep->count * values) * sizeof *all.recipe);
    for (int64_t i = 0; i < sweep->count && !status; i++)
        for (int64_t v = 0; v < values && !status; v++) {
            status = copy_of(ctx, sweep->recipe[i], &all.recipe[all.count]);
            if (!status) status = assign(all.recipe[all.count++], assignment, v, &more);
        }
    attn_sweep_free(ctx, sweep);
    *sweep = all;
    return status;
}

attn_status attn_sweep_expand(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *base, const char *const *assignments,
                              int count, struct attn_sweep *out) {
    *out = (struct attn_sweep){attn_alloc(ctx, sizeof *out->recipe), 0};
    if (!out->recipe) return attn_no_memory(ctx, "the sweep", sizeof *out->recipe);
    attn_status status = base ? copy_of(ctx, base, &out->recipe[0]) : attn_task_recipe(ctx, task, &out->recipe[0]);
    if (!status) out->count = 1;
    for (int i = 0; i < count && !status; i++) status = multiply(ctx, out, assignments[i]);
    if (status) attn_sweep_free(ctx, out);
    return status;
}

void attn_sweep_free(attn_ctx *ctx, struct attn_sweep *sweep) {
    for (int64_t i = 0; i < sweep->count; i++) attn_free(ctx, sweep->recipe[i]);
    attn_free(ctx, sweep->recipe);
    *sweep = (struct attn_sweep){NULL, 0};
}

/* Fields with more than one value in the sweep are named for all of its recipes. */
static bool varies(const struct attn_sweep *sweep, int field) {
    char first[ATTN_RECIPE_TEXT], other[ATTN_RECIPE_TEXT];
    attn_recipe_value_text(&sweep->recipe[0]->value[field], first, sizeof first);
    for (int64_t i = 1; i < sweep->count; i++)
        if (strcmp(first, attn_recipe_value_text(&sweep->recipe[i]->value[field], other, sizeof other)) != 0) return true;
    return false;
}

void attn_sweep_label(const struct attn_sweep *sweep, int64_t index, char *text, size_t size) {
    const struct attn_recipe *r = sweep->recipe[index];
    text[0] = '\0';
    for (int f = 0; f < r->count; f++)
        if (varies(sweep, f)) {
            char value[ATTN_RECIPE_TEXT];
            attn_append(text, size, "%s%s=%s", text[0] ? " " : "", r->value[f].field->name,
                        attn_recipe_value_text(&r->value[f], value, sizeof value));
        }
}
