#include "cli/training/training.h"

#include "base/folder.h"
#include "cli/cli.h"
#include "system/systems.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *attn_cli_store(const char *option) {
    const char *set = getenv("ATTN_RUNS");
    return option ? option : set && set[0] ? set : "runs";
}

attn_status attn_cli_store_missing(attn_ctx *ctx, const char *command, const char *store) {
    return attn_fail(ctx, ATTN_EINVAL, "%s: %s: there is no such folder; --store DIR names another store", command, store);
}

/* The mixers of plugin `which`, behind those of the plugins before it, which have other names. */
static attn_status take_mixers(attn_ctx *ctx, const struct attn_words *paths, const attn_plugin *const *plugin, int which,
                               const attn_mixer_kind **kinds, int *count) {
    for (int m = 0; m < plugin[which]->mixer_count; m++) {
        const attn_mixer_kind *kind = plugin[which]->mixers[m];
        for (int i = 0; i < which; i++)
            for (int k = 0; k < plugin[i]->mixer_count; k++)
                if (strcmp(plugin[i]->mixers[k]->name, kind->name) == 0)
                    return attn_fail(ctx, ATTN_EINVAL, "plugin %s: found a mixer '%s', which plugin %s has too, expected another name",
                                     paths->item[which], kind->name, paths->item[i]);
        kinds[(*count)++] = kind;
    }
    return ATTN_OK;
}

attn_status attn_cli_plugins(attn_ctx *ctx, const struct attn_words *paths, struct attn_sources *sources, const attn_mixer_kind ***kinds,
                             int *count) {
    const attn_plugin *plugin[ATTN_OPTION_VALUES];
    int all = 0;
    *kinds = NULL;
    *count = 0;
    for (int i = 0; i < paths->count; i++) {
        attn_status status = attn_plugin_open(ctx, paths->item[i], &plugin[i]);
        if (!status && sources) status = attn_sources_plugin(sources, paths->item[i], plugin[i]);
        if (status) return status;
        all += plugin[i]->mixer_count;
    }
    *kinds = attn_alloc(ctx, (size_t)all * sizeof **kinds);
    if (!*kinds) return attn_no_memory(ctx, "the list of mixers", (size_t)all * sizeof **kinds);
    attn_status status = ATTN_OK;
    for (int i = 0; i < paths->count && !status; i++) status = take_mixers(ctx, paths, plugin, i, *kinds, count);
    return status;
}

void attn_cli_print_versions(const struct attn_version_count *count) {
    for (int i = 0; i < count->others; i++)
        printf("%lld of %lld runs %s of version %s\n", (long long)count->other[i].runs, (long long)count->runs,
               count->other[i].runs == 1 ? "is" : "are", count->other[i].version);
}

bool attn_cli_seconds(const char *text, double *out) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    const double value = strtod(text, &end);
    if (end == text || !(value >= 0) || !isfinite(value)) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0) {
            *out = value * units[i].seconds;
            return true;
        }
    return false;
}

const char *attn_cli_duration(double seconds, char text[32]) {
    if (!isfinite(seconds))
        snprintf(text, 32, "?");
    else if (seconds < 99.5)
        snprintf(text, 32, "%.*f s", seconds < 9.95 ? 1 : 0, seconds);
    else if (seconds < 5970)
        snprintf(text, 32, "%.0f min", seconds / 60);
    else
        snprintf(text, 32, "%.1f h", seconds / 3600);
    return text;
}

const char *attn_cli_count(int64_t number, const char *thing, char text[64]) {
    snprintf(text, 64, "%lld %s%s", (long long)number, thing, number == 1 ? "" : "s");
    return text;
}

const char *attn_cli_flops(double flops, char text[32]) {
    static const char *const units[] = {"MFLOP", "GFLOP", "TFLOP", "PFLOP"};
    int unit = 0;
    double value = flops * 1e-6;
    for (; value >= 999.5 && unit < 3; unit++) value *= 1e-3;
    snprintf(text, 32, "%.3g %s", value, units[unit]);
    return text;
}

static void bytes_or_null(struct attn_record *r, const char *name, int64_t bytes) {
    if (bytes < 0)
        attn_record_text(r, name, NULL);
    else
        attn_record_integer(r, name, bytes);
}

void attn_cli_run_record(struct attn_record *r, const struct attn_run_summary *s) {
    attn_record_text(r, "run", s->id);
    attn_record_text(r, "task", s->task);
    attn_record_text(r, "state", attn_run_state_name(s->state));
    attn_record_integer(r, "step", s->step);
    attn_record_integer(r, "steps", s->steps);
    attn_record_integer(r, "parameters", s->parameters);
    attn_record_real(r, "forward_flops", s->cost.forward_flops);
    attn_record_real(r, "step_flops", s->cost.step_flops);
    bytes_or_null(r, "state_bytes", s->cost.state_bytes);
    bytes_or_null(r, "paper_state_bytes", s->cost.paper_state_bytes);
    attn_record_text(r, "version", s->version[0] ? s->version : NULL);
    attn_record_real(r, "seconds", s->seconds);
    attn_record_real(r, "train_loss", s->loss);
    for (int i = 0; i < s->figures.count && r->count < ATTN_RECORD_FIELDS - 4; i++)
        attn_record_real(r, s->figures.at[i].name, s->figures.at[i].value);
    if (s->message[0]) attn_record_text(r, "message", s->message);
}

attn_status attn_cli_model_path(attn_ctx *ctx, const char *store, const char *name, char path[ATTN_FILE_PATH]) {
    char folder[ATTN_FILE_PATH / 2];
    const size_t length = strlen(name);
    if (length > 12 && strcmp(name + length - 12, ".safetensors") == 0) {
        snprintf(path, ATTN_FILE_PATH, "%s", name);
        return ATTN_OK;
    }
    const attn_status status = attn_store_folder(ctx, store, name, folder);
    if (status) return status;
    snprintf(path, ATTN_FILE_PATH, "%s/%s", folder, ATTN_MODEL_FILE);
    if (attn_path_exists(path)) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "%s: the run has no model yet; attn train --resume %s goes on with it", folder, name);
}

attn_status attn_cli_recipe(attn_ctx *ctx, const char *name, const char *text, size_t bytes, const struct attn_task **task,
                            struct attn_recipe **recipe) {
    char word[64];
    attn_status status = attn_recipe_task(ctx, name, text, bytes, word);
    if (status) return status;
    *task = attn_task_named(ctx, word);
    if (!*task) return ATTN_EINVAL;
    status = attn_task_recipe(ctx, *task, recipe);
    return status ? status : attn_recipe_parse(*recipe, name, text, bytes);
}

void attn_cli_compare_sources(attn_ctx *ctx, const char *model, bool files, struct attn_sources *sources) {
    char folder[ATTN_FILE_PATH / 2] = "", path[ATTN_FILE_PATH], other[ATTN_SOURCES_SENTENCE], *text = NULL;
    const char *end = strrchr(model, '/');
    const struct attn_task *task;
    struct attn_recipe *recipe = NULL;
    size_t bytes;
    attn_append(folder, sizeof folder, "%.*s", end ? (int)(end - model) : 1, end ? model : ".");
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    if (!attn_path_exists(path)) return; /* a model alone */
    attn_status status = attn_store_recipe(ctx, folder, &text, &bytes);
    if (!status) status = attn_cli_recipe(ctx, path, text, bytes, &task, &recipe);
    if (!status) status = attn_store_compare_sources(ctx, folder, recipe, files, sources, other);
    if (!status && other[0]) attn_complain("%s: %s", folder, other);
    attn_free(ctx, text);
    attn_free(ctx, recipe);
}
