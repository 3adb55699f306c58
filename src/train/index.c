#include "train/index.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void stamp_file(const char *folder, const char *name, int64_t *bytes, int64_t *time) {
    char path[ATTN_FILE_PATH] = "";
    struct stat about;
    attn_append(path, sizeof path, "%s/%s", folder, name);
    if (stat(path, &about) != 0) return;
    *bytes = (int64_t)about.st_size;
    *time = (int64_t)about.st_mtim.tv_sec * 1000000000 + (int64_t)about.st_mtim.tv_nsec;
}

struct attn_index_stamp attn_index_stamp(const char *folder) {
    struct attn_index_stamp s = {0, 0, 0, 0};
    stamp_file(folder, "recipe.json", &s.recipe_bytes, &s.recipe_time);
    stamp_file(folder, "metrics.jsonl", &s.metrics_bytes, &s.metrics_time);
    return s;
}

#if defined(ATTN_HAVE_SQLITE)
#include "io/record.h"

#include <jansson.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* A change of the columns, or of what they mean, takes another version. */
enum { VERSION = 3, PATIENCE_MS = 1000, LENGTH_LIMIT = 8 << 20 };

/* The columns, in the order of the table; `check` is the hash of the others. */
enum column {
    NAME,
    TASK,
    STATE,
    MESSAGE,
    FIGURES,
    RECIPE,
    PROGRAM,
    SECONDS,
    FORWARD_FLOPS,
    STEP_FLOPS,
    LOSS,
    STEP,
    STEPS,
    PARAMETERS,
    STATE_BYTES,
    PAPER_STATE_BYTES,
    RECIPE_BYTES,
    RECIPE_TIME,
    METRICS_BYTES,
    METRICS_TIME,
    CHECK,
    COLUMNS
};
static const char table[] =
    "CREATE TABLE IF NOT EXISTS runs(name TEXT PRIMARY KEY, task TEXT, state TEXT, message TEXT, figures TEXT, recipe TEXT, program TEXT, "
    "seconds REAL, "
    "forward_flops REAL, step_flops REAL, loss REAL, step INTEGER, steps INTEGER, parameters INTEGER, state_bytes INTEGER, "
    "paper_state_bytes INTEGER, recipe_bytes INTEGER, recipe_time INTEGER, metrics_bytes INTEGER, "
    "metrics_time INTEGER, checksum INTEGER)";

/* A value of a row: a text, a real (NaN where the table has NULL) or a whole number, as the column says. */
struct cell {
    const char *text;
    double real;
    int64_t whole;
};

static int64_t check_of(const struct cell *cells) {
    uint64_t hash = ATTN_HASH_START;
    for (int c = 0; c < CHECK; c++) {
        const double real = isnan(cells[c].real) ? 0 : cells[c].real;
        if (c <= PROGRAM)
            hash = attn_hash(hash, cells[c].text, strlen(cells[c].text) + 1);
        else
            hash = c <= LOSS ? attn_hash(hash, &real, sizeof real) : attn_hash(hash, &cells[c].whole, sizeof cells[c].whole);
    }
    int64_t check;
    memcpy(&check, &hash, sizeof check);
    return check;
}

/* --------------------------------------------------------------------------------------------------------- the file */

static int run_sql(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int version_of(sqlite3 *db, int *version) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

/* What the file says is data: no views, triggers or functions of its own. */
static int set_up(sqlite3 *db) {
    sqlite3_busy_timeout(db, PATIENCE_MS);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_LIMIT);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return run_sql(db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF");
}

struct index {
    sqlite3 *db;
    char path[ATTN_FILE_PATH];
};

static bool broken(int code) {
    const int kind = code & 0xFF;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_SCHEMA || kind == SQLITE_FORMAT || kind == SQLITE_ERROR;
}

static void close_index(attn_ctx *ctx, struct index *index, int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE)
        attn_log(ctx, ATTN_LOG_INFO, "%s: %s; the folders of the runs are read", index->path, sqlite3_errstr(code));
    sqlite3_close(index->db);
    if (broken(code)) unlink(index->path); /* others may have it open still, and find it broken too */
}

