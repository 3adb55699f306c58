/* A file's examples in memory, sorted by their numbers of points. */
#include "system/pointer/source.h"

#include "system/pointer/examples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024 };

/* What has been read so far; arrays grow by halves. */
struct reading {
    attn_ctx *ctx;
    const struct attn_pointer_problem *problem;
    double *xy;
    int32_t *tokens;
    struct place {
        int64_t n, xy, token, tokens, line;
    } * place;
    int64_t line;                  /* of the newest example */
    int64_t count, numbers, words; /* used */
    int64_t room, room_numbers, room_words;
};

static attn_status grow(attn_ctx *ctx, void **array, int64_t *room, int64_t wanted, size_t size) {
    if (wanted <= *room) return ATTN_OK;
    const int64_t next = attn_max64(wanted, *room + *room / 2 + FIRST_ROOM);
    void *bigger = attn_alloc(ctx, (size_t)next * size);
    if (!bigger) return attn_no_memory(ctx, "the examples of a file", (size_t)next * size);
    if (*array) memcpy(bigger, *array, (size_t)*room * size);
    attn_free(ctx, *array);
    *array = bigger;
    *room = next;
    return ATTN_OK;
}

/* What a file of another task would not be. Nothing is said of whether an answer is right: it may be an approximation's. */
static attn_status check_kind(const struct reading *r, const char *path, const struct attn_point_example *e, int64_t count) {
    const enum attn_pointer_kind kind = r->problem->kind;
    unsigned char seen[ATTN_POINTER_MOST] = {0};
    int64_t different = 0;
    for (int64_t i = 0; i < count; i++) {
        different += !seen[e->target[i]];
        seen[e->target[i]] = 1;
    }
    if (kind == ATTN_POINTER_DELAUNAY ? count % 3 == 0 : different == count && (kind == ATTN_POINTER_HULL || count == e->n)) return ATTN_OK;
    return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found %lld numbers, %lld of them different, for %lld points, expected %s", path,
                     (long long)r->line, (long long)count, (long long)different, (long long)e->n,
                     kind == ATTN_POINTER_DELAUNAY ? "three a triangle"
                     : kind == ATTN_POINTER_HULL   ? "none twice"
                                                   : "every point once");
}

/* The structure's own tokens, closed or not as the problem has it. */
static attn_status add(struct reading *r, const char *path, const struct attn_point_example *e) {
    if (e->count < 1) return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found no output", path, (long long)r->line);
    if (e->n > ATTN_POINTER_MOST)
        return attn_fail(r->ctx, ATTN_EINVAL, "%s: line %lld: found %lld points, expected at most %d to learn from", path,
                         (long long)r->line, (long long)e->n, ATTN_POINTER_MOST);
    const bool cyclic = r->problem->kind == ATTN_POINTER_HULL || r->problem->kind == ATTN_POINTER_TSP;
    const int64_t count = e->count - (cyclic && e->count > 1 && e->target[e->count - 1] == e->target[0]);
    attn_status status = check_kind(r, path, e, count);
    if (!status) status = grow(r->ctx, (void **)&r->place, &r->room, r->count + 1, sizeof *r->place);
    if (!status) status = grow(r->ctx, (void **)&r->xy, &r->room_numbers, r->numbers + 2 * e->n, sizeof *r->xy);
    if (!status) status = grow(r->ctx, (void **)&r->tokens, &r->room_words, r->words + count + 2, sizeof *r->tokens);
    if (status) return status;
    assert(r->xy && r->tokens && r->place); /* there is room now */
    memcpy(r->xy + r->numbers, e->xy, (size_t)(2 * e->n) * sizeof *r->xy);
    const int64_t tokens = attn_pointer_tokens(r->problem, e->target, count, r->tokens + r->words);
    r->place[r->count++] = (struct place){e->n, r->numbers, r->words, tokens, r->line};
    r->numbers += 2 * e->n;
    r->words += tokens;
    return ATTN_OK;
}

static int by_points(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->xy > y->xy) - (x->xy < y->xy);
}

static attn_status put_in_order(struct reading *r, struct attn_pointer_file *file) {
    const size_t numbers = (size_t)r->numbers * sizeof *file->xy, words = (size_t)r->words * sizeof *file->tokens,
                 places = (size_t)(r->count + 1) * sizeof *file->first_xy;
    file->xy = attn_alloc(r->ctx, numbers);
    file->tokens = attn_alloc(r->ctx, words);
    file->first_xy = attn_alloc(r->ctx, places);
    file->first_token = attn_alloc(r->ctx, places);
    if (!file->xy || !file->tokens || !file->first_xy || !file->first_token)
        return attn_no_memory(r->ctx, "the examples of a file", numbers + words + 2 * places);
    assert(r->xy && r->tokens && r->place); /* a file has an example at least */
    qsort(r->place, (size_t)r->count, sizeof *r->place, by_points);
    file->first_xy[0] = file->first_token[0] = 0;
    for (int64_t i = 0; i < r->count; i++) {
        const struct place *p = &r->place[i];
        memcpy(file->xy + file->first_xy[i], r->xy + p->xy, (size_t)(2 * p->n) * sizeof *file->xy);
        memcpy(file->tokens + file->first_token[i], r->tokens + p->token, (size_t)p->tokens * sizeof *file->tokens);
        file->first_xy[i + 1] = file->first_xy[i] + 2 * p->n;
        file->first_token[i + 1] = file->first_token[i] + p->tokens;
        file->most_tokens = attn_max64(file->most_tokens, p->tokens);
        if (p->n > file->most) file->most_line = p->line;
        file->most = p->n;
    }
    file->count = r->count;
    file->least = r->place[0].n;
    return ATTN_OK;
}

static attn_status read_all(struct reading *r, const char *path) {
    struct attn_example_reader *reader;
    bool end = false;
    attn_status status = attn_examples_open(r->ctx, path, &reader);
    if (status) return status;
    while (!status && !end) {
        struct attn_point_example e;
        status = attn_examples_next(reader, &e, &end);
        r->line = attn_examples_line(reader);
        if (!status && !end) status = add(r, path, &e);
    }
    attn_examples_close(reader);
    return status;
}

attn_status attn_pointer_file_read(attn_ctx *ctx, const struct attn_pointer_problem *problem, const char *path,
                                   struct attn_pointer_file **out) {
    struct reading r = {.ctx = ctx, .problem = problem};
    struct attn_pointer_file *file = attn_alloc(ctx, sizeof *file);
    *out = NULL;
    if (!file) return attn_no_memory(ctx, "the examples of a file", sizeof *file);
    *file = (struct attn_pointer_file){.count = 0};
    attn_status status = read_all(&r, path);
    if (!status) status = put_in_order(&r, file);
    attn_free(ctx, r.xy);
    attn_free(ctx, r.tokens);
    attn_free(ctx, r.place);
    if (status)
        attn_pointer_file_free(ctx, file);
    else
        *out = file;
    return status;
}

void attn_pointer_file_free(attn_ctx *ctx, struct attn_pointer_file *file) {
    if (!file) return;
    void *const arrays[] = {file->xy, file->tokens, file->first_xy, file->first_token, file};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
}
