#include "train/store.h"

#include "base/folder.h"
#include "train/cost.h"
#include "train/index.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPE_LIMIT = 1 << 20, ENV_LIMIT = 1 << 20, METRICS_LIMIT = 1 << 30 };

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

/* Whole numbers that a file may have made of any size. */
static int64_t whole_of(const json_t *line, const char *key, int64_t otherwise) {
    const double value = number_of(line, key, (double)otherwise);
    return value >= 0 && value <= 9007199254740992.0 ? (int64_t)value : otherwise;
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
    s->step = whole_of(line, "step", s->step);
    s->seconds = number_of(line, "seconds", s->seconds);
    s->state = ATTN_RUN_KILLED;
    s->message[0] = '\0';
    if (strcmp(event, "start") == 0 || strcmp(event, "resume") == 0) {
        s->steps = whole_of(line, "steps", s->steps);
        s->parameters = whole_of(line, "parameters", s->parameters);
        s->cost.forward_flops = number_of(line, "forward_flops", s->cost.forward_flops);
        s->cost.step_flops = number_of(line, "step_flops", s->cost.step_flops);
        s->cost.state_bytes = whole_of(line, "state_bytes", s->cost.state_bytes);
        s->cost.paper_state_bytes = whole_of(line, "paper_state_bytes", s->cost.paper_state_bytes);
    } else if (strcmp(event, "step") == 0) {
        s->loss = number_of(line, "loss", (double)NAN);
    } else if (strcmp(event, "evaluation") == 0) {
        take_figures(line, &s->figures);
    } else if (strcmp(event, "done") == 0) {
        take_figures(line, &s->figures);
        s->state = ATTN_RUN_DONE;
    } else if (strcmp(event, "stopped") == 0 || strcmp(event, "failed") == 0) {
        const char *message = json_string_value(json_object_get(line, "message"));
        s->state = event[0] == 's' ? ATTN_RUN_STOPPED : ATTN_RUN_FAILED;
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

/* The number in "attn 0.1.0, gcc ...". */
static void read_version(attn_ctx *ctx, const char *folder, char version[24]) {
    char path[ATTN_FILE_PATH];
    uint8_t *env;
    size_t bytes;
    version[0] = '\0';
    if (attn_file_read(ctx, NULL, join(path, folder, "env.json"), ENV_LIMIT, &env, &bytes)) return;
    json_t *root = json_loadb((const char *)env, bytes, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "version"));
    if (text && strncmp(text, "attn ", 5) == 0) attn_append(version, 24, "%.*s", (int)strcspn(text + 5, ", "), text + 5);
    json_decref(root);
    attn_free(ctx, env);
}

/* What the folder's files say; whether it is running is see_running's. */
static attn_status read_summary(attn_ctx *ctx, const char *folder, const char *recipe, size_t bytes, struct attn_run_summary *out) {
    char path[ATTN_FILE_PATH];
    *out = (struct attn_run_summary){.state = ATTN_RUN_KILLED, .loss = (double)NAN, .cost = attn_cost_unknown};
    const char *slash = strrchr(folder, '/');
    attn_append(out->folder, sizeof out->folder, "%s", folder);
    attn_append(out->id, sizeof out->id, "%s", slash ? slash + 1 : folder);
    const attn_status status = attn_recipe_task(ctx, join(path, folder, "recipe.json"), recipe, bytes, out->task);
    if (!status) read_version(ctx, folder, out->version);
    return status ? status : read_lines(ctx, join(path, folder, "metrics.jsonl"), out);
}

static void see_running(struct attn_run_summary *s) {
    char path[ATTN_FILE_PATH];
    if (s->state != ATTN_RUN_DONE && attn_journal_busy(join(path, s->folder, "metrics.jsonl"))) s->state = ATTN_RUN_RUNNING;
}

attn_status attn_store_read(attn_ctx *ctx, const char *folder, struct attn_run_summary *out) {
    char *text;
    size_t bytes;
    attn_status status = attn_store_recipe(ctx, folder, &text, &bytes);
    if (status) return status;
    status = read_summary(ctx, folder, text, bytes, out);
    attn_free(ctx, text);
    if (!status) see_running(out);
    return status;
}

/* The folders of a store as rows with nothing known; names stay with the folder's list, summaries with the caller. */
static attn_status open_rows(attn_ctx *ctx, const char *store, struct attn_folder *names, struct attn_run_summary **summaries,
                             struct attn_index_row **rows) {
    *names = (struct attn_folder){NULL, 0};
    *summaries = NULL;
    *rows = NULL;
    if (!attn_path_exists(store)) return ATTN_OK;
    const attn_status status = attn_folder_list(ctx, store, names);
    if (status) return status;
    *summaries = attn_alloc(ctx, names->count * sizeof **summaries);
    *rows = attn_alloc(ctx, names->count * sizeof **rows);
    if (!*summaries || !*rows) return attn_no_memory(ctx, "the list of runs", names->count * (sizeof **summaries + sizeof **rows));
    for (size_t i = 0; i < names->count; i++) (*rows)[i] = (struct attn_index_row){.name = names->name[i], .summary = &(*summaries)[i]};
    return ATTN_OK;
}

static void close_rows(attn_ctx *ctx, struct attn_folder *names, struct attn_index_row *rows) {
    for (size_t i = 0; i < names->count && rows; i++) attn_free(ctx, rows[i].recipe);
    attn_free(ctx, rows);
    attn_folder_free(ctx, names);
}

/* Reads the folder of a row that is not known; its recipe stays NULL where it is no run, or one that is being made. */
static attn_status read_row(attn_ctx *ctx, const char *store, struct attn_index_row *row) {
    char folder[ATTN_FILE_PATH];
    size_t bytes;
    row->stamp = attn_index_stamp(join(folder, store, row->name)); /* first: what is written meanwhile makes it another */
    if (row->stamp.recipe_bytes == 0) return ATTN_OK;
    attn_status status = attn_store_recipe(ctx, folder, &row->recipe, &bytes);
    if (!status) status = read_summary(ctx, folder, row->recipe, bytes, row->summary);
    if (!status) return ATTN_OK;
    attn_free(ctx, row->recipe);
    row->recipe = NULL;
    return status == ATTN_EINVAL ? ATTN_OK : status;
}

/* All rows, from the index or their folders. */
static attn_status fill_rows(attn_ctx *ctx, const char *store, struct attn_index_row *rows, size_t count) {
    attn_status status = ATTN_OK;
    const bool indexed = count >= ATTN_INDEX_LEAST;
    size_t gone = 0;
    char folder[ATTN_FILE_PATH];
    for (size_t i = 0; i < count && indexed; i++) rows[i].stamp = attn_index_stamp(join(folder, store, rows[i].name));
    if (indexed) attn_index_take(ctx, store, rows, count, true, &gone);
    for (size_t i = 0; i < count && !status; i++)
        if (!rows[i].known) status = read_row(ctx, store, &rows[i]);
    if (indexed && !status) attn_index_keep(ctx, store, rows, count, gone > 0);
    return status;
}

attn_status attn_store_list(attn_ctx *ctx, const char *store, struct attn_run_list *out) {
    struct attn_folder names;
    struct attn_run_list list = {NULL, NULL, 0};
    struct attn_index_row *rows;
    attn_status status = open_rows(ctx, store, &names, &list.at, &rows);
    if (!status) status = fill_rows(ctx, store, rows, names.count);
    if (!status && !(list.recipe = attn_alloc(ctx, names.count * sizeof *list.recipe)))
        status = attn_no_memory(ctx, "the list of runs", names.count * sizeof *list.recipe);
    for (size_t i = 0; i < names.count && !status; i++) {
        if (!rows[i].recipe) continue;
        struct attn_run_summary *s = &list.at[list.count];
        if (s != rows[i].summary) *s = *rows[i].summary;
        see_running(s);
        list.recipe[list.count++] = rows[i].recipe;
        rows[i].recipe = NULL;
    }
    close_rows(ctx, &names, rows);
    if (status)
        attn_run_list_free(ctx, &list);
    else
        *out = list;
    return status;
}

void attn_run_list_free(attn_ctx *ctx, struct attn_run_list *list) {
    for (int64_t i = 0; i < list->count && list->recipe; i++) attn_free(ctx, list->recipe[i]);
    attn_free(ctx, list->recipe);
    attn_free(ctx, list->at);
    *list = (struct attn_run_list){NULL, NULL, 0};
}

attn_status attn_run_list_add(attn_ctx *ctx, const char *folder, struct attn_run_list *list) {
    const size_t count = (size_t)list->count + 1;
    size_t bytes;
    struct attn_run_summary *at = attn_alloc(ctx, count * sizeof *at);
    char **recipe = attn_alloc(ctx, count * sizeof *recipe);
    attn_status status = at && recipe ? ATTN_OK : attn_no_memory(ctx, "the list of runs", count * (sizeof *at + sizeof *recipe));
    if (!status) status = attn_store_recipe(ctx, folder, &recipe[count - 1], &bytes);
    if (!status) {
        status = attn_store_read(ctx, folder, &at[count - 1]);
        if (status) attn_free(ctx, recipe[count - 1]);
    }
    if (status) {
        attn_free(ctx, at);
        attn_free(ctx, recipe);
        return status;
    }
    if (count > 1) memcpy(at, list->at, (count - 1) * sizeof *at);
    if (count > 1) memcpy(recipe, list->recipe, (count - 1) * sizeof *recipe);
    attn_free(ctx, list->at);
    attn_free(ctx, list->recipe);
    *list = (struct attn_run_list){at, recipe, (int64_t)count};
    return ATTN_OK;
}

/* What is looked for, and what was found. */
struct search {
    const char *text; /* of the recipe */
    const struct attn_recipe *recipe;
    const struct attn_source_list *sources; /* at NULL: the recipe alone decides */
    struct attn_run_summary *best;
    bool *found;
    char other[ATTN_SOURCES_SENTENCE]; /* why a run is none */
};

/* A sentence where the run was made of something else, else "". */
static void compare_sources(attn_ctx *ctx, const char *folder, const struct attn_recipe *recipe, const struct attn_source_list *sources,
                            char *text, size_t size) {
    char path[ATTN_FILE_PATH];
    uint8_t *env;
    size_t bytes;
    text[0] = '\0';
    if (!sources->at || attn_file_read(ctx, NULL, join(path, folder, "env.json"), ENV_LIMIT, &env, &bytes)) return;
    attn_sources_compare((const char *)env, bytes, recipe, sources, text, size);
    attn_free(ctx, env);
}

/* The folder itself is asked: its recipe, what it was made of, then its state. */
static void compare_run(attn_ctx *ctx, const char *folder, struct search *search) {
    struct attn_run_summary run;
    char *own, other[ATTN_SOURCES_SENTENCE];
    size_t bytes;
    if (attn_store_recipe(ctx, folder, &own, &bytes)) return;
    const bool same = attn_recipe_is(search->recipe, search->text, own);
    attn_free(ctx, own);
    if (!same || attn_store_read(ctx, folder, &run)) return;
    compare_sources(ctx, folder, search->recipe, search->sources, other, sizeof other);
    if (other[0]) memcpy(search->other, other, sizeof other);
    if (other[0] || (*search->found && search->best->state == ATTN_RUN_DONE && run.state != ATTN_RUN_DONE)) return;
    *search->best = run;
    *search->found = true;
}

attn_status attn_store_compare_sources(attn_ctx *ctx, const char *folder, const struct attn_recipe *recipe, bool files,
                                       struct attn_sources *sources, char other[ATTN_SOURCES_SENTENCE]) {
    struct attn_source_list list;
    const attn_status status = attn_sources_of(ctx, sources, files ? recipe : NULL, &list);
    other[0] = '\0';
    if (status) return status;
    compare_sources(ctx, folder, recipe, &list, other, ATTN_SOURCES_SENTENCE);
    attn_source_list_free(ctx, &list);
    return ATTN_OK;
}

attn_status attn_store_check_sources(attn_ctx *ctx, const char *folder, const struct attn_recipe *recipe, struct attn_sources *sources) {
    char other[ATTN_SOURCES_SENTENCE];
    const attn_status status = attn_store_compare_sources(ctx, folder, recipe, true, sources, other);
    if (status || !other[0]) return status;
    return attn_fail(ctx, ATTN_EINVAL, "%s: %s; put back what the run began with, or train the recipe anew without --resume", folder,
                     other);
}

/* Once for many runs of a sweep. */
static void tell_other(attn_ctx *ctx, struct attn_sources *sources, const char *other) {
    if (!other[0] || strcmp(other, sources->said) == 0) return;
    sources->said[0] = '\0';
    attn_append(sources->said, sizeof sources->said, "%s", other);
    attn_log(ctx, ATTN_LOG_WARN, "%s: the store's runs made of the former do not count, and are trained anew", other);
}

/* A recipe that the index has not; of the rest of the folder nothing is read, and the row says so. */
static attn_status read_recipe(attn_ctx *ctx, const char *store, struct attn_index_row *row) {
    char folder[ATTN_FILE_PATH];
    size_t bytes;
    row->stamp = (struct attn_index_stamp){-1, -1, -1, -1}; /* no file's: a list reads the folder */
    *row->summary = (struct attn_run_summary){.state = ATTN_RUN_KILLED, .loss = (double)NAN, .cost = attn_cost_unknown};
    const attn_status status = attn_store_recipe(ctx, join(folder, store, row->name), &row->recipe, &bytes);
    return status == ATTN_EINVAL ? ATTN_OK : status;
}

/* Folders that the index knows are not read: a recipe is written once. */
static attn_status know_recipes(attn_ctx *ctx, const char *store, struct attn_index_row *rows, size_t count) {
    attn_status status = ATTN_OK;
    size_t gone = 0;
    attn_index_take(ctx, store, rows, count, false, &gone);
    for (size_t i = 0; i < count && !status; i++)
        if (!rows[i].known) status = read_recipe(ctx, store, &rows[i]);
    if (!status) attn_index_keep(ctx, store, rows, count, false);
    return status;
}

static attn_status find_in(attn_ctx *ctx, const char *store, struct search *search) {
    struct attn_folder names;
    struct attn_run_summary *summaries;
    struct attn_index_row *rows;
    char folder[ATTN_FILE_PATH];
    attn_status status = open_rows(ctx, store, &names, &summaries, &rows);
    const bool indexed = !status && names.count >= ATTN_INDEX_LEAST;
    if (indexed) status = know_recipes(ctx, store, rows, names.count);
    for (size_t i = 0; i < names.count && !status; i++)
        if (!indexed || (rows[i].recipe && attn_recipe_is(search->recipe, search->text, rows[i].recipe)))
            compare_run(ctx, join(folder, store, names.name[i]), search);
    close_rows(ctx, &names, rows);
    attn_free(ctx, summaries);
    return status;
}

attn_status attn_store_find(attn_ctx *ctx, const char *store, const struct attn_recipe *recipe, struct attn_sources *sources,
                            struct attn_run_summary *out, bool *found) {
    struct attn_source_list list;
    char *text = attn_recipe_text(recipe);
    if (!text) return ATTN_ENOMEM;
    struct search search = {text, recipe, &list, out, found, ""};
    *found = false;
    attn_status status = attn_sources_of(ctx, sources, recipe, &list);
    if (!status) status = find_in(ctx, store, &search);
    if (!status && !*found) tell_other(ctx, sources, search.other);
    attn_source_list_free(ctx, &list);
    attn_free(ctx, text);
    return status;
}

static void add_version(struct attn_version_count *count, const char *version, int64_t runs) {
    int i = 0;
    while (i < count->others && strcmp(count->other[i].version, version) != 0) i++;
    if (i == (int)(sizeof count->other / sizeof count->other[0])) return;
    if (i == count->others) attn_append(count->other[count->others++].version, sizeof count->other[0].version, "%s", version);
    count->other[i].runs += runs;
}

void attn_version_count_add(struct attn_version_count *count, const struct attn_run_summary *run) {
    char own[24];
    snprintf(own, sizeof own, "%d.%d.%d", ATTN_VERSION_MAJOR, ATTN_VERSION_MINOR, ATTN_VERSION_PATCH);
    count->runs++;
    if (run->version[0] && strcmp(run->version, own) != 0) add_version(count, run->version, 1);
}

void attn_version_count_merge(struct attn_version_count *count, const struct attn_version_count *more) {
    count->runs += more->runs;
    for (int i = 0; i < more->others; i++) add_version(count, more->other[i].version, more->other[i].runs);
}

attn_status attn_store_folder(attn_ctx *ctx, const char *store, const char *name, char folder[ATTN_FILE_PATH / 2]) {
    char path[ATTN_FILE_PATH];
    int length = (int)strnlen(name, ATTN_FILE_PATH);
    while (length > 1 && name[length - 1] == '/') length--; /* its last part is the run's id */
    for (int i = 0; i < 2; i++) {
        folder[0] = '\0';
        attn_append(folder, ATTN_FILE_PATH / 2, "%s%s%.*s", i == 0 ? "" : store, i == 0 ? "" : "/", length, name);
        if (attn_path_exists(join(path, folder, "recipe.json"))) return ATTN_OK;
    }
    return attn_fail(ctx, ATTN_EINVAL,
                     "there is no run '%s', neither as a folder nor in the store %s; attn runs lists them, --store DIR names another store",
                     name, store);
}
