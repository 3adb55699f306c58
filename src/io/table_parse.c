/* Parser of CSV and TSV, over the text in place: a cell's quotes are taken away where it stands, which only shortens it, and the separator
 * or line end behind it becomes the 0 that ends it.
 *
 * Invariants: the text holds no 0 before parsing (a cell could not show it); memory for cells is taken once, after counting separators
 * and line ends, each of which ends at most one cell. */
#include "io/table.h"

#include <stdio.h>
#include <string.h>

struct parser {
    attn_ctx *ctx;
    struct attn_table *table;
    char *text;
    size_t at, size;
    uint32_t line; /* where `at` stands */
    char separator;
    bool quotes;
    uint32_t *cell; /* of the row that is read */
    size_t cells;
};

/* What became of a row. Only the last ends the reading. */
enum row { ROW_GOOD, ROW_BLANK, ROW_BAD, ROW_ENDLESS };

static bool ends_cell(const struct parser *p, size_t at) {
    const char letter = at < p->size ? p->text[at] : '\n';
    return letter == p->separator || letter == '\n' || (letter == '\r' && (at + 1 == p->size || p->text[at + 1] == '\n'));
}

/* Steps over what ends a cell and puts a 0 at `end`. True: a line end, and so the row's. */
static bool step_over(struct parser *p, size_t end) {
    const char letter = p->at < p->size ? p->text[p->at] : '\n';
    if (letter == '\r' && p->at < p->size) p->at++;
    if (p->at < p->size) p->at++;
    if (letter != p->separator) p->line++;
    p->text[end] = '\0';
    return letter != p->separator;
}

/* A quoted cell, the cursor at its quote. Gives where its text ends, or SIZE_MAX: the quote has no end. */
static size_t take_quoted(struct parser *p) {
    size_t to = ++p->at;
    p->cell[p->cells++] = (uint32_t)to;
    for (; p->at < p->size; p->at++) {
        if (p->text[p->at] == '"') {
            p->at++;
            if (p->at >= p->size || p->text[p->at] != '"') return to;
        }
        if (p->text[p->at] == '\n') p->line++;
        p->text[to++] = p->text[p->at];
    }
    return SIZE_MAX;
}

static void note_bad(struct parser *p, uint32_t line, const char *what) {
    struct attn_table *table = p->table;
    if (table->bad++ == 0) snprintf(table->first_bad, sizeof table->first_bad, "%s: line %u, %s", table->name, (unsigned)line, what);
}

/* Goes to the next line, as what stands in between cannot be trusted. */
static enum row give_up(struct parser *p, uint32_t line, const char *what) {
    char text[160];
    snprintf(text, sizeof text, "column %zu: %s", p->cells, what);
    while (p->at < p->size && p->text[p->at] != '\n') p->at++;
    p->at += p->at < p->size;
    p->line++;
    note_bad(p, line, text);
    return ROW_BAD;
}

static enum row take_row(struct parser *p) {
    const uint32_t line = p->line;
    p->cells = 0;
    for (;;) {
        size_t end;
        if (p->quotes && p->at < p->size && p->text[p->at] == '"') {
            if ((end = take_quoted(p)) == SIZE_MAX) {
                attn_fail(p->ctx, ATTN_EINVAL, "%s: line %u, column %zu: found no end of the quoted cell, expected '\"' behind it",
                          p->table->name, (unsigned)line, p->cells);
                return ROW_ENDLESS;
            }
            if (!ends_cell(p, p->at)) return give_up(p, line, "found text behind a quoted cell, expected the separator or the line's end");
        } else {
            p->cell[p->cells++] = (uint32_t)p->at;
            while (!ends_cell(p, p->at) && !(p->quotes && p->text[p->at] == '"')) p->at++;
            if (!ends_cell(p, p->at))
                return give_up(p, line, "found '\"' inside a cell, expected the whole cell in quotes, and '\"' doubled");
            end = p->at;
        }
        const size_t begin = p->cell[p->cells - 1];
        if (step_over(p, end)) return p->cells == 1 && end == begin ? ROW_BLANK : ROW_GOOD;
    }
}

/* Does the row have as many cells as the first? */
static bool fits(struct parser *p, uint32_t line) {
    struct attn_table *table = p->table;
    char text[96];
    if (p->cells == table->columns) return true;
    snprintf(text, sizeof text, "column %zu: found %zu cells, expected %zu", p->cells, p->cells, table->columns);
    note_bad(p, line, text);
    return false;
}

