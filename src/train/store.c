#include "train/store.h"

#include "base/folder.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPE_LIMIT = 1 << 20, METRICS_LIMIT = 1 << 30 };

const char *attn_run_state_name(enum attn_run_state state) {
    static const char *const names[] = {"done", "stopped", "failed", "running", "killed"};
    return names[state];
}

static const char *join(char path[ATTN_FILE_PATH], const char *folder, const char *name) {
    path[0] = '\0';
    attn_append(path, ATTN_FILE_PATH, "%s/%s", folder, name); /* what is cut off names nothing */
    return path;
}

attn_status attn_store_recipe(attn_ctx *ctx, const char *folder, char **text, size_t *bytes) {
    char path[ATTN_FILE_PATH];
    uint8_t *data;
    const attn_status status = attn_file_read(ctx, NULL, join(path, folder, "recipe.json"), RECIPE_LIMIT, &data, bytes);
    if (!status) *text = (char *)data;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ lines */

static double number_of(const json_t *line, const char *key, double otherwise) {
    const json_t *value = json_object_get(line, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* Everything that an evaluation's line says besides. */
static void take_figures(const json_t *line, struct attn_figures *figures) {
    const char *key;
    json_t *value;
    figures->count = 0;
    json_object_foreach((json_t *)line, key, value) if (json_is_number(value) && strcmp(key, "step") != 0 && strcmp(key, "seconds") != 0)
        attn_figures_add(figures, key, json_number_value(value));
}

static void take_line(const json_t *line, struct attn_run_summary *s) {
    const char *event = json_string_value(json_object_get(line, "event"));
    if (!event) return;
    s->step = (int64_t)number_of(line, "step", (double)s->step);
    s->seconds = number_of(line, "seconds", s->seconds);
    s->state = ATTN_RUN_KILLED;
    if (strcmp(event, "start") == 0) {
        s->steps = (int64_t)number_of(line, "steps", 0);
        s->parameters = (int64_t)number_of(line, "parameters", 0);
    } else if (strcmp(event, "step") == 0) {
        s->loss = number_of(line, "loss", (double)NAN);
    } else if (strcmp(event, "evaluation") == 0) {
        take_figures(line, &s->figures);
    } else if (strcmp(event, "done") == 0) {
        take_figures(line, &s->figures);
        s->state = ATTN_RUN_DONE;
    } else if (strcmp(event, "stopped") == 0) {
        s->state = ATTN_RUN_STOPPED;
    } else if (strcmp(event, "failed") == 0) {
        const char *message = json_string_value(json_object_get(line, "message"));
        s->state = ATTN_RUN_FAILED;
        s->message[0] = '\0';
        attn_append(s->message, sizeof s->message, "%s", message ? message : "");
    }
}

static attn_status read_lines(attn_ctx *ctx, const char *path, struct attn_run_summary *s) {
    uint8_t *data;
    size_t size;
    const attn_status status = attn_file_read(ctx, NULL, path, METRICS_LIMIT, &data, &size);
    if (status) return status;
    for (size_t begin = 0, end; begin < size; begin = end + 1) {
        const uint8_t *stop = memchr(data + begin, '\n', size - begin);
        if (!stop) break; /* not finished */
        end = (size_t)(stop - data);
        json_t *line = json_loadb((const char *)data + begin, end - begin, 0, NULL);
        if (json_is_object(line)) take_line(line, s);
        json_decref(line);
    }
    attn_free(ctx, data);
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------------- runs */

attn_status attn_store_read(attn_ctx *ctx, const char *folder, struct attn_run_summary *out) {
    char path[ATTN_FILE_PATH], *text;
    size_t bytes;
    *out = (struct attn_run_summary){.state = ATTN_RUN_KILLED, .loss = (double)NAN};
    const char *slash = strrchr(folder, '/');
    attn_append(out->folder, sizeof out->folder, "%s", folder);
    attn_append(out->id, sizeof out->id, "%s", slash ? slash + 1 : folder);
    attn_status status = attn_store_recipe(ctx, folder, &text, &bytes);
    if (status) return status;
    status = attn_recipe_task(ctx, join(path, folder, "recipe.json"), text, bytes, out->task);
    attn_free(ctx, text);
    if (!status) status = read_lines(ctx, join(path, folder, "metrics.jsonl"), out);
    if (!status && out->state != ATTN_RUN_DONE && attn_journal_busy(path)) out->state = ATTN_RUN_RUNNING;
    return status;
}

/* Visits the folders that have a recipe. */
static attn_status each_run(attn_ctx *ctx, const char *store, attn_status (*visit)(attn_ctx *ctx, const char *folder, void *user),
                            void *user) {
    struct attn_folder names;
    if (!attn_path_exists(store)) return ATTN_OK;
    attn_status status = attn_folder_list(ctx, store, &names);
    for (size_t i = 0; i < names.count && !status; i++) {
        char folder[ATTN_FILE_PATH], path[ATTN_FILE_PATH];
        join(folder, store, names.name[i]);
        if (attn_path_exists(join(path, folder, "recipe.json"))) status = visit(ctx, folder, user);
    }
    attn_folder_free(ctx, &names);
    return status;
}

struct list {
    struct attn_run_summary *at;
    int64_t count, room;
};

static attn_status add_run(attn_ctx *ctx, const char *folder, void *user) {
    struct list *l = user;
    if (l->count == l->room) {
        const int64_t larger = l->room > 0 ? 2 * l->room : 16;
        struct attn_run_summary *at = attn_alloc(ctx, (size_t)larger * sizeof *at);
        if (!at) return attn_no_memory(ctx, "the list of runs", (size_t)larger * sizeof *at);
        if (l->count > 0) memcpy(at, l->at, (size_t)l->count * sizeof *at);
        attn_free(ctx, l->at);
        l->at = at;
        l->room = larger;
    }
    const attn_status status = attn_store_read(ctx, folder, &l->at[l->count]);
    if (!status) l->count++;
    return status == ATTN_EINVAL ? ATTN_OK : status; /* being made, or not ours */
}

attn_status attn_store_list(attn_ctx *ctx, const char *store, struct attn_run_summary **out, int64_t *count) {
    struct list l = {NULL, 0, 0};
    const attn_status status = each_run(ctx, store, add_run, &l);
    if (status) {
        attn_free(ctx, l.at);
        return status;
    }
    *out = l.at;
    *count = l.count;
    return ATTN_OK;
}

struct search {
    const char *text;
    struct attn_run_summary *best;
    bool found;
};

static attn_status compare_run(attn_ctx *ctx, const char *folder, void *user) {
    struct search *s = user;
    struct attn_run_summary run;
    char *text;
    size_t bytes;
    if (attn_store_recipe(ctx, folder, &text, &bytes)) return ATTN_OK;
    const bool same = strcmp(text, s->text) == 0;
    attn_free(ctx, text);
    if (!same || attn_store_read(ctx, folder, &run)) return ATTN_OK;
    if (s->found && s->best->state == ATTN_RUN_DONE && run.state != ATTN_RUN_DONE) return ATTN_OK;
    *s->best = run;
    s->found = true;
    return ATTN_OK;
}

attn_status attn_store_find(attn_ctx *ctx, const char *store, const struct attn_recipe *recipe, struct attn_run_summary *out, bool *found) {
    char *text = attn_recipe_text(recipe);
    struct search s = {text, out, false};
    if (!text) return ATTN_ENOMEM;
    const attn_status status = each_run(ctx, store, compare_run, &s);
    *found = s.found;
    attn_free(ctx, text);
    return status;
}

attn_status attn_store_folder(attn_ctx *ctx, const char *store, const char *name, char folder[ATTN_FILE_PATH / 2]) {
    char path[ATTN_FILE_PATH];
    for (int i = 0; i < 2; i++) {
        folder[0] = '\0';
        attn_append(folder, ATTN_FILE_PATH / 2, "%s%s%s", i == 0 ? "" : store, i == 0 ? "" : "/", name);
        if (attn_path_exists(join(path, folder, "recipe.json"))) return ATTN_OK;
    }
    return attn_fail(ctx, ATTN_EINVAL, "there is no run '%s', neither as a folder nor in the store %s; attn runs lists them", name, store);
}
