/* The wisdom of a context: exported, imported, found, forgotten. Importing reads all lines into a table, lets a later line with the key of
 * an earlier one take its place, and writes the table out as the new text; where another thread was quicker, it begins again. */
#include "plan/wisdom.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

enum { NOTES = 8 }; /* malformed lines that are noted one by one */

/* A line that stays: `line` ends with a newline where it is written. */
struct kept {
    struct attn_piece line, key;
    uint64_t hash;
};

struct table {
    attn_ctx *ctx;
    const char *source;
    struct kept *rows;
    char *text; /* the lines as they will be written, in the order of `rows` only by accident */
    size_t used;
    int count;
    bool full;
    int usable, others, malformed;
};

static uint64_t hash_of(struct attn_piece p) {
    return attn_hash(ATTN_HASH_START, p.at, p.length);
}

static bool same(struct attn_piece a, struct attn_piece b) {
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* Copies the line into the table's text; an entry with one form of blanks, so that keys are compared as bytes. */
static struct kept copy_line(struct table *t, const struct attn_wisdom_line *line) {
    char *begin = t->text + t->used, *at = begin;
    struct kept row = {.line = {begin, 0}};
    const int fields = line->kind == ATTN_WISDOM_ENTRY ? ATTN_WISDOM_FIELDS : 1;
    for (int i = 0; i < fields; i++) {
        const struct attn_piece p = fields == 1 ? line->text : line->field[i];
        if (i > 0) {
            memcpy(at, " | ", 3);
            at += 3;
        }
        memcpy(at, p.at, p.length);
        at += p.length;
        if (i == ATTN_WISDOM_PROBLEM) row.key = (struct attn_piece){begin, (size_t)(at - begin)};
    }
    row.line.length = (size_t)(at - begin);
    if (fields == 1) row.key = row.line; /* a comment, or of another version: the same only if it is the same text */
    row.hash = hash_of(row.key);
    return row;
}

static void keep(struct table *t, const struct attn_wisdom_line *line) {
    const struct kept row = copy_line(t, line);
    int place = 0;
    while (place < t->count && !(t->rows[place].hash == row.hash && same(t->rows[place].key, row.key))) place++;
    if (place == ATTN_WISDOM_LINES) {
        t->full = true;
        return;
    }
    t->rows[place] = row;
    t->used += row.line.length;
    if (place == t->count) t->count++;
}

static bool kernel_known(const attn_ctx *ctx, struct attn_piece name) {
    for (int i = 0; i < attn_kernel_count; i++)
        if ((attn_kernels[i]->isa_bits & ctx->isa) == attn_kernels[i]->isa_bits && attn_kernel_is(attn_kernels[i], name.at, name.length))
            return true;
    return false;
}

/* May this context's plans use the entry? */
static bool is_usable(const attn_ctx *ctx, const struct attn_wisdom_line *line) {
    return line->kind == ATTN_WISDOM_ENTRY && attn_piece_is(line->field[ATTN_WISDOM_CPU], ctx->cpu_model) &&
           attn_piece_is(line->field[ATTN_WISDOM_ISA], ctx->isa_name) && kernel_known(ctx, line->field[ATTN_WISDOM_KERNEL]);
}

static void note_malformed(struct table *t, int number, const char *complaint) {
    if (t->malformed++ < NOTES)
        attn_log(t->ctx, ATTN_LOG_WARN, "wisdom: %s%sline %d: %s; the line is left out", t->source ? t->source : "", t->source ? ": " : "",
                 number, complaint);
}

/* Adds the lines of a text. `noted`: they come from outside, and what is wrong with them is said. */
static void read_lines(struct table *t, const char *text, size_t bytes, bool noted) {
    const char *at = text, *end = text + bytes;
    for (int number = 1; at < end && !t->full; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        struct attn_wisdom_line line;
        attn_wisdom_parse(at, (size_t)(stop - at), &line);
        if (line.kind == ATTN_WISDOM_MALFORMED && noted) note_malformed(t, number, line.complaint);
        if (line.kind != ATTN_WISDOM_BLANK && line.kind != ATTN_WISDOM_MALFORMED) keep(t, &line);
        if (noted && (line.kind == ATTN_WISDOM_ENTRY || line.kind == ATTN_WISDOM_FOREIGN))
            *(is_usable(t->ctx, &line) ? &t->usable : &t->others) += 1;
        at = newline ? newline + 1 : end;
    }
}

static void note_totals(const struct table *t) {
    const char *source = t->source ? t->source : "import";
    if (t->malformed > NOTES)
        attn_log(t->ctx, ATTN_LOG_WARN, "wisdom: %s: %d more malformed lines are left out", source, t->malformed - NOTES);
    if (t->others)
        attn_log(t->ctx, ATTN_LOG_INFO,
                 "wisdom: %s: %d entr%s of another processor, instruction set or version, or of a kernel that is not here: kept, not used",
                 source, t->others, t->others == 1 ? "y" : "ies");
}

/* The table as one text. */
static struct attn_shared_text *write_out(const struct table *t) {
    size_t bytes = 0;
    for (int i = 0; i < t->count; i++) bytes += t->rows[i].line.length + 1;
    struct attn_shared_text *text = attn_alloc(t->ctx, sizeof(*text) + bytes);
    if (!text) return NULL;
    atomic_init(&text->holders, 1);
    text->bytes = bytes;
    char *to = text->at;
    for (int i = 0; i < t->count; i++) {
        memcpy(to, t->rows[i].line.at, t->rows[i].line.length);
        to += t->rows[i].line.length;
        *to++ = '\n';
    }
    return text;
}

/* One attempt: the old text and the new lines become the table's text. *fresh: what is to be put in the old one's place. */
static attn_status merge_once(struct table *t, const struct attn_shared_text *old, const char *text, size_t bytes,
                              struct attn_shared_text **fresh) {
    const size_t rows = ATTN_WISDOM_LINES * sizeof(struct kept);
    /* Blanks around its six bars let an entry grow by 12 bytes, and it has 13 at least; a line that is there already does not grow. */
    const size_t room = 2 * bytes + (old ? old->bytes : 0);
    t->rows = attn_alloc(t->ctx, rows + room);
    if (!t->rows) return attn_no_memory(t->ctx, "wisdom", rows + room);
    t->text = (char *)t->rows + rows;
    if (old) read_lines(t, old->at, old->bytes, false);
    read_lines(t, text, bytes, true);
    attn_status status = ATTN_OK;
    if (t->full)
        status = attn_fail(t->ctx, ATTN_EINVAL, "wisdom: more than %d lines; take some away", ATTN_WISDOM_LINES);
    else if (!(*fresh = write_out(t)))
        status = attn_no_memory(t->ctx, "wisdom", t->used);
    else if ((*fresh)->bytes > ATTN_WISDOM_BYTES) {
        status = attn_fail(t->ctx, ATTN_EINVAL, "wisdom: %zu bytes in all, expected at most %d; take lines away", (*fresh)->bytes,
                           ATTN_WISDOM_BYTES);
        attn_free(t->ctx, *fresh);
    }
    attn_free(t->ctx, t->rows);
    return status;
}

attn_status attn_wisdom_merge(attn_ctx *ctx, const char *source, const char *text, size_t bytes) {
    if (bytes > ATTN_WISDOM_BYTES)
        return attn_fail(ctx, ATTN_EINVAL, "wisdom: found %zu bytes, expected at most %d", bytes, ATTN_WISDOM_BYTES);
    for (;;) {
        struct table t = {.ctx = ctx, .source = source};
        struct attn_shared_text *old = attn_ctx_wisdom(ctx), *fresh = NULL;
        const attn_status status = merge_once(&t, old, text, bytes, &fresh);
        const bool done = status || attn_ctx_wisdom_replace(ctx, old, fresh);
        attn_ctx_wisdom_drop(ctx, old);
        if (!done) attn_free(ctx, fresh);
        if (!status && done) note_totals(&t);
        if (done) return status;
    }
}

attn_status attn_wisdom_import(attn_ctx *ctx, const char *text, size_t bytes) {
    if (!ctx) return ATTN_EINVAL;
    if (!text) return attn_fail(ctx, ATTN_EINVAL, "wisdom: text is NULL, expected what attn_wisdom_export wrote");
    return attn_wisdom_merge(ctx, NULL, text, bytes);
}

attn_status attn_wisdom_add(attn_ctx *ctx, const char *line) {
    static const char header[] = "# attn wisdom: version | processor | instruction set | problem class | kernel | measured on | times of "
                                 "one forward (and backward)\n";
    char text[sizeof(header) + ATTN_WISDOM_LINE];
    struct attn_shared_text *old = attn_ctx_wisdom(ctx);
    snprintf(text, sizeof(text), "%s%s", old ? "" : header, line);
    attn_ctx_wisdom_drop(ctx, old);
    return attn_wisdom_merge(ctx, NULL, text, strlen(text));
}

size_t attn_wisdom_export(attn_ctx *ctx, char *text, size_t size) {
    struct attn_shared_text *wisdom = attn_ctx_wisdom(ctx);
    const size_t needed = wisdom ? wisdom->bytes : 0, copied = size == 0 ? 0 : needed < size ? needed : size - 1;
    if (copied) memcpy(text, wisdom->at, copied);
    if (size) text[copied] = 0;
    attn_ctx_wisdom_drop(ctx, wisdom);
    return needed;
}

void attn_wisdom_forget(attn_ctx *ctx) {
    for (bool done = false; !done;) {
        struct attn_shared_text *old = attn_ctx_wisdom(ctx);
        done = attn_ctx_wisdom_replace(ctx, old, NULL);
        attn_ctx_wisdom_drop(ctx, old);
    }
}

static void copy_piece(struct attn_piece piece, char to[ATTN_WISDOM_LINE]) {
    snprintf(to, ATTN_WISDOM_LINE, "%.*s", (int)piece.length, piece.at);
}

bool attn_wisdom_find(attn_ctx *ctx, const char *key, struct attn_wisdom_entry *out) {
    struct attn_shared_text *wisdom = attn_ctx_wisdom(ctx);
    const char *at = wisdom ? wisdom->at : NULL, *end = wisdom ? at + wisdom->bytes : NULL;
    const size_t length = strlen(key);
    bool found = false;
    for (const char *newline; at < end && !found; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at)); /* the text consists of whole lines */
        if ((size_t)(newline - at) < length + 3 || memcmp(at, key, length) != 0 || memcmp(at + length, " | ", 3) != 0) continue;
        struct attn_wisdom_line line;
        attn_wisdom_parse(at, (size_t)(newline - at), &line);
        found = line.kind == ATTN_WISDOM_ENTRY;
        copy_piece(line.field[ATTN_WISDOM_KERNEL], out->kernel);
        copy_piece(line.field[ATTN_WISDOM_SCOPE], out->scope);
        copy_piece(line.field[ATTN_WISDOM_TIMES], out->times);
    }
    attn_ctx_wisdom_drop(ctx, wisdom);
    return found;
}

void attn_wisdom_count(attn_ctx *ctx, int *usable, int *others) {
    struct attn_shared_text *wisdom = attn_ctx_wisdom(ctx);
    const char *at = wisdom ? wisdom->at : NULL, *end = wisdom ? at + wisdom->bytes : NULL;
    *usable = *others = 0;
    for (const char *newline; at < end; at = newline + 1) {
        struct attn_wisdom_line line;
        newline = memchr(at, '\n', (size_t)(end - at));
        attn_wisdom_parse(at, (size_t)(newline - at), &line);
        if (line.kind == ATTN_WISDOM_ENTRY || line.kind == ATTN_WISDOM_FOREIGN) *(is_usable(ctx, &line) ? usable : others) += 1;
    }
    attn_ctx_wisdom_drop(ctx, wisdom);
}
