/* The search schedule.
 *
 * Queries are taken in batches whose lists fit the cache. Neighbours of the same key range make a run of at most RUN queries; a run's range is
 * cut into chunks of CHUNK keys, and (run, chunk) is a unit of work: its keys are read once and meet all queries of the run.
 * A worker keeps one list for each query of the batch, over all chunks that it happens to get; what is best is best whoever found it (list.h),
 * so the workers' lists are merged and the order does not matter.
 */
#include "base/parallel.h"
#include "kernel/search/search.h"

#include <assert.h>
#include <math.h>

enum { RUN = 192, CHUNK = 2048, MOST_QUERIES = 1024, BATCH_WORDS = 1 << 18 };

struct run {
    int64_t query, begin, end, first_unit;
    int32_t queries;
    bool few;
};

/* Sizes of the workspace: the runs of a batch, then each worker's part. */
struct sizes {
    int64_t batch; /* queries at once */
    size_t runs, worker, panel, lists, words;
};

struct state {
    const attn_search *s;
    const struct attn_search_ops *ops;
    struct sizes sizes;
    struct run *runs;
    int64_t run_count;
    int64_t first, queries; /* of the batch */
    char *workers;
    int worker_count;
};

const struct attn_search_ops *attn_search_choose(const attn_ctx *ctx) {
#define X(symbol) &symbol,
    static const struct attn_search_ops *const all[] = {ATTN_SEARCH_LIST(X)};
#undef X
    const struct attn_search_ops *best = all[0];
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++)
        if ((all[i]->isa_bits & ctx->isa) == all[i]->isa_bits) best = all[i];
    return best;
}

static bool find_sizes(const attn_search *s, struct sizes *z) {
    const int64_t words = attn_search_list_words(s->top);
    z->batch = attn_min64(s->queries, attn_min64(MOST_QUERIES, attn_max64(BATCH_WORDS / words, 16)));
    z->runs = attn_round64((size_t)z->batch * sizeof(struct run));
    z->lists = attn_round64((size_t)z->batch * sizeof(struct attn_search_list));
    z->words = attn_round64((size_t)((z->batch + 1) * words) * sizeof(uint64_t));
    if (!attn_mul_size((size_t)s->dim, ATTN_SEARCH_PANEL * sizeof(float), &z->panel)) return false;
    return attn_add_size(z->panel, z->lists + z->words, &z->worker);
}

bool attn_search_bytes(const attn_search *search, int workers, size_t *bytes) {
    struct sizes z;
    return find_sizes(search, &z) && attn_mul_size(z.worker, (size_t)workers, bytes) && attn_add_size(*bytes, z.runs, bytes);
}

/* A worker's part of the workspace. */
struct worker {
    float *panel;
    struct attn_search_list *lists;
    uint64_t *words, *scratch;
};

static struct worker worker_of(const struct state *t, int number) {
    char *memory = t->workers + (size_t)number * t->sizes.worker;
    struct worker w = {.panel = (float *)memory, .lists = (struct attn_search_list *)(memory + t->sizes.panel)};
    w.words = (uint64_t *)(memory + t->sizes.panel + t->sizes.lists);
    w.scratch = w.words + t->sizes.batch * attn_search_list_words(t->s->top);
    return w;
}

/* ------------------------------------------------------------------------------------------------- units */

static int64_t begin_of(const attn_search *s, int64_t i) {
    return s->begins ? s->begins[i] : 0;
}
static int64_t end_of(const attn_search *s, int64_t i) {
    return s->ends ? s->ends[i] : s->keys;
}
static bool same_range(const attn_search *s, int64_t i, int64_t j) {
    return begin_of(s, i) == begin_of(s, j) && end_of(s, i) == end_of(s, j);
}

/* Whether at most ATTN_SEARCH_FEW neighbours have the range of query i, in whatever batches and runs they end up. */
static bool has_few(const attn_search *s, int64_t i) {
    int64_t first = i, last = i;
    while (first > 0 && last - first < ATTN_SEARCH_FEW && same_range(s, first - 1, i)) first--;
    while (last + 1 < s->queries && last - first < ATTN_SEARCH_FEW && same_range(s, last + 1, i)) last++;
    return last - first < ATTN_SEARCH_FEW;
}