/* The first row: its cells are the columns, and their names if there is a header. A bad one is always a mistake. */
static attn_status take_first(struct parser *p, const struct attn_table_options *options) {
    struct attn_table *table = p->table;
    const uint32_t line = p->line;
    if (p->size == 0 && options->header)
        return attn_fail(p->ctx, ATTN_EINVAL, "%s: line 1: found the end of the file, expected a header", table->name);
    if (p->size == 0) return ATTN_OK;
    const enum row row = take_row(p);
    if (row == ROW_ENDLESS) return ATTN_EINVAL;
    if (row == ROW_BLANK && options->header)
        return attn_fail(p->ctx, ATTN_EINVAL, "%s: line 1: found an empty line, expected a header", table->name);
    if (row == ROW_BAD) return attn_fail(p->ctx, ATTN_EINVAL, "%s", table->first_bad);
    if (p->cells > ATTN_TABLE_COLUMNS)
        return attn_fail(p->ctx, ATTN_EINVAL, "%s: line 1: found %zu columns, expected at most %d", table->name, p->cells,
                         ATTN_TABLE_COLUMNS);
    table->columns = p->cells;
    if (!options->header) {
        table->line[table->rows++] = line;
        p->cell += p->cells;
        return ATTN_OK;
    }
    table->title = attn_alloc(p->ctx, p->cells * sizeof *table->title);
    if (table->title == NULL) return attn_no_memory(p->ctx, table->name, p->cells * sizeof *table->title);
    memcpy(table->title, p->cell, p->cells * sizeof *table->title);
    return ATTN_OK;
}

/* Cells follow one another in table->cell: a row that is left out is written over by the next. */
static attn_status take_rows(struct parser *p) {
    struct attn_table *table = p->table;
    while (p->at < p->size) {
        const uint32_t line = p->line;
        const enum row row = take_row(p);
        if (row == ROW_ENDLESS) return ATTN_EINVAL;
        if (row == ROW_GOOD && fits(p, line)) {
            table->line[table->rows++] = line;
            p->cell += p->cells;
        } else if (row == ROW_BLANK && table->columns == 1) {
            table->line[table->rows++] = line;
            p->cell++;
        }
        if (table->bad > 0 && !table->skip_bad) return attn_fail(p->ctx, ATTN_EINVAL, "%s", table->first_bad);
    }
    return ATTN_OK;
}

static bool ends_in(const char *name, const char *end) {
    const size_t length = strlen(name), own = strlen(end);
    return length >= own && strcmp(name + length - own, end) == 0;
}

/* Memory for cells and lines, from what could end them. */
static attn_status reserve(struct parser *p) {
    struct attn_table *table = p->table;
    size_t cells = 2, lines = 2;
    const char *zero = memchr(p->text, 0, p->size);
    if (zero != NULL)
        return attn_fail(p->ctx, ATTN_EINVAL, "%s: byte %zu: found a byte 0, expected text", table->name, (size_t)(zero - p->text));
    for (size_t i = 0; i < p->size; i++) {
        cells += p->text[i] == p->separator || p->text[i] == '\n';
        lines += p->text[i] == '\n';
    }
    table->cell = attn_alloc(p->ctx, cells * sizeof *table->cell);
    table->line = attn_alloc(p->ctx, lines * sizeof *table->line);
    if (table->cell == NULL || table->line == NULL) return attn_no_memory(p->ctx, table->name, (cells + lines) * sizeof *table->cell);
    p->cell = table->cell;
    return ATTN_OK;
}

/* Takes over the text. */
static attn_status parse(attn_ctx *ctx, const char *name, struct attn_text text, const struct attn_table_options *options,
                         struct attn_table *out) {
    struct attn_table table = {.text = text, .skip_bad = options->skip_bad};
    const bool by_name = options->form == ATTN_TABLE_BY_NAME, tabs = by_name && (ends_in(name, ".tsv") || ends_in(name, ".tsv.gz"));
    struct parser p = {.ctx = ctx, .table = &table, .text = text.bytes, .size = text.size, .line = 1};
    p.quotes = by_name ? !tabs : options->form == ATTN_TABLE_CSV;
    p.separator = p.quotes ? ',' : '\t';
    attn_status status = ATTN_OK;
    const size_t length = strlen(name) + 1;
    table.name = attn_alloc(ctx, length);
    if (table.name == NULL) status = attn_no_memory(ctx, name, length);
    if (status == ATTN_OK) memcpy(table.name, name, length);
    if (status == ATTN_OK) status = reserve(&p);
    if (status == ATTN_OK) status = take_first(&p, options);
    if (status == ATTN_OK) status = take_rows(&p);
    if (status == ATTN_OK)
        *out = table;
    else
        attn_table_free(ctx, &table);
    return status;
}

attn_status attn_table_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path,
                            const struct attn_table_options *options, struct attn_table *out) {
    struct attn_text text;
    const attn_status status = attn_text_read(ctx, system, path, ATTN_TABLE_BYTES, &text);
    return status == ATTN_OK ? parse(ctx, path, text, options, out) : status;
}

attn_status attn_table_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, const struct attn_table_options *options,
                             struct attn_table *out) {
    struct attn_text text;
    const attn_status status = attn_text_parse(ctx, name, bytes, size, ATTN_TABLE_BYTES, &text);
    return status == ATTN_OK ? parse(ctx, name, text, options, out) : status;
}
