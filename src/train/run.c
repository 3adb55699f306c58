#include "train/run.h"

#include "base/cpu.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 1000 };

const char *attn_run_path(const struct attn_run *run, const char *name, char path[ATTN_FILE_PATH]) {
    snprintf(path, ATTN_FILE_PATH, "%s/%s", run->folder, name);
    return path;
}

attn_status attn_run_write_text(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *text) {
    return attn_file_save(ctx, system, path, text, strlen(text));
}

/* A record as one line of JSON; freed by free. NULL: no memory. */
static char *line_of(const struct attn_record *record, size_t *bytes) {
    char *text = NULL;
    FILE *file = open_memstream(&text, bytes);
    if (!file) return NULL;
    attn_json_line(file, record);
    if (fclose(file) == 0) return text;
    free(text);
    return NULL;
}

attn_status attn_run_log(struct attn_run *run, const struct attn_record *record) {
    size_t bytes = 0;
    char *line = line_of(record, &bytes);
    if (!line) return attn_no_memory(run->ctx, "a line of metrics.jsonl", bytes);
    const attn_status status = attn_journal_write(run->ctx, &run->metrics, line, bytes);
    free(line);
    return status;
}

/* The record's line with what the run is made of behind it; freed by free. */
static char *env_of(const struct attn_record *record, const struct attn_source_list *sources, size_t *bytes) {
    char *line = line_of(record, bytes), *text = NULL;
    if (!sources || !line) return line;
    FILE *file = open_memstream(&text, bytes);
    if (file) {
        fprintf(file, "%.*s,", (int)strcspn(line, "\n") - 1, line);
        attn_source_list_write(file, sources);
        fputs("}\n", file);
        if (fclose(file) != 0) {
            free(text);
            text = NULL;
        }
    }
    free(line);
    return text;
}

static attn_status write_env(struct attn_run *run, const struct attn_source_list *sources) {
    char path[ATTN_FILE_PATH], host[256] = "", cpu[128];
    struct utsname name;
    struct attn_record r = {.count = 0};
    size_t bytes = 0;
    attn_cpu_model(cpu, sizeof cpu);
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    attn_record_text(&r, "version", attn_version_string());
    attn_record_text(&r, "host", host);
    attn_record_text(&r, "system", uname(&name) == 0 ? name.release : NULL);
    attn_record_text(&r, "cpu", cpu);
    attn_record_text(&r, "instruction_set", run->ctx->isa_name);
    attn_record_integer(&r, "processors", attn_cpu_count());
    attn_record_integer(&r, "threads", run->ctx->config.threads);
    attn_record_text(&r, "executor", attn_parallel_name());
    attn_record_text(&r, "determinism", "same bits for any number of threads and processes; not across instruction sets");
    char *line = env_of(&r, sources, &bytes);
    if (!line) return attn_no_memory(run->ctx, "env.json", bytes);
    const attn_status status = attn_run_write_text(run->ctx, run->system, attn_run_path(run, "env.json", path), line);
    free(line);
    return status;
}

static attn_status write_recipe(struct attn_run *run, const struct attn_recipe *recipe) {
    char path[ATTN_FILE_PATH];
    char *text = attn_recipe_text(recipe);
    if (!text) return ATTN_ENOMEM;
    const attn_status status = attn_run_write_text(run->ctx, run->system, attn_run_path(run, "recipe.json", path), text);
    attn_free(run->ctx, text);
    return status;
}

