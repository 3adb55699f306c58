#include "train/c_source.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* ---------------------------------------------------------------------------------------------------------------- text */

void attn_c_open(attn_ctx *ctx, bool int8, bool no_libm, struct attn_c_source *out) {
    *out = (struct attn_c_source){.ctx = ctx, .int8 = int8, .no_libm = no_libm};
}

void attn_c_close(struct attn_c_source *c) {
    struct attn_c_text *const texts[] = {&c->sizes, &c->weights, &c->wide,   &c->narrow, &c->functions,
                                         &c->init,  &c->push,    &c->inputs, &c->outputs};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) attn_free(c->ctx, texts[i]->at);
    attn_free(c->ctx, c->matrix);
    *c = (struct attn_c_source){.ctx = c->ctx};
}

attn_status attn_c_fail(struct attn_c_source *c, attn_status status, const char *format, ...) {
    char text[512];
    va_list arguments;
    if (c->status) return c->status;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return c->status = attn_fail(c->ctx, status, "%s", text);
}

/* Room for so many bytes more and a 0. */
static bool make_room(struct attn_c_source *c, struct attn_c_text *to, size_t bytes) {
    enum { FIRST = 4096 };
    size_t need, room = to->room < FIRST ? FIRST : to->room;
    if (c->status) return false;
    if (!attn_add_size(to->bytes, bytes, &need) || need >= SIZE_MAX / 2) {
        c->status = attn_no_memory(c->ctx, "the source", SIZE_MAX);
        return false;
    }
    if (need < to->room) return true;
    while (room <= need) room *= 2;
    char *fresh = attn_alloc(c->ctx, room);
    if (!fresh) {
        c->status = attn_no_memory(c->ctx, "the source", room);
        return false;
    }
    if (to->at) memcpy(fresh, to->at, to->bytes + 1);
    attn_free(c->ctx, to->at);
    to->at = fresh;
    to->room = room;
    return true;
}

void attn_c_add_text(struct attn_c_source *c, struct attn_c_text *to, const char *text) {
    const size_t bytes = strlen(text);
    if (!make_room(c, to, bytes)) return;
    memcpy(to->at + to->bytes, text, bytes + 1);
    to->bytes += bytes;
}

void attn_c_add(struct attn_c_source *c, struct attn_c_text *to, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert(bytes >= 0 && (size_t)bytes < sizeof text);
    (void)bytes;
    attn_c_add_text(c, to, text);
}

/* A user's own name in a comment: nothing that ends it, no line's end. */
static void name_column(struct attn_c_source *c, struct attn_c_text *to, int64_t number, const char *name, const char *note) {
    char safe[96];
    size_t i = 0;
    for (; i < sizeof safe - 1 && name[i]; i++) {
        const unsigned char byte = (unsigned char)name[i];
        safe[i] = byte < ' ' || byte == 0x7F || byte == '*' || byte == '\\' || byte == '?' ? '_' : name[i];
    }
    safe[i] = '\0';
    attn_c_add(c, to, " *   [%lld] %s%s%s\n", (long long)number, safe, note[0] ? ": " : "", note);
}

void attn_c_input(struct attn_c_source *c, const char *name, const char *note) {
    name_column(c, &c->inputs, c->input_count++, name, note);
}

void attn_c_output(struct attn_c_source *c, const char *name, const char *note) {
    name_column(c, &c->outputs, c->output_count++, name, note);
}

void attn_c_use(struct attn_c_source *c, unsigned functions) {
    c->used |= functions;
}

void attn_c_size(struct attn_c_source *c, const char *name, int64_t value) {
    if (value > INT32_MAX) attn_c_fail(c, ATTN_EUNSUPPORTED, "export: %s is %lld, expected at most %d", name, (long long)value, INT32_MAX);
    attn_c_add(c, &c->sizes, "    %s = %lld,\n", name, (long long)value);
}

void attn_c_wide(struct attn_c_source *c, const char *type, const char *name, int64_t count) {
    attn_c_add(c, &c->wide, count == 0 ? "    %s %s;\n" : "    %s %s[%lld];\n", type, name, (long long)count);
    c->wide_count += count == 0 ? 1 : count;
}

void attn_c_narrow(struct attn_c_source *c, const char *type, const char *name, int64_t count) {
    attn_c_add(c, &c->narrow, count == 0 ? "    %s %s;\n" : "    %s %s[%lld];\n", type, name, (long long)count);
    c->narrow_count += count == 0 ? 1 : count;
}

/* -------------------------------------------------------------------------------------------------------------- weights */

enum { FLOATS_IN_LINE = 8 };

/* Between the numbers of an array: a comma, and every `line` of them a new line. */
static void separate(struct attn_c_source *c, int64_t index, int64_t line) {
    attn_c_add_text(c, &c->weights, index == 0 ? "\n    " : index % line == 0 ? ",\n    " : ", ");
}

static void check_weight(struct attn_c_source *c, double number) {
    if (!isfinite(number)) attn_c_fail(c, ATTN_EINVAL, "export: found a weight that is %g, expected finite ones", number);
}

static void put_floats(struct attn_c_source *c, int64_t count, const attn_real *value, double factor) {
    for (int64_t i = 0; i < count && !c->status; i++) {
        const double number = (double)(float)((double)value[i] * factor);
        check_weight(c, number);
        separate(c, i, FLOATS_IN_LINE);
        attn_c_add(c, &c->weights, "%af", number);
    }
}

