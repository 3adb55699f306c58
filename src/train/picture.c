#include "train/picture.h"

#include "base/context.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST = 64 };

bool attn_picture_empty(const struct attn_picture *p) {
    return p->points == 0 && p->lines == 0 && !p->cell;
}

/* Room for `more` elements behind the `used` ones. */
static attn_status reserve(attn_ctx *ctx, void **at, int64_t *room, int64_t used, int64_t more, size_t bytes) {
    if (more <= *room - used) return ATTN_OK;
    const int64_t fresh_room = attn_max64(attn_max64(FIRST, 2 * *room), used + more);
    size_t size;
    void *fresh = attn_mul_size((size_t)fresh_room, bytes, &size) ? attn_alloc(ctx, size) : NULL;
    if (!fresh) return attn_no_memory(ctx, "a picture", (size_t)fresh_room * bytes);
    if (used > 0) memcpy(fresh, *at, (size_t)used * bytes);
    attn_free(ctx, *at);
    *at = fresh;
    *room = fresh_room;
    return ATTN_OK;
}

static attn_status reserve_pairs(attn_ctx *ctx, double **at, int64_t *room, int64_t used, int64_t more) {
    void *memory = *at;
    const attn_status status = reserve(ctx, &memory, room, used, more, 2 * sizeof **at);
    *at = memory;
    return status;
}

static attn_status copy_pair(attn_ctx *ctx, double *to, const double *from) {
    if (!isfinite(from[0]) || !isfinite(from[1]))
        return attn_fail(ctx, ATTN_EINVAL, "a picture: found the point (%g, %g), expected finite coordinates", from[0], from[1]);
    to[0] = from[0];
    to[1] = from[1];
    return ATTN_OK;
}

attn_status attn_picture_points(attn_ctx *ctx, struct attn_picture *p, const double *xy, int64_t n, bool numbered) {
    attn_status status = reserve_pairs(ctx, &p->point, &p->point_room, p->points, n);
    for (int64_t i = 0; i < n && !status; i++) status = copy_pair(ctx, p->point + 2 * (p->points + i), xy + 2 * i);
    if (status) return status;
    p->points += n;
    p->numbered = numbered;
    return ATTN_OK;
}

attn_status attn_picture_line(attn_ctx *ctx, struct attn_picture *p, enum attn_picture_role role, bool closed, const double *xy,
                              const int32_t *index, int64_t count) {
    void *line = p->line;
    attn_status status = reserve_pairs(ctx, &p->vertex, &p->vertex_room, p->vertices, count);
    if (!status) status = reserve(ctx, &line, &p->line_room, p->lines, 1, sizeof *p->line);
    p->line = line;
    for (int64_t i = 0; i < count && !status; i++)
        status = copy_pair(ctx, p->vertex + 2 * (p->vertices + i), xy + 2 * (index ? (int64_t)index[i] : i));
    if (status) return status;
    p->line[p->lines++] = (struct attn_picture_line){role, closed, p->vertices, count, 0};
    p->vertices += count;
    return ATTN_OK;
}

attn_status attn_picture_matrix(attn_ctx *ctx, struct attn_picture *p, const double *cell, int64_t rows, int64_t columns) {
    size_t cells, bytes;
    const size_t labels = ((size_t)rows + (size_t)columns) * sizeof *p->label;
    if (!attn_mul_size((size_t)rows, (size_t)columns, &cells) || !attn_mul_size(cells, sizeof *cell, &bytes))
        return attn_no_memory(ctx, "a picture", SIZE_MAX);
    p->cell = attn_alloc(ctx, bytes);
    p->label = attn_alloc(ctx, labels);
    if (!p->cell || !p->label) return attn_no_memory(ctx, "a picture", bytes + labels);
    memcpy(p->cell, cell, bytes);
    p->rows = rows;
    p->columns = columns;
    for (int64_t i = 0; i < rows + columns; i++)
        snprintf(p->label[i], sizeof p->label[i], "%lld", (long long)(i < rows ? i : i - rows) + 1);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ models */

void attn_picture_name(struct attn_picture *p, const char *model) {
    p->models = 1;
    p->model[0][0] = '\0';
    attn_append(p->model[0], sizeof p->model[0], "%s", model);
}

/* The number of the next line from `from` on that no model predicted; the picture's number of lines: there is none. */
static int64_t next_given(const struct attn_picture *p, int64_t from) {
    while (from < p->lines && p->line[from].role == ATTN_PICTURE_PREDICTED) from++;
    return from;
}

static bool same_lines(const struct attn_picture *a, int64_t i, const struct attn_picture *b, int64_t k) {
    const struct attn_picture_line *x = &a->line[i], *y = &b->line[k];
    if (x->role != y->role || x->closed != y->closed || x->count != y->count) return false;
    for (int64_t n = 0; n < 2 * x->count; n++)
        if (a->vertex[2 * x->first + n] != b->vertex[2 * y->first + n]) return false;
    return true;
}

static bool same_beside_models(const struct attn_picture *a, const struct attn_picture *b) {
    if (a->cell || b->cell || a->apart != b->apart || strcmp(a->title, b->title) != 0) return false;
    int64_t i = next_given(a, 0), k = next_given(b, 0);
    for (; i < a->lines && k < b->lines; i = next_given(a, i + 1), k = next_given(b, k + 1))
        if (!same_lines(a, i, b, k)) return false;
    return i == a->lines && k == b->lines;
}

static bool same_points(const struct attn_picture *a, const struct attn_picture *b) {
    bool same = a->points == b->points;
    for (int64_t i = 0; same && i < 2 * a->points; i++) same = a->point[i] == b->point[i];
    return same;
}

attn_status attn_picture_join(attn_ctx *ctx, struct attn_picture *p, const struct attn_picture *other, const char *model, bool *joined) {
    attn_status status = ATTN_OK;
    *joined = p->models < ATTN_PICTURE_MODELS && same_beside_models(p, other);
    if (!*joined) return ATTN_OK;
    for (int64_t i = 0; i < other->lines && !status; i++) {
        const struct attn_picture_line *line = &other->line[i];
        if (line->role != ATTN_PICTURE_PREDICTED) continue;
        status = attn_picture_line(ctx, p, line->role, line->closed, other->vertex + 2 * line->first, NULL, line->count);
        if (!status) p->line[p->lines - 1].model = p->models;
    }
    if (!status && !same_points(p, other)) status = attn_picture_points(ctx, p, other->point, other->points, p->numbered);
    p->model[p->models][0] = '\0';
    attn_append(p->model[p->models], sizeof p->model[0], "%s", model);
    p->models++;
    return status;
}

void attn_picture_free(attn_ctx *ctx, struct attn_picture *p) {
    attn_free(ctx, p->point);
    attn_free(ctx, p->vertex);
    attn_free(ctx, p->line);
    attn_free(ctx, p->cell);
    attn_free(ctx, p->label);
    memset(p, 0, sizeof *p);
}
