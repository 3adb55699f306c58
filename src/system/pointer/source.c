#include "system/pointer/source.h"

#include "base/parallel.h"
#include "base/random.h"

#include <string.h>

/* A worker's memory: points, a structure, tokens, then the solver's. */
struct desk {
    double *xy;
    int32_t *numbers, *tokens;
    void *scratch;
};

static size_t align(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static size_t desk_parts(const struct attn_pointer_source *s, size_t part[3]) {
    const int64_t numbers = attn_pointer_most_numbers(s->problem, s->high);
    part[0] = align((size_t)(2 * s->high) * sizeof(double));
    part[1] = align((size_t)numbers * sizeof(int32_t));
    part[2] = align((size_t)(numbers + 2) * sizeof(int32_t));
    return part[0] + part[1] + part[2];
}

size_t attn_pointer_source_scratch(const struct attn_pointer_source *s) {
    size_t part[3];
    return s->file ? 1 : desk_parts(s, part) + align(attn_pointer_scratch(s->problem, s->high));
}

static struct desk desk_of(const struct attn_pointer_source *s, void *scratch) {
    size_t part[3];
    unsigned char *at = scratch;
    const size_t all = desk_parts(s, part);
    return (struct desk){(double *)(void *)at, (int32_t *)(void *)(at + part[0]), (int32_t *)(void *)(at + part[0] + part[1]), at + all};
}

/* Tours take milliseconds to find, other structures microseconds. */
static bool keeps(const struct attn_pointer_source *s) {
    return !s->file && s->problem->kind == ATTN_POINTER_TSP && s->examples > 0;
}

/* Of one number of points. */
static int64_t part_of(const struct attn_pointer_source *s) {
    return attn_max64(1, s->examples / (s->high - s->low + 1));
}

attn_status attn_pointer_source_open(attn_ctx *ctx, struct attn_pointer_source *s) {
    if (!keeps(s)) return ATTN_OK;
    const size_t bytes = (size_t)(part_of(s) * (s->high - s->low + 1) * s->high) * sizeof *s->kept;
    s->kept = attn_alloc(ctx, bytes);
    if (!s->kept) return attn_no_memory(ctx, "the tours of the training set", bytes);
    memset(s->kept, 0, bytes);
    return ATTN_OK;
}

void attn_pointer_source_close(attn_ctx *ctx, struct attn_pointer_source *s) {
    attn_free(ctx, s->kept);
    s->kept = NULL;
}

int64_t attn_pointer_source_tokens(const struct attn_pointer_source *s) {
    return s->file ? s->file->most_tokens : attn_pointer_most_tokens(s->problem, s->high);
}

/* ---------------------------------------------------------------------------------------------------------- examples */

static uint16_t *kept_tour(const struct attn_pointer_source *s, int64_t n, int64_t index) {
    return s->kept + ((n - s->low) * part_of(s) + index) * s->high;
}

static int64_t label(const struct attn_pointer_source *s, int64_t n, int64_t index, const struct desk *d) {
    const uint16_t *kept = s->kept ? kept_tour(s, n, index) : NULL;
    if (!kept || kept[0] == 0) return attn_pointer_label(s->problem, d->xy, n, s->seed ^ (uint64_t)index, d->numbers, d->scratch);
    for (int64_t i = 0; i < n; i++) d->numbers[i] = kept[i] - 1;
    return n;
}

void attn_pointer_source_example(const struct attn_pointer_source *s, int64_t n, int64_t index, void *scratch, double *xy, int32_t *tokens,
                                 int64_t *count) {
    const struct desk d = desk_of(s, scratch);
    attn_pointer_draw(s->problem, n, s->seed, (uint64_t)index, d.xy);
    memcpy(xy, d.xy, (size_t)n * 2 * sizeof *xy);
    *count = attn_pointer_tokens(s->problem, d.numbers, label(s, n, index, &d), tokens);
}

/* ------------------------------------------------------------------------------------------------------------ batches */

struct fill {
    const struct attn_pointer_source *source;
    struct attn_pointer_batch *out;
    int64_t step, first;
    int64_t n;            /* of a batch that is not mixed */
    int64_t begin, count; /* the file's examples of so many points */
    unsigned char *scratch;
    size_t scratch_bytes;
};

/* Number `which` of what is drawn for example `index` of a step; -1: of the step itself. Below n. */
static int64_t draw(const struct attn_pointer_source *s, int64_t step, int64_t index, uint32_t which, int64_t n) {
    const uint64_t place = (uint64_t)(step * (s->batch + 1) + index + 1);
    const uint32_t key[2] = {(uint32_t)s->seed, (uint32_t)(s->seed >> 32)},
                   counter[4] = {(uint32_t)place, (uint32_t)(place >> 32), which, 1};
    uint32_t word[4];
    attn_philox(key, counter, word);
    return (int64_t)((word[0] | (uint64_t)word[1] << 32) % (uint64_t)n); /* n is far below 2^64 */
}

static int64_t points_of(const struct attn_pointer_file *file, int64_t index) {
    return (file->first_xy[index + 1] - file->first_xy[index]) / 2;
}

static void fill_from_file(const struct fill *f, int64_t i) {
    const struct attn_pointer_file *file = f->source->file;
    const int64_t e = f->begin + draw(f->source, f->step, f->first + i, 0, f->count);
    attn_pointer_batch_put(f->out, i, file->xy + file->first_xy[e], points_of(file, e), file->tokens + file->first_token[e],
                           file->first_token[e + 1] - file->first_token[e]);
}

/* Of example i of the batch: its points, and its number in the set. */
static void choose(const struct fill *f, int64_t i, int64_t *n, int64_t *index) {
    const struct attn_pointer_source *s = f->source;
    const int64_t at = f->first + i;
    *n = s->mixed ? s->low + draw(s, f->step, at, 1, s->high - s->low + 1) : f->n;
    *index = s->examples > 0 ? draw(s, f->step, at, 0, part_of(s)) : f->step * s->batch + at;
}

static void fill_one(void *arg, int64_t i, int worker) {
    const struct fill *f = arg;
    const struct attn_pointer_source *s = f->source;
    if (s->file) {
        fill_from_file(f, i);
        return;
    }
    int64_t n, index;
    choose(f, i, &n, &index);
    const struct desk d = desk_of(s, f->scratch + (size_t)worker * f->scratch_bytes);
    attn_pointer_draw(s->problem, n, s->seed, (uint64_t)index, d.xy);
    const int64_t count = s->unlabelled ? 0 : attn_pointer_tokens(s->problem, d.numbers, label(s, n, index, &d), d.tokens);
    attn_pointer_batch_put(f->out, i, d.xy, n, d.tokens, count);
}

/* Behind the workers, of which two may have found the same tour. */
static void keep_tours(const struct fill *f) {
    const struct attn_pointer_batch *b = f->out;
    for (int64_t i = 0; i < b->count; i++) {
        int64_t n, index;
        choose(f, i, &n, &index);
        uint16_t *kept = kept_tour(f->source, n, index);
        for (int64_t k = 0; k < n; k++) kept[k] = (uint16_t)b->target[i * b->tokens + k];
    }
}

/* The file's examples of as many points as one of them that is drawn. */
static void choose_in_file(struct fill *f) {
    const struct attn_pointer_file *file = f->source->file;
    f->begin = 0;
    f->count = file->count;
    f->n = file->most;
    if (f->source->mixed) return;
    f->begin = draw(f->source, f->step, -1, 0, file->count);
    f->n = points_of(file, f->begin);
    while (f->begin > 0 && points_of(file, f->begin - 1) == f->n) f->begin--;
    f->count = 1;
    while (f->begin + f->count < file->count && points_of(file, f->begin + f->count) == f->n) f->count++;
}

/* Answers are as long as the longest of them. */
static void cut_tokens(struct attn_pointer_batch *b) {
    int64_t most = 1;
    for (int64_t i = 0; i < b->count; i++)
        for (int64_t t = most; t < b->tokens && b->target[i * b->tokens + t] >= 0; t++) most = t + 1;
    for (int64_t i = 1; i < b->count && most < b->tokens; i++) {
        memmove(b->target + i * most, b->target + i * b->tokens, (size_t)most * sizeof *b->target);
        memmove(b->pointed + i * most, b->pointed + i * b->tokens, (size_t)most * sizeof *b->pointed);
        memmove(b->given + 2 * i * most, b->given + 2 * i * b->tokens, (size_t)(2 * most) * sizeof *b->given);
    }
    b->tokens = most;
}

void attn_pointer_source_fill(attn_ctx *ctx, const struct attn_pointer_source *s, int64_t step, int64_t first, int64_t count, void *scratch,
                              struct attn_pointer_batch *out) {
    struct fill f = {
        .source = s, .out = out, .step = step, .first = first, .scratch = scratch, .scratch_bytes = attn_pointer_source_scratch(s)};
    if (s->file)
        choose_in_file(&f);
    else
        f.n = s->mixed ? s->high : s->low + draw(s, step, -1, 1, s->high - s->low + 1);
    const int64_t tokens = s->file ? s->file->most_tokens : attn_pointer_most_tokens(s->problem, f.n);
    attn_pointer_batch_begin(out, count, f.n, s->unlabelled ? 0 : tokens);
    attn_parallel(ctx, count, ctx->config.threads, fill_one, &f);
    if (s->unlabelled) return;
    if (s->kept) keep_tours(&f);
    cut_tokens(out);
}