/* False: there is none. */
static bool open_index(attn_ctx *ctx, const char *store, bool create, struct index *index) {
    int version = 0;
    const char *here = store[0] == '/' ? "" : "./"; /* a name that begins with "file:" would be an address to SQLite */
    index->path[0] = '\0';
    if (strlen(here) + strlen(store) + sizeof ATTN_INDEX_FILE >= sizeof index->path) return false;
    attn_append(index->path, sizeof index->path, "%s%s/%s", here, store, ATTN_INDEX_FILE);
    if (!create && access(index->path, F_OK) != 0) return false;
    int code =
        sqlite3_open_v2(index->path, &index->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0), NULL);
    if (code == SQLITE_OK) code = set_up(index->db);
    if (code == SQLITE_OK) code = version_of(index->db, &version);
    if (code == SQLITE_OK && version != VERSION && version != 0) code = SQLITE_SCHEMA;
    if (code == SQLITE_OK && version == 0 && !create) code = SQLITE_BUSY; /* it is being made */
    if (code == SQLITE_OK) return true;
    close_index(ctx, index, code);
    return false;
}

/* ------------------------------------------------------------------------------------------------------- out of it */

/* False: a value of another type than the column's, or the checksum is wrong. */
static bool cells_of(sqlite3_stmt *statement, struct cell *cells) {
    for (int c = 0; c < COLUMNS; c++) {
        const int type = sqlite3_column_type(statement, c);
        cells[c] = (struct cell){NULL, (double)NAN, 0};
        if (c <= PROGRAM) {
            if (type != SQLITE_TEXT) return false;
            cells[c].text = (const char *)sqlite3_column_text(statement, c);
            if (!cells[c].text) return false;
        } else if (c <= LOSS) {
            if (type != SQLITE_FLOAT && type != SQLITE_NULL) return false;
            if (type == SQLITE_FLOAT) cells[c].real = sqlite3_column_double(statement, c);
        } else {
            if (type != SQLITE_INTEGER) return false;
            cells[c].whole = sqlite3_column_int64(statement, c);
        }
    }
    return cells[CHECK].whole == check_of(cells);
}

static void figures_of(const char *text, struct attn_figures *figures) {
    const char *key;
    json_t *root = json_loads(text, 0, NULL), *value;
    figures->count = 0;
    json_object_foreach(root, key, value) {
        attn_figures_add(figures, key, json_number_value(value));
    }
    json_decref(root);
}

static bool state_of(const char *name, enum attn_run_state *state) {
    for (int s = ATTN_RUN_DONE; s <= ATTN_RUN_KILLED; s++)
        if (strcmp(name, attn_run_state_name((enum attn_run_state)s)) == 0) {
            *state = (enum attn_run_state)s;
            return true;
        }
    return false;
}

static bool fill_row(attn_ctx *ctx, const char *store, const struct cell *cells, struct attn_index_row *row) {
    struct attn_run_summary *s = row->summary;
    const size_t bytes = strlen(cells[RECIPE].text) + 1;
    *s = (struct attn_run_summary){
        .step = cells[STEP].whole,
        .steps = cells[STEPS].whole,
        .parameters = cells[PARAMETERS].whole,
        .seconds = cells[SECONDS].real,
        .cost = {cells[FORWARD_FLOPS].real, cells[STEP_FLOPS].real, cells[STATE_BYTES].whole, cells[PAPER_STATE_BYTES].whole},
        .loss = cells[LOSS].real};
    if (!state_of(cells[STATE].text, &s->state)) return false;
    row->recipe = attn_alloc(ctx, bytes);
    if (!row->recipe) return false;
    memcpy(row->recipe, cells[RECIPE].text, bytes);
    attn_append(s->folder, sizeof s->folder, "%s/%s", store, row->name);
    attn_append(s->id, sizeof s->id, "%s", row->name);
    attn_append(s->task, sizeof s->task, "%s", cells[TASK].text);
    attn_append(s->message, sizeof s->message, "%s", cells[MESSAGE].text);
    attn_append(s->version, sizeof s->version, "%s", cells[PROGRAM].text);
    figures_of(cells[FIGURES].text, &s->figures);
    row->stamp = (struct attn_index_stamp){cells[RECIPE_BYTES].whole, cells[RECIPE_TIME].whole, cells[METRICS_BYTES].whole,
                                           cells[METRICS_TIME].whole};
    row->known = true;
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct attn_index_row *)a)->name, ((const struct attn_index_row *)b)->name);
}

