/* Reading a table of rates: a header, then rows; errors name the row and the column. */
#include "dist/cp/rates.h"

#include "base/file.h"
#include "dist/cp/quantity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 1 << 20, ROWS = 4096, CELLS = 128 };

enum column { PASS, MASK, LEN, DIM, SECONDS, HEADS, BATCH, AREA, COLUMNS };
static const char *const names[COLUMNS][2] = {
    {"pass", NULL},  {"mask", NULL},  {"len", "q_len"}, {"dim", "head_dim"}, {"seconds", "seconds_median"},
    {"heads", NULL}, {"batch", NULL}, {"area", NULL}};

struct table {
    attn_ctx *ctx;
    const char *name;
    const char *at, *end;
    int64_t line;
    char *text; /* of the row, cells one after the other */
    const char *cell[CELLS];
    int cells, column[COLUMNS]; /* -1: missing */
};

static attn_status complain(const struct table *t, const char *column, const char *found, const char *expected) {
    return attn_fail(t->ctx, ATTN_EINVAL, "%s:%lld: %s%sfound '%.64s'; expected %s", t->name, (long long)t->line, column,
                     column[0] ? ": " : "", found, expected);
}

/* One cell from t->at to its end, copied to `to`; quotes inside quotes are doubled. */
static char *read_cell(struct table *t, char *to, bool *closed) {
    const bool quoted = t->at < t->end && *t->at == '"';
    *closed = !quoted;
    if (quoted) t->at++;
    while (t->at < t->end && *t->at != '\n' && (quoted || *t->at != ',')) {
        if (quoted && *t->at == '"') {
            t->at++;
            if (t->at == t->end || *t->at != '"') {
                *closed = true;
                break;
            }
        }
        *to++ = *t->at == '\0' ? '?' : *t->at;
        t->at++;
    }
    *to = '\0';
    return to;
}

/* The next row that is not empty, in t->cell. *more false: there is none. */
static attn_status next_row(struct table *t, bool *more) {
    while (t->at < t->end && (*t->at == '\n' || *t->at == '\r' || *t->at == '#')) {
        if (*t->at == '#')
            while (t->at < t->end && *t->at != '\n') t->at++;
        t->line += t->at < t->end && *t->at == '\n';
        if (t->at < t->end) t->at++;
    }
    *more = t->at < t->end;
    char *to = t->text;
    bool closed, again = *more;
    for (t->cells = 0; again; t->cells++) {
        if (t->cells == CELLS) return complain(t, "", "more cells", "at most 128 of them");
        char *const begin = to;
        to = read_cell(t, begin, &closed) + 1;
        if (!closed) return complain(t, "", begin, "a quote at its end");
        t->cell[t->cells] = attn_text_trim(begin);
        again = t->at < t->end && *t->at == ',';
        if (again)
            t->at++;
        else if (t->at < t->end && *t->at != '\n' && *t->at != '\r')
            return complain(t, "", begin, "a comma behind the quote");
    }
    return ATTN_OK;
}

static attn_status read_header(struct table *t) {
    bool more;
    t->line = 1;
    const attn_status status = next_row(t, &more);
    if (status) return status;
    for (int c = 0; c < COLUMNS; c++) {
        t->column[c] = -1;
        for (int n = 0; n < 2 && names[c][n] && t->column[c] < 0; n++)
            for (int i = 0; i < t->cells && t->column[c] < 0; i++)
                if (strcmp(t->cell[i], names[c][n]) == 0) t->column[c] = i;
        if (c <= SECONDS && t->column[c] < 0)
            return attn_fail(t->ctx, ATTN_EINVAL, "%s:%lld: found no column %s%s%s; expected the header pass,mask,len,dim,seconds", t->name,
                             (long long)t->line, names[c][0], names[c][1] ? " or " : "", names[c][1] ? names[c][1] : "");
    }
    return ATTN_OK;
}

static attn_status read_integer(const struct table *t, enum column c, double most, double *out) {
    *out = 1;
    if (t->column[c] < 0) return ATTN_OK;
    const char *cell = t->cell[t->column[c]];
    if (attn_plain_number(cell, out) && *out == floor(*out) && *out >= 1 && *out <= most) return ATTN_OK;
    char expected[64] = "";
    attn_append(expected, sizeof expected, "an integer from 1 to %.0f", most);
    return complain(t, names[c][0], cell, expected);
}

static attn_status read_area(const struct table *t, const char *mask, double len, double *out) {
    const char *cell = t->column[AREA] < 0 ? "" : t->cell[t->column[AREA]];
    if (cell[0]) {
        if (attn_plain_number(cell, out) && *out > 0 && *out <= len * len) return ATTN_OK;
        return complain(t, "area", cell, "a number above 0, at most len * len");
    }
    *out = strcmp(mask, "full") == 0 ? len * len : strcmp(mask, "causal") == 0 ? len * (len + 1) / 2 : 0;
    return *out > 0 ? ATTN_OK : complain(t, "mask", mask, "full or causal, or a column area with the allowed pairs of a head");
}