void attn_c_floats(struct attn_c_source *c, const char *name, int64_t count, const attn_real *value, double factor) {
    attn_c_add(c, &c->weights, "static const float %s[%lld] = {", name, (long long)count);
    put_floats(c, count, value, factor);
    attn_c_add_text(c, &c->weights, "};\n\n");
    c->weight_bytes += 4 * count;
}

void attn_c_doubles(struct attn_c_source *c, const char *name, int64_t count, const double *value) {
    enum { LINE = 5 };
    attn_c_add(c, &c->weights, "static const double %s[%lld] = {", name, (long long)count);
    for (int64_t i = 0; i < count && !c->status; i++) {
        check_weight(c, value[i]);
        separate(c, i, LINE);
        attn_c_add(c, &c->weights, "%a", value[i]);
    }
    attn_c_add_text(c, &c->weights, "};\n\n");
    c->weight_bytes += 8 * count;
}

/* The factor by which a row's 8-bit numbers are multiplied: its greatest is 127. */
static float scale_of(const attn_real *row, int64_t columns) {
    double most = 0;
    for (int64_t i = 0; i < columns; i++) most = fmax(most, fabs((double)row[i]));
    return (float)(most / 127);
}

static int rounded(attn_real weight, float scale) {
    return scale > 0 ? (int)fmax(-127, fmin(127, nearbyint((double)weight / (double)scale))) : 0;
}

static void put_bytes(struct attn_c_source *c, const char *name, const struct attn_c_matrix *m) {
    enum { LINE = 24 };
    const attn_real *row = attn_data(m->weight) + m->first * m->columns;
    const int64_t count = m->rows * m->columns;
    attn_c_add(c, &c->weights, "static const float %s_scale[%lld] = {", name, (long long)m->rows);
    for (int64_t r = 0; r < m->rows; r++) {
        separate(c, r, FLOATS_IN_LINE);
        attn_c_add(c, &c->weights, "%af", (double)scale_of(row + r * m->columns, m->columns));
    }
    attn_c_add(c, &c->weights, "};\nstatic const int8_t %s_weight[%lld] = {", name, (long long)count);
    for (int64_t r = 0; r < m->rows && !c->status; r++, row += m->columns) {
        const float scale = scale_of(row, m->columns);
        for (int64_t i = 0; i < m->columns; i++) {
            check_weight(c, (double)row[i]);
            separate(c, r * m->columns + i, LINE);
            attn_c_add(c, &c->weights, "%d", rounded(row[i], scale));
        }
    }
    attn_c_add_text(c, &c->weights, "};\n");
    c->weight_bytes += m->rows * (m->columns + 4);
}

static void keep_matrix(struct attn_c_source *c, const struct attn_c_matrix *m) {
    const size_t bytes = ATTN_C_MATRICES * sizeof *c->matrix;
    if (!c->matrix && !c->status) c->matrix = attn_alloc(c->ctx, bytes);
    if (!c->matrix && !c->status) c->status = attn_no_memory(c->ctx, "the list of matrices", bytes);
    if (c->matrix_count == ATTN_C_MATRICES)
        attn_c_fail(c, ATTN_EUNSUPPORTED, "export: found more than %d matrices, expected a smaller model", ATTN_C_MATRICES);
    if (!c->status) c->matrix[c->matrix_count++] = *m;
}

void attn_c_linear(struct attn_c_source *c, const char *name, const attn_projection *layer, int64_t first, int64_t rows, int64_t times) {
    const struct attn_c_matrix m = {layer->weight, first, rows, attn_size(layer->weight, 1)};
    if (c->int8) {
        keep_matrix(c, &m);
        put_bytes(c, name, &m);
    } else {
        const int64_t count = rows * m.columns;
        attn_c_add(c, &c->weights, "static const float %s_weight[%lld] = {", name, (long long)count);
        put_floats(c, count, attn_data(m.weight) + first * m.columns, 1);
        attn_c_add_text(c, &c->weights, "};\n");
        c->weight_bytes += 4 * count;
    }
    if (layer->bias) {
        attn_c_add(c, &c->weights, "static const float %s_bias[%lld] = {", name, (long long)rows);
        put_floats(c, rows, attn_data(layer->bias) + first, 1);
        attn_c_add_text(c, &c->weights, "};\n");
        c->weight_bytes += 4 * rows;
    }
    attn_c_add(c, &c->weights, "static const struct linear %s = {%lld, %lld, %s_weight, ", name, (long long)m.columns, (long long)rows,
               name);
    if (c->int8) attn_c_add(c, &c->weights, "%s_scale, ", name);
    attn_c_add(c, &c->weights, "%s%s};\n\n", layer->bias ? name : "0", layer->bias ? "_bias" : "");
    c->products += times * rows * m.columns;
}

void attn_c_norm(struct attn_c_source *c, const char *name, const attn_norm *norm) {
    char array[160];
    snprintf(array, sizeof array, "%s_gain", name);
    attn_c_floats(c, array, attn_count(norm->gain), attn_data(norm->gain), 1);
    snprintf(array, sizeof array, "%s_bias", name);
    attn_c_floats(c, array, attn_count(norm->bias), attn_data(norm->bias), 1);
}

void attn_c_round_weights(const struct attn_c_source *c) {
    for (int i = 0; i < c->matrix_count; i++) {
        const struct attn_c_matrix *m = &c->matrix[i];
        attn_real *row = attn_data(m->weight) + m->first * m->columns;
        for (int64_t r = 0; r < m->rows; r++, row += m->columns) {
            const float scale = scale_of(row, m->columns);
            for (int64_t k = 0; k < m->columns; k++) row[k] = (attn_real)((float)rounded(row[k], scale) * scale);
        }
    }
}