/* A name that no run has: of those that begin at once, each process and each attempt has its own word. */
static attn_status make_folder(struct attn_run *run, const char *store, const char *task) {
    const time_t now = time(NULL);
    struct tm utc;
    char stamp[32], word[64];
    bool fresh = false;
    const struct {
        long process;
        time_t now;
        double clock;
    } own = {(long)getpid(), now, (double)clock()};
    if (!gmtime_r(&now, &utc)) return attn_fail(run->ctx, ATTN_ESYSTEM, "the time has no date");
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
    snprintf(word, sizeof word, "%s", task);
    for (char *c = word; *c; c++)
        if (*c == '/') *c = '-';
    uint64_t hash = attn_hash(attn_hash(attn_hash(ATTN_HASH_START, &own.process, sizeof own.process), &own.now, sizeof own.now), &own.clock,
                              sizeof own.clock);
    for (int i = 0; i < ATTEMPTS; i++) {
        hash = attn_hash(hash, &i, sizeof i);
        snprintf(run->id, sizeof run->id, "%s-%s-%04x", word, stamp, (unsigned)(hash >> 20 & 0xFFFF));
        if (snprintf(run->folder, sizeof run->folder, "%s/%s", store, run->id) >= (int)sizeof run->folder)
            return attn_fail(run->ctx, ATTN_EINVAL, "%s: the path is longer than %d bytes", store, (int)sizeof run->folder - 160);
        const attn_status status = attn_folder_make(run->ctx, run->system, run->folder, &fresh);
        if (status || fresh) return status;
    }
    return attn_fail(run->ctx, ATTN_ESYSTEM, "%s: no free name for a run", store);
}

static attn_status open_metrics(struct attn_run *run) {
    char path[ATTN_FILE_PATH];
    return attn_journal_open(run->ctx, run->system, attn_run_path(run, "metrics.jsonl", path), &run->metrics);
}

attn_status attn_run_create(attn_ctx *ctx, const struct attn_file_system *system, const char *store, const struct attn_recipe *recipe,
                            const struct attn_source_list *sources, struct attn_run *out) {
    *out = (struct attn_run){.ctx = ctx, .system = system, .metrics = {.number = -1}};
    attn_status status = make_folder(out, store, recipe->task);
    if (!status) status = open_metrics(out);
    if (!status) status = write_env(out, sources);
    if (!status) status = write_recipe(out, recipe); /* last: a folder without one is no run */
    if (status) attn_run_close(out);
    return status;
}

/* NAME.tmpPROCESS-NUMBER and NAME.oldPROCESS-NUMBER are what a writer that was killed leaves beside NAME (src/base/file.h). */
static bool left_behind(const char *name) {
    static const char *const files[] = {"recipe.json", "env.json", ATTN_MODEL_FILE, ATTN_CHECKPOINT_FILE};
    static const char digits[] = "0123456789";
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const size_t n = strlen(files[i]);
        if (strncmp(name, files[i], n) != 0 || (strncmp(name + n, ".tmp", 4) != 0 && strncmp(name + n, ".old", 4) != 0)) continue;
        const char *process = name + n + 4, *dash = process + strspn(process, digits);
        if (dash > process && dash[0] == '-' && dash[1] && dash[1 + strspn(dash + 1, digits)] == '\0') return true;
    }
    return false;
}

/* The run is locked: no other process is writing there. */
static attn_status tidy(struct attn_run *run) {
    char path[ATTN_FILE_PATH];
    struct attn_folder names;
    attn_status status = attn_folder_list(run->ctx, run->folder, &names);
    for (size_t i = 0; i < names.count && !status; i++)
        if (left_behind(names.name[i])) status = attn_file_remove(run->ctx, run->system, attn_run_path(run, names.name[i], path));
    attn_folder_free(run->ctx, &names);
    return status;
}

attn_status attn_run_open(attn_ctx *ctx, const struct attn_file_system *system, const char *folder, struct attn_run *out) {
    *out = (struct attn_run){.ctx = ctx, .system = system, .metrics = {.number = -1}};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') length--;
    if (length >= sizeof out->folder)
        return attn_fail(ctx, ATTN_EINVAL, "%s: the path is longer than %zu bytes", folder, sizeof out->folder - 1);
    memcpy(out->folder, folder, length);
    out->folder[length] = '\0';
    const char *slash = strrchr(out->folder, '/');
    attn_append(out->id, sizeof out->id, "%s", slash ? slash + 1 : out->folder);
    attn_status status = open_metrics(out);
    if (!status) status = tidy(out);
    if (status) attn_run_close(out);
    return status;
}

void attn_run_close(struct attn_run *run) {
    attn_journal_close(&run->metrics);
}
