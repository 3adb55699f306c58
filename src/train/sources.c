#include "train/sources.h"

#include "base/hash.h"
#include "io/record.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 1 << 18, SHOWN = 12 /* digits of a hash in sentences */ };

struct attn_hashed_file {
    struct attn_hashed_file *next;
    uint64_t device, inode;
    int64_t bytes, time; /* nanoseconds */
    char hash[ATTN_SHA256_TEXT];
};

void attn_sources_open(attn_ctx *ctx, struct attn_sources *out) {
    *out = (struct attn_sources){.ctx = ctx};
}

void attn_sources_close(struct attn_sources *sources) {
    for (struct attn_hashed_file *f = sources->hashed, *next; f; f = next) {
        next = f->next;
        attn_free(sources->ctx, f);
    }
    *sources = (struct attn_sources){.ctx = sources->ctx};
}

attn_status attn_sources_plugin(struct attn_sources *sources, const char *path, const attn_plugin *plugin) {
    const int most = (int)(sizeof sources->plugin / sizeof sources->plugin[0]);
    if (sources->plugins == most) return attn_fail(sources->ctx, ATTN_EINVAL, "plugin %s: expected at most %d plugins", path, most);
    sources->plugin[sources->plugins].path = path;
    sources->plugin[sources->plugins++].plugin = plugin;
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------------------------- hashes */

static attn_status hash_contents(attn_ctx *ctx, const char *path, const struct attn_file *file, char hash[ATTN_SHA256_TEXT]) {
    struct attn_sha256 sha;
    attn_status status = ATTN_OK;
    uint8_t *chunk = attn_alloc(ctx, CHUNK);
    if (!chunk) return attn_no_memory(ctx, path, CHUNK);
    attn_sha256_begin(&sha);
    for (size_t at = 0; at < file->size && !status; at += CHUNK) {
        const size_t n = file->size - at < CHUNK ? file->size - at : CHUNK;
        status = attn_file_pread(ctx, file, path, chunk, n, at);
        if (!status) attn_sha256_add(&sha, chunk, n);
    }
    attn_sha256_end(&sha, hash);
    attn_free(ctx, chunk);
    return status;
}

static bool same_place(const struct attn_hashed_file *a, const struct attn_hashed_file *b) {
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes && a->time == b->time;
}

static attn_status hash_file(attn_ctx *ctx, struct attn_sources *sources, const char *path, const struct stat *about,
                             struct attn_source *out) {
    const struct attn_hashed_file place = {NULL,
                                           (uint64_t)about->st_dev,
                                           (uint64_t)about->st_ino,
                                           (int64_t)about->st_size,
                                           (int64_t)about->st_mtim.tv_sec * 1000000000 + (int64_t)about->st_mtim.tv_nsec,
                                           ""};
    struct attn_file file;
    out->bytes = place.bytes;
    for (const struct attn_hashed_file *f = sources->hashed; f; f = f->next)
        if (same_place(f, &place)) {
            memcpy(out->hash, f->hash, sizeof out->hash);
            return ATTN_OK;
        }
    attn_status status = attn_file_open(ctx, NULL, path, &file);
    if (status) return status;
    status = hash_contents(ctx, path, &file, out->hash);
    attn_file_close(&file);
    if (status) return status;
    struct attn_hashed_file *f = attn_alloc(sources->ctx, sizeof *f);
    if (!f) return attn_no_memory(ctx, path, sizeof *f);
    *f = place;
    memcpy(f->hash, out->hash, sizeof f->hash);
    f->next = sources->hashed;
    sources->hashed = f;
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ lists */

/* FOLDER/NAME, or the path itself. */
static attn_status add(attn_ctx *ctx, struct attn_sources *sources, const char *field, const attn_plugin *plugin, const char *path,
                       const char *name, struct attn_source_list *list) {
    struct stat about;
    if (list->count == ATTN_SOURCES) return attn_fail(ctx, ATTN_EINVAL, "%s: a recipe names at most %d files", path, ATTN_SOURCES);
    struct attn_source *s = &list->at[list->count++];
    s->field = field;
    s->plugin = plugin;
    s->path[0] = s->hash[0] = '\0';
    attn_append(s->path, sizeof s->path, "%s%s%s", path, name ? "/" : "", name ? name : "");
    s->bytes = 0;
    s->missing = stat(s->path, &about) != 0 || !S_ISREG(about.st_mode);
    if (s->missing) return ATTN_OK;
    const attn_status status = hash_file(ctx, sources, s->path, &about, s);
    s->missing = status == ATTN_EINVAL; /* it may not be read */
    return s->missing ? ATTN_OK : status;
}

attn_status attn_sources_of(attn_ctx *ctx, struct attn_sources *sources, const struct attn_recipe *recipe, struct attn_source_list *out) {
    attn_status status = ATTN_OK;
    *out = (struct attn_source_list){NULL, 0};
    if (!sources) return ATTN_OK;
    struct attn_source_list list = {attn_alloc(ctx, ATTN_SOURCES * sizeof *list.at), 0};
    if (!list.at) return attn_no_memory(ctx, "what a run is made of", ATTN_SOURCES * sizeof *list.at);
    for (int i = 0; recipe && i < recipe->count && !status; i++) {
        const struct attn_recipe_value *v = &recipe->value[i];
        if (v->field->type != ATTN_FILE || !v->text[0]) continue;
        if (!v->field->words) status = add(ctx, sources, v->field->name, NULL, v->text, NULL, &list);
        for (int w = 0; v->field->words && v->field->words[w] && !status; w++)
            status = add(ctx, sources, v->field->name, NULL, v->text, v->field->words[w], &list);
    }
    for (int i = 0; i < sources->plugins && !status; i++)
        status = add(ctx, sources, NULL, sources->plugin[i].plugin, sources->plugin[i].path, NULL, &list);
    if (status)
        attn_source_list_free(ctx, &list);
    else
        *out = list;
    return status;
}

void attn_source_list_free(attn_ctx *ctx, struct attn_source_list *list) {
    attn_free(ctx, list->at);
    *list = (struct attn_source_list){NULL, 0};
}

uint64_t attn_source_list_hash(const struct attn_source_list *list) {
    uint64_t hash = ATTN_HASH_START;
    for (int i = 0; i < list->count; i++) hash = attn_hash(hash, list->at[i].hash, strlen(list->at[i].hash) + 1);
    return hash;
}

static void write_source(FILE *file, const struct attn_source *s) {
    if (s->field) fputs("{\"field\":", file);
    if (s->field) attn_json_string(file, s->field);
    fputs(s->field ? ",\"path\":" : "{\"path\":", file);
    attn_json_string(file, s->path);
    for (int m = 0; s->plugin && m < s->plugin->mixer_count; m++) {
        fputs(m == 0 ? ",\"mixers\":[" : ",", file);
        attn_json_string(file, s->plugin->mixers[m]->name);
    }
    fprintf(file, "%s,\"bytes\":%lld,\"sha256\":\"%s\"}", s->plugin ? "]" : "", (long long)s->bytes, s->hash);
}

void attn_source_list_write(FILE *file, const struct attn_source_list *list) {
    for (int plugins = 0; plugins < 2; plugins++) {
        const char *comma = "";
        fputs(plugins ? ",\"plugins\":[" : "\"files\":[", file);
        for (int i = 0; i < list->count; i++) {
            if ((list->at[i].plugin != NULL) != (plugins == 1) || list->at[i].missing) continue;
            fputs(comma, file);
            write_source(file, &list->at[i]);
            comma = ",";
        }
        fputs("]", file);
    }
}

/* -------------------------------------------------------------------------------------------------------- comparison */

/* Whether a text of the recipe has this word between the characters at which texts of mixers are cut. */
static bool names(const struct attn_recipe *recipe, const char *mixer) {
    static const char cuts[] = ":+=, ";
    const size_t n = strlen(mixer);
    for (int i = 0; i < recipe->count; i++) {
        if (recipe->value[i].field->type != ATTN_TEXT) continue;
        for (const char *at = recipe->value[i].text; *at; at += strspn(at, cuts)) {
            const size_t length = strcspn(at, cuts);
            if (length == n && memcmp(at, mixer, n) == 0) return true;
            at += length;
        }
    }
    return false;
}

static const struct attn_source *plugin_with(const struct attn_source_list *list, const char *mixer) {
    for (int i = 0; i < list->count; i++)
        for (int m = 0; list->at[i].plugin && m < list->at[i].plugin->mixer_count; m++)
            if (strcmp(list->at[i].plugin->mixers[m]->name, mixer) == 0) return &list->at[i];
    return NULL;
}

static const struct attn_source *file_at(const struct attn_source_list *list, const char *path) {
    for (int i = 0; i < list->count; i++)
        if (list->at[i].field && strcmp(list->at[i].path, path) == 0) return &list->at[i];
    return NULL;
}

/* Whether an entry is this source's; if not, a sentence. */
static bool equal(const json_t *entry, const char *what, const struct attn_source *now, char *text, size_t size) {
    const char *hash = json_string_value(json_object_get(entry, "sha256")), *path = json_string_value(json_object_get(entry, "path"));
    const json_int_t bytes = json_integer_value(json_object_get(entry, "bytes"));
    if (!hash || !path || (now && (now->missing || strcmp(hash, now->hash) == 0))) return true;
    attn_append(text, size, "%s %.200s was %lld bytes of SHA-256 %.*s...", what, path, (long long)bytes, SHOWN, hash);
    if (now)
        attn_append(text, size, ", now %.200s is %lld bytes of %.*s...", strcmp(path, now->path) == 0 ? "it" : now->path,
                    (long long)now->bytes, SHOWN, now->hash);
    else
        attn_append(text, size, ", which is not loaded now; --plugin %.200s loads it", path);
    return false;
}

static void compare(const json_t *env, const struct attn_recipe *recipe, const struct attn_source_list *now, char *text, size_t size) {
    const json_t *files = json_object_get(env, "files"), *plugins = json_object_get(env, "plugins");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *entry = json_array_get(files, i);
        const char *path = json_string_value(json_object_get(entry, "path")), *field = json_string_value(json_object_get(entry, "field"));
        const struct attn_source *s = path ? file_at(now, path) : NULL;
        if (s && !equal(entry, field ? field : "the file", s, text, size)) return;
    }
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const json_t *entry = json_array_get(plugins, i), *mixers = json_object_get(entry, "mixers");
        for (size_t m = 0; m < json_array_size(mixers); m++) {
            const char *mixer = json_string_value(json_array_get(mixers, m));
            if (mixer && names(recipe, mixer) && !equal(entry, "the plugin", plugin_with(now, mixer), text, size)) return;
        }
    }
}

void attn_sources_compare(const char *env, size_t env_bytes, const struct attn_recipe *recipe, const struct attn_source_list *now,
                          char *text, size_t size) {
    json_t *root = json_loadb(env, env_bytes, 0, NULL);
    text[0] = '\0';
    compare(root, recipe, now, text, size);
    json_decref(root);
}