static struct attn_index_row *row_named(const struct attn_index_row *rows, size_t count, const char *name) {
    const struct attn_index_row key = {.name = name};
    return count == 0 ? NULL : bsearch(&key, rows, count, sizeof *rows, by_name);
}

static bool same_stamp(const struct attn_index_stamp *s, const struct cell *cells) {
    return s->recipe_bytes == cells[RECIPE_BYTES].whole && s->recipe_time == cells[RECIPE_TIME].whole &&
           s->metrics_bytes == cells[METRICS_BYTES].whole && s->metrics_time == cells[METRICS_TIME].whole;
}

void attn_index_take(attn_ctx *ctx, const char *store, struct attn_index_row *rows, size_t count, bool stamps, size_t *gone) {
    struct index index;
    sqlite3_stmt *statement = NULL;
    *gone = 0;
    if (!open_index(ctx, store, false, &index)) return;
    /* Not through the names' own tree, which may be broken where the table is whole. */
    int code = sqlite3_prepare_v2(index.db, "SELECT * FROM runs NOT INDEXED", -1, &statement, NULL);
    if (code == SQLITE_OK && sqlite3_column_count(statement) != COLUMNS) code = SQLITE_SCHEMA;
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct cell cells[COLUMNS];
        code = SQLITE_OK;
        if (!cells_of(statement, cells)) continue;
        struct attn_index_row *row = row_named(rows, count, cells[NAME].text);
        *gone += row == NULL;
        if (row && !row->known && (!stamps || same_stamp(&row->stamp, cells))) fill_row(ctx, store, cells, row);
    }
    sqlite3_finalize(statement);
    close_index(ctx, &index, code);
}

/* ---------------------------------------------------------------------------------------------------------- into it */

/* The figures as a JSON object; freed by free. */
static char *figures_text(const struct attn_figures *figures) {
    struct attn_record r = {.count = 0};
    char *text = NULL;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) return NULL;
    for (int i = 0; i < figures->count; i++) attn_record_real(&r, figures->at[i].name, figures->at[i].value);
    if (r.count == 0)
        fputs("{}", file);
    else
        attn_json_line(file, &r);
    if (fclose(file) == 0) return text;
    free(text);
    return NULL;
}