/* *measured false: the row is passed over. */
static attn_status read_row(const struct table *t, struct attn_rate *out, bool *measured) {
    double len, dim, heads, batch, area, seconds;
    for (int c = 0; c < COLUMNS; c++)
        if (t->column[c] >= t->cells) return complain(t, names[c][0], "no cell", "as many cells as the header has");
    const char *pass = t->cell[t->column[PASS]], *mask = t->cell[t->column[MASK]], *cell = t->cell[t->column[SECONDS]];
    *measured = cell[0] != '\0' && (strcmp(pass, "fwd") == 0 || strcmp(pass, "bwd") == 0);
    if (strcmp(pass, "fwd") != 0 && strcmp(pass, "bwd") != 0 && strcmp(pass, "fwd+bwd") != 0)
        return complain(t, "pass", pass, "fwd, bwd or fwd+bwd");
    if (!*measured) return ATTN_OK;
    if (!attn_plain_number(cell, &seconds) || !(seconds > 0)) return complain(t, names[SECONDS][0], cell, "a number above 0");
    if (mask[0] == '\0' || strlen(mask) >= sizeof out->mask) return complain(t, "mask", mask, "a text of 1 to 63 characters");
    attn_status status = read_integer(t, LEN, 0x1p31, &len);
    if (!status) status = read_integer(t, DIM, 65536, &dim);
    if (!status) status = read_integer(t, HEADS, 65536, &heads);
    if (!status) status = read_integer(t, BATCH, 0x1p31, &batch);
    if (!status) status = read_area(t, mask, len, &area);
    if (status) return status;
    *out = (struct attn_rate){.pass = pass[0] == 'b', .density = area / (len * len), .len = (int64_t)len, .dim = (int32_t)dim};
    memcpy(out->mask, mask, strlen(mask) + 1);
    out->flops = area * heads * batch * dim * (out->pass ? 10 : 4) / seconds;
    return isfinite(out->flops) ? ATTN_OK : complain(t, names[SECONDS][0], cell, "more seconds");
}

/* By what makes rows the same, then fastest first. */
static int compare(const void *a, const void *b) {
    const struct attn_rate *x = a, *y = b;
    const int mask = strcmp(x->mask, y->mask);
    if (x->pass != y->pass) return x->pass < y->pass ? -1 : 1;
    if (x->dim != y->dim) return x->dim < y->dim ? -1 : 1;
    if (mask) return mask;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return x->flops > y->flops ? -1 : x->flops < y->flops;
}

static void sort(struct attn_rates *r) {
    int64_t kept = 0;
    if (r->rows > 0) qsort(r->row, (size_t)r->rows, sizeof *r->row, compare);
    for (int64_t i = 0; i < r->rows; i++) {
        const struct attn_rate *before = kept ? &r->row[kept - 1] : NULL, *row = &r->row[i];
        const bool same = before && before->pass == row->pass && before->dim == row->dim && before->len == row->len &&
                          strcmp(before->mask, row->mask) == 0;
        if (!same) r->row[kept++] = *row;
    }
    r->rows = kept;
}

static attn_status read_rows(struct table *t, struct attn_rates *out) {
    bool more = true;
    attn_status status = read_header(t);
    while (!status && more) {
        bool measured = false;
        status = next_row(t, &more);
        if (status || !more) break;
        if (out->rows == ROWS) return complain(t, "", "one more row", "at most 4096 that are measured");
        status = read_row(t, &out->row[out->rows], &measured);
        if (!status && measured) out->rows++;
    }
    if (!status && out->rows == 0)
        status = attn_fail(t->ctx, ATTN_EINVAL, "%s: found no measured row of fwd or bwd; expected at least one", t->name);
    return status;
}

attn_status attn_rates_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_rates *out) {
    struct table t = {.ctx = ctx, .name = name, .at = text, .end = text + size};
    const size_t bytes = ROWS * sizeof *out->row;
    *out = (struct attn_rates){.ctx = ctx};
    if (size > BYTES) return attn_fail(ctx, ATTN_EINVAL, "%s: found %zu bytes; expected at most 1 MiB", name, size);
    out->row = attn_alloc(ctx, bytes);
    t.text = attn_alloc(ctx, size + CELLS + 1);
    attn_status status = out->row && t.text ? ATTN_OK : attn_no_memory(ctx, name, bytes + size);
    if (!status) status = read_rows(&t, out);
    attn_free(ctx, t.text);
    if (status)
        attn_rates_close(out);
    else
        sort(out);
    return status;
}

attn_status attn_rates_read(attn_ctx *ctx, const char *path, struct attn_rates *out) {
    uint8_t *data;
    size_t size;
    attn_status status = attn_file_read(ctx, NULL, path, BYTES, &data, &size);
    if (status) return status;
    status = attn_rates_parse(ctx, path, (const char *)data, size, out);
    attn_free(ctx, data);
    return status;
}