static void cut_into_runs(struct state *t) {
    const attn_search *s = t->s;
    int64_t units = 0;
    t->run_count = 0;
    for (int64_t i = t->first; i < t->first + t->queries; i++) {
        struct run *last = t->run_count > 0 ? &t->runs[t->run_count - 1] : NULL;
        if (last && same_range(s, last->query, i) && last->queries < RUN) {
            last->queries++;
            continue;
        }
        if (last) units += attn_div_up(last->end - last->begin, CHUNK);
        t->runs[t->run_count++] =
            (struct run){.query = i, .queries = 1, .begin = begin_of(s, i), .end = end_of(s, i), .first_unit = units, .few = has_few(s, i)};
    }
}

static int64_t unit_count(const struct state *t) {
    const struct run *last = &t->runs[t->run_count - 1];
    return last->first_unit + attn_div_up(last->end - last->begin, CHUNK);
}

/* The run that a unit belongs to: the last that begins at or before it, so never an empty one. */
static const struct run *run_of(const struct state *t, int64_t unit) {
    int64_t low = 0, high = t->run_count;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (t->runs[middle].first_unit <= unit)
            low = middle;
        else
            high = middle;
    }
    return &t->runs[low];
}

static void scan_unit(void *arg, int64_t unit, int number) {
    const struct state *t = arg;
    const attn_search *s = t->s;
    const struct run *run = run_of(t, unit);
    const struct worker w = worker_of(t, number);
    const int64_t begin = run->begin + (unit - run->first_unit) * CHUNK, end = attn_min64(begin + CHUNK, run->end);
    const struct attn_search_chunk chunk = {.k = s->k + begin * s->k_stride,
                                            .k_stride = s->k_stride,
                                            .keys = end - begin,
                                            .behind = run->end - end,
                                            .first = (uint32_t)begin,
                                            .q = s->q + run->query * s->q_stride,
                                            .q_stride = s->q_stride,
                                            .queries = run->queries,
                                            .dim = s->dim,
                                            .top = s->top,
                                            .few = run->few,
                                            .lists = w.lists + (run->query - t->first),
                                            .scratch = w.scratch,
                                            .panel = w.panel};
    for (int32_t i = 0; i < run->queries; i++) attn_search_list_from(&chunk.lists[i], (uint32_t)begin);
    t->ops->scan(&chunk);
}

/* ------------------------------------------------------------------------------------------------- batches */

/* Merges the workers' lists of query n of the batch and writes them out. */
static void collect_query(void *arg, int64_t n, int number) {
    const struct state *t = arg;
    const attn_search *s = t->s;
    uint64_t *scratch = worker_of(t, number).scratch;
    const struct worker first = worker_of(t, 0);
    struct attn_search_list *all = first.lists + n;
    int64_t *index = s->index + (t->first + n) * s->top;
    float *score = s->score ? s->score + (t->first + n) * s->top : NULL;
    attn_search_list_cut(all, s->top, scratch);
    for (int w = 1; w < t->worker_count; w++) {
        const struct worker next = worker_of(t, w);
        struct attn_search_list *other = next.lists + n;
        attn_search_list_cut(other, s->top, scratch);
        attn_search_list_merge(all, other, s->top, scratch);
    }
    attn_search_list_sort(all, scratch);
    for (int32_t i = 0; i < s->top; i++) {
        const bool found = i < all->count;
        index[i] = found ? (int64_t)attn_search_index(all->entries[i]) : -1;
        if (score) score[i] = found ? attn_search_score(all->entries[i]) : -INFINITY;
    }
}

void attn_search_scan(attn_ctx *ctx, const struct attn_search_ops *ops, const attn_search *search, int workers) {
    struct state t = {.s = search, .ops = ops, .worker_count = workers};
    const bool fits = find_sizes(search, &t.sizes);
    assert(fits);
    (void)fits;
    t.runs = search->workspace;
    t.workers = (char *)search->workspace + t.sizes.runs;
    for (t.first = 0; t.first < search->queries; t.first += t.queries) {
        t.queries = attn_min64(t.sizes.batch, search->queries - t.first);
        for (int w = 0; w < workers; w++) {
            const struct worker worker = worker_of(&t, w);
            for (int64_t n = 0; n < t.queries; n++)
                attn_search_list_clear(&worker.lists[n], worker.words + n * attn_search_list_words(search->top));
        }
        cut_into_runs(&t);
        attn_parallel(ctx, unit_count(&t), workers, scan_unit, &t);
        attn_parallel(ctx, t.queries, workers, collect_query, &t);
    }
}
