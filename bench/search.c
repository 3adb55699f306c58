/* A search with its arrays. */
#include "bench/search.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "bench/statistics.h"

#include <math.h>
#include <string.h>

static attn_status memory(attn_ctx *ctx, size_t count, size_t element, void **out) {
    *out = attn_alloc(ctx, count * element);
    return *out != NULL ? ATTN_OK : attn_no_memory(ctx, "search", count * element);
}

static attn_status add_workspace(attn_ctx *ctx, attn_search *s) {
    attn_status status = attn_search_workspace(ctx, s, &s->workspace_bytes);
    return status == ATTN_OK ? memory(ctx, s->workspace_bytes, 1, &s->workspace) : status;
}

attn_status attn_search_case_open(struct attn_search_case *c, attn_ctx *ctx, int64_t queries, int64_t keys, int32_t dim, int32_t top,
                                  uint64_t seed) {
    struct attn_random random;
    attn_search *s = &c->search;
    *c = (struct attn_search_case){.ctx = ctx};
    attn_search_init(s);
    s->queries = queries;
    s->keys = keys;
    s->dim = dim;
    s->top = top;
    attn_status status = memory(ctx, (size_t)(queries * dim), sizeof(float), (void **)&c->q);
    if (status == ATTN_OK) status = memory(ctx, (size_t)(keys * dim), sizeof(float), (void **)&c->k);
    if (status == ATTN_OK) status = memory(ctx, (size_t)(queries * top), sizeof(int64_t), (void **)&s->index);
    if (status == ATTN_OK) status = memory(ctx, (size_t)(queries * top), sizeof(float), (void **)&s->score);
    if (status == ATTN_OK) status = add_workspace(ctx, s);
    if (status != ATTN_OK) return status;
    attn_random_init(&random, seed);
    attn_random_fill_normal(&random, c->q, queries * dim, 1.0f);
    attn_random_fill_normal(&random, c->k, keys * dim, 1.0f);
    s->q = c->q;
    s->k = c->k;
    return ATTN_OK;
}

void attn_search_case_close(struct attn_search_case *c) {
    void *const owned[] = {c->q, c->k, c->search.index, c->search.score, c->search.workspace};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) attn_free(c->ctx, owned[i]);
}

/* The greatest difference of two scores at the same place, over the greatest score; NaN or infinite where one list is longer. */
static double difference_of(const float *a, const float *b, size_t count) {
    double most = 0.0, off = 0.0;
    for (size_t n = 0; n < count; n++) {
        if (isinf(a[n]) && a[n] == b[n]) continue;
        most = fmax(most, fabs((double)a[n]));
        off = attn_worse(off, fabs((double)a[n] - (double)b[n]));
    }
    return most > 0.0 ? off / most : off;
}

attn_status attn_search_case_check(struct attn_search_case *c, double *error) {
    enum { QUERIES = 2 };
    attn_search s = c->search;
    attn_status status = attn_search_run(c->ctx, &c->search);
    s.queries = attn_min64(QUERIES, s.queries);
    s.kernel = "naive";
    s.index = NULL;
    s.score = NULL;
    s.workspace = NULL;
    const size_t count = (size_t)(s.queries * s.top);
    if (status == ATTN_OK) status = memory(c->ctx, count, sizeof(int64_t), (void **)&s.index);
    if (status == ATTN_OK) status = memory(c->ctx, count, sizeof(float), (void **)&s.score);
    if (status == ATTN_OK) status = add_workspace(c->ctx, &s);
    if (status == ATTN_OK) status = attn_search_run(c->ctx, &s);
    if (status == ATTN_OK) *error = difference_of(s.score, c->search.score, count);
    attn_free(c->ctx, s.index);
    attn_free(c->ctx, s.score);
    attn_free(c->ctx, s.workspace);
    return status;
}

attn_status attn_search_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference) {
    const struct attn_search_case *c = self;
    const attn_search *s = &c->search;
    struct attn_npy score = {.data = NULL};
    char answer[16];
    double seconds;
    attn_status status = attn_torch_give(torch, "q", ATTN_NPY_F32, 2, (int64_t[]){s->queries, s->dim}, c->q);
    if (status == ATTN_OK) status = attn_torch_give(torch, "k", ATTN_NPY_F32, 2, (int64_t[]){s->keys, s->dim}, c->k);
    if (status == ATTN_OK) status = attn_torch_ask(torch, name, size, "search %s %d %d", torch->folder, torch->threads, s->top);
    if (status == ATTN_OK) status = attn_torch_run(torch, ATTN_FWD, &seconds);
    if (status == ATTN_OK) status = attn_torch_ask(torch, answer, sizeof answer, "save %s", torch->folder);
    if (status == ATTN_OK) status = attn_torch_take(torch, "score", &score);
    if (status == ATTN_OK && score.count != (size_t)(s->queries * attn_min64(s->top, s->keys)))
        status = attn_fail(c->ctx, ATTN_EUNSUPPORTED, "PyTorch gave %zu scores", score.count);
    *difference = 0.0;
    for (int64_t i = 0, top = attn_min64(s->top, s->keys); i < s->queries && status == ATTN_OK; i++)
        *difference = attn_worse(*difference, difference_of((const float *)score.data + i * top, s->score + i * s->top, (size_t)top));
    attn_npy_free(c->ctx, &score);
    return status;
}

attn_status attn_search_case_run(void *self, enum attn_direction pass, double *seconds) {
    struct attn_search_case *c = self;
    (void)pass;
    const double start = attn_clock();
    const attn_status status = attn_search_run(c->ctx, &c->search);
    *seconds = attn_clock() - start;
    return status;
}