static int put_cells(sqlite3_stmt *statement, const struct cell *cells) {
    int code = sqlite3_reset(statement);
    for (int c = 0; c < COLUMNS && code == SQLITE_OK; c++) {
        if (c <= PROGRAM)
            code = sqlite3_bind_text(statement, c + 1, cells[c].text, -1, SQLITE_STATIC);
        else if (c <= LOSS)
            code = sqlite3_bind_double(statement, c + 1, cells[c].real); /* NaN becomes NULL */
        else
            code = sqlite3_bind_int64(statement, c + 1, cells[c].whole);
    }
    if (code != SQLITE_OK) return code;
    code = sqlite3_step(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int put_row(sqlite3_stmt *statement, const struct attn_index_row *row) {
    const struct attn_run_summary *s = row->summary;
    char *figures = figures_text(&s->figures);
    if (!figures) return SQLITE_NOMEM;
    struct cell cells[COLUMNS] = {[NAME].text = row->name,
                                  [TASK].text = s->task,
                                  [STATE].text = attn_run_state_name(s->state),
                                  [MESSAGE].text = s->message,
                                  [FIGURES].text = figures,
                                  [RECIPE].text = row->recipe,
                                  [PROGRAM].text = s->version,
                                  [SECONDS].real = s->seconds,
                                  [FORWARD_FLOPS].real = s->cost.forward_flops,
                                  [STEP_FLOPS].real = s->cost.step_flops,
                                  [STATE_BYTES].whole = s->cost.state_bytes,
                                  [PAPER_STATE_BYTES].whole = s->cost.paper_state_bytes,
                                  [LOSS].real = s->loss,
                                  [STEP].whole = s->step,
                                  [STEPS].whole = s->steps,
                                  [PARAMETERS].whole = s->parameters,
                                  [RECIPE_BYTES].whole = row->stamp.recipe_bytes,
                                  [RECIPE_TIME].whole = row->stamp.recipe_time,
                                  [METRICS_BYTES].whole = row->stamp.metrics_bytes,
                                  [METRICS_TIME].whole = row->stamp.metrics_time};
    cells[CHECK].whole = check_of(cells);
    const int code = put_cells(statement, cells);
    free(figures);
    return code;
}

static int put_rows(sqlite3 *db, const struct attn_index_row *rows, size_t count) {
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO runs VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, &statement, NULL);
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        if (rows[i].recipe && !rows[i].known) code = put_row(statement, &rows[i]);
    sqlite3_finalize(statement);
    return code;
}

/* Takes away the rows of folders that are no more. */
static int forget_rows(sqlite3 *db, const struct attn_index_row *rows, size_t count) {
    sqlite3_stmt *all = NULL, *one = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT rowid, name FROM runs NOT INDEXED", -1, &all, NULL);
    if (code == SQLITE_OK) code = sqlite3_prepare_v2(db, "DELETE FROM runs WHERE rowid=?", -1, &one, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(all)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(all, 1);
        code = SQLITE_OK;
        if (name && row_named(rows, count, name)) continue;
        code = sqlite3_reset(one);
        if (code == SQLITE_OK) code = sqlite3_bind_int64(one, 1, sqlite3_column_int64(all, 0));
        if (code == SQLITE_OK) code = sqlite3_step(one) == SQLITE_DONE ? SQLITE_OK : SQLITE_ABORT;
    }
    sqlite3_finalize(all);
    sqlite3_finalize(one);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

void attn_index_keep(attn_ctx *ctx, const char *store, const struct attn_index_row *rows, size_t count, bool forget) {
    struct index index;
    char version[64];
    bool fresh = false;
    for (size_t i = 0; i < count; i++) fresh = fresh || (rows[i].recipe && !rows[i].known);
    if ((!fresh && !forget) || !open_index(ctx, store, true, &index)) return;
    snprintf(version, sizeof version, "PRAGMA user_version=%d", VERSION);
    int code = run_sql(index.db, "BEGIN IMMEDIATE");
    if (code == SQLITE_OK) code = run_sql(index.db, table);
    if (code == SQLITE_OK) code = run_sql(index.db, version);
    if (code == SQLITE_OK) code = put_rows(index.db, rows, count);
    if (code == SQLITE_OK && forget) code = forget_rows(index.db, rows, count);
    if (code == SQLITE_OK) code = run_sql(index.db, "COMMIT");
    close_index(ctx, &index, code);
}

#else

void attn_index_take(attn_ctx *ctx, const char *store, struct attn_index_row *rows, size_t count, bool stamps, size_t *gone) {
    (void)ctx, (void)store, (void)rows, (void)count, (void)stamps;
    *gone = 0;
}

void attn_index_keep(attn_ctx *ctx, const char *store, const struct attn_index_row *rows, size_t count, bool forget) {
    (void)ctx, (void)store, (void)rows, (void)count, (void)forget;
}
#endif
