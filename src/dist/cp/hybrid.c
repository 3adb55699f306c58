/* The scheduler of hybrid context parallelism (that of Megatron-LM; benchmark specification, sec. 7.7).
 *
 * A document of n tokens needs the power of two of ranks, or all, that take at most `capacity` tokens each, and costs n^2 / need. Until none is left,
 * a round is built: documents, longest first, are cut in buckets of about equal cost, one for each need; the head of the first bucket that can be
 * placed goes to new ranks, or to the group of its size with the least load; documents are taken back from the most loaded group while that
 * levels the loads; and idle ranks go to the smallest groups.
 *
 * Every round schedules a document for good, so there are at most as many rounds as documents: the longest one that is left finds all ranks free, and
 * only the last of several documents is ever taken back from a group.
 *
 * All members of a group have the same load, and groups do not overlap: a load is kept for each group. Ranks are handed out from the first on, so
 * those that are free are the last ones, and have no load.
 */
#include "dist/cp/heap.h"
#include "dist/cp/hybrid.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = 32, BUCKETS = 128 /* pairs of neighbours have 1.1 shares of CLASSES: 60, and CLASSES more of one document */ };
static const double UNEVEN = 0.05; /* spread of the loads that is left as it is, of the greatest */
static const double FULL = 1.1;    /* shares in a bucket */

struct group {
    int size;
    int64_t last, count; /* documents: the newest, from which `before` leads to the others */
    double load;
};

struct bucket {
    int64_t head, end; /* in left */
};

struct schedule {
    int ranks;
    int64_t capacity;
    const struct attn_document *document;
    int64_t *left, count;   /* documents that are not scheduled, longest first */
    int64_t *before;        /* of each document: the one that its group got before it, -1: none */
    char *done;             /* of each document */
    struct group *group;    /* of this round, by rising rank */
    int64_t *order, groups; /* room for a heap of all groups */
    int free_ranks;
    int64_t *heap[CLASSES]; /* groups of each size, least load first */
    int64_t in_heap[CLASSES];
    struct bucket bucket[BUCKETS];
    int buckets;
    double most; /* greatest load */
};

/* Ranks that a document needs; *level: doublings. */
static int need(const struct schedule *s, int64_t document, int *level) {
    const int64_t wanted = attn_div_up(s->document[document].length, s->capacity);
    int64_t ranks = 1;
    for (*level = 0; ranks < wanted && ranks < s->ranks; ++*level) ranks *= 2;
    return (int)attn_min64(ranks, s->ranks);
}

static double cost(const struct schedule *s, int64_t document) {
    int level;
    const double n = (double)s->document[document].length;
    return n * n / need(s, document, &level);
}

static bool longer(const void *user, int64_t a, int64_t b) {
    const struct schedule *s = user;
    return s->document[a].length != s->document[b].length ? s->document[a].length > s->document[b].length : a < b;
}
static bool lighter(const void *user, int64_t a, int64_t b) {
    const struct schedule *s = user;
    return s->group[a].load != s->group[b].load ? s->group[a].load < s->group[b].load : a < b;
}
static bool heavier(const void *user, int64_t a, int64_t b) {
    const struct schedule *s = user;
    return s->group[a].load != s->group[b].load ? s->group[a].load > s->group[b].load : a < b;
}
static bool smaller(const void *user, int64_t a, int64_t b) {
    const struct schedule *s = user;
    return s->group[a].size != s->group[b].size ? s->group[a].size < s->group[b].size : a < b;
}

/* (1) A bucket is closed when it would pass its share, or when the documents that are left are one for each bucket that is. */
static void make_buckets(struct schedule *s) {
    double total = 0.0, filled = 0.0;
    unsigned levels = 0;
    int level, wanted = 0;
    for (int64_t i = 0; i < s->count; i++) {
        total += cost(s, s->left[i]);
        (void)need(s, s->left[i], &level);
        levels |= 1u << level;
    }
    for (; levels; levels &= levels - 1) wanted++;
    s->buckets = 1;
    s->bucket[0] = (struct bucket){0, 0};
    for (int64_t i = 0; i < s->count; i++) {
        const double one = cost(s, s->left[i]);
        const bool passes = filled + one > FULL * total / wanted || s->count - i <= wanted - s->buckets;
        if (passes && i > s->bucket[s->buckets - 1].head && s->buckets < BUCKETS) {
            s->bucket[s->buckets++] = (struct bucket){i, i};
            filled = 0.0;
        }
        s->bucket[s->buckets - 1].end = i + 1;
        filled += one;
    }
}

/* The first bucket whose head can be placed, or -1. */
static int choose(const struct schedule *s) {
    for (int b = 0; b < s->buckets; b++) {
        int level;
        if (s->bucket[b].head == s->bucket[b].end) continue;
        const int ranks = need(s, s->left[s->bucket[b].head], &level);
        if (ranks <= s->free_ranks || s->in_heap[level] > 0) return b;
    }
    return -1;
}

/* New ranks have no load, so that they come before any group. */
static void place(struct schedule *s, int64_t document) {
    int level;
    const int ranks = need(s, document, &level);
    int64_t *heap = s->heap[level];
    if (ranks <= s->free_ranks) {
        s->free_ranks -= ranks;
        s->group[s->groups] = (struct group){.size = ranks, .last = -1};
        heap[s->in_heap[level]] = s->groups++;
        attn_heap_rise(heap, s->in_heap[level]++, lighter, s);
    }
    struct group *g = &s->group[heap[0]];
    s->before[document] = g->last;
    s->done[document] = 1;
    g->last = document;
    g->count++;
    g->load += cost(s, document);
    if (g->load > s->most) s->most = g->load;
    attn_heap_sift(heap, s->in_heap[level], 0, lighter, s);
}

static double least(const struct schedule *s) {
    double load = s->free_ranks ? 0.0 : s->most;
    for (int level = 0; level < CLASSES; level++)
        if (s->in_heap[level] > 0 && s->group[s->heap[level][0]].load < load) load = s->group[s->heap[level][0]].load;
    return load;
}

/* (2), (3) Places documents until no bucket's head finds room, or, once one needed fewer ranks than the first, the loads are level. */
static void fill_round(struct schedule *s) {
    int level, first;
    bool mixed = false;
    (void)need(s, s->left[0], &first);
    for (int b; (b = choose(s)) >= 0;) {
        const int64_t document = s->left[s->bucket[b].head++];
        place(s, document);
        (void)need(s, document, &level);
        mixed = mixed || level < first;
        if (mixed && s->most - least(s) <= UNEVEN * s->most) return;
    }
}

/* (4) Takes the last document of the most loaded group back while the loads come closer so. */
static void trim(struct schedule *s) {
    double low = least(s);
    for (int64_t g = 0; g < s->groups; g++) s->order[g] = g;
    attn_heap_make(s->order, s->groups, heavier, s);
    for (;;) {
        struct group *g = &s->group[s->order[0]];
        const double spread = g->load - low;
        if (s->free_ranks > 0 || spread <= UNEVEN * g->load || g->count < 2) return;
        const double load = g->load - cost(s, g->last);
        double high = load;
        for (int64_t child = 1; child < 3 && child < s->groups; child++)
            if (s->group[s->order[child]].load > high) high = s->group[s->order[child]].load;
        if (load < low) low = load;
        if (high - low >= spread) return;
        s->done[g->last] = 0;
        g->last = s->before[g->last];
        g->count--;
        g->load = load;
        attn_heap_sift(s->order, s->groups, 0, heavier, s);
    }
}

/* (5) Idle ranks double the smallest group while they are enough. */
static void widen(struct schedule *s) {
    for (int64_t g = 0; g < s->groups; g++) s->order[g] = g;
    attn_heap_make(s->order, s->groups, smaller, s);
    for (;;) {
        struct group *g = &s->group[s->order[0]];
        const int more = (int)attn_min64(g->size, s->ranks - g->size);
        if (more > s->free_ranks || more == 0) return;
        g->size += more;
        s->free_ranks -= more;
        attn_heap_sift(s->order, s->groups, 0, smaller, s);
    }
}

/* The round as it is handed out. *document: how many documents are scheduled so far. */
static void put_round(const struct schedule *s, struct attn_hybrid *out, int64_t *document) {
    const int64_t first_group = out->round[out->rounds];
    int first = 0;
    for (int64_t g = 0; g < s->groups; g++) {
        const struct group *from = &s->group[g];
        out->group[first_group + g] = (struct attn_hybrid_group){first, from->size, *document, from->count};
        int64_t at = *document + from->count;
        for (int64_t d = from->last; d >= 0; d = s->before[d]) out->document[--at] = d;
        *document += from->count;
        first += from->size;
    }
    out->round[++out->rounds] = first_group + s->groups;
}

static void build_round(struct schedule *s) {
    s->groups = 0;
    s->free_ranks = s->ranks;
    s->most = 0.0;
    memset(s->in_heap, 0, sizeof s->in_heap);
    make_buckets(s);
    fill_round(s);
    trim(s);
    widen(s);
}

static void build(struct schedule *s, struct attn_hybrid *out) {
    int64_t document = 0;
    attn_heap_sort(s->left, s->count, longer, s);
    while (s->count > 0) {
        int64_t kept = 0;
        build_round(s);
        put_round(s, out, &document);
        for (int64_t i = 0; i < s->count; i++)
            if (!s->done[s->left[i]]) s->left[kept++] = s->left[i];
        s->count = kept;
    }
}

/* Room of a level's heap: groups of its size that there can be. */
static size_t room(const struct schedule *s, int level, int64_t documents) {
    const int64_t size = attn_min64(INT64_C(1) << level, s->ranks);
    return (size_t)attn_min64(s->ranks / size, documents);
}

/* Memory of the schedule, one block that begins at left. */
static attn_status lay_out(attn_ctx *ctx, struct schedule *s, int64_t documents) {
    const size_t n = (size_t)documents, groups = (size_t)attn_min64(documents, s->ranks);
    size_t heaps = 0;
    for (int level = 0; level < CLASSES; level++) heaps += room(s, level, documents);
    const size_t bytes = (2 * n + groups + heaps) * sizeof(int64_t) + groups * sizeof(struct group) + n;
    s->left = attn_alloc(ctx, bytes);
    if (!s->left) return attn_no_memory(ctx, "a schedule of documents", bytes);
    s->before = s->left + n;
    s->order = s->before + n;
    int64_t *heap = s->order + groups;
    for (int level = 0; level < CLASSES; level++) {
        s->heap[level] = heap;
        heap += room(s, level, documents);
    }
    s->group = (struct group *)(void *)heap;
    s->done = (char *)(s->group + groups);
    memset(s->done, 0, n);
    for (int64_t d = 0; d < documents; d++) s->left[d] = d;
    s->count = documents;
    return ATTN_OK;
}

static attn_status check(attn_ctx *ctx, int ranks, const struct attn_document *document, int64_t documents, int64_t capacity) {
    const int64_t longest = INT64_C(1) << 60, most = INT64_C(1) << 40;
    if (ranks < 1) return attn_fail(ctx, ATTN_EINVAL, "hybrid: %d ranks; expected at least 1", ranks);
    if (capacity < 1 || capacity > longest)
        return attn_fail(ctx, ATTN_EINVAL, "hybrid: a rank takes %lld tokens; expected 1 to 2^60", (long long)capacity);
    if (documents < 1 || documents > most || !document)
        return attn_fail(ctx, ATTN_EINVAL, "hybrid: %lld documents%s; expected 1 to 2^40", (long long)documents,
                         document ? "" : ", array NULL");
    for (int64_t d = 0; d < documents; d++)
        if (document[d].length < 1 || document[d].length > longest)
            return attn_fail(ctx, ATTN_EINVAL, "hybrid: document %lld has %lld tokens; expected 1 to 2^60", (long long)d,
                             (long long)document[d].length);
    return ATTN_OK;
}

attn_status attn_hybrid_open(attn_ctx *ctx, int ranks, const struct attn_document *document, int64_t documents, int64_t capacity,
                             struct attn_hybrid *out) {
    struct schedule s = {.ranks = ranks, .capacity = capacity, .document = document};
    struct attn_hybrid made = {.ctx = ctx};
    attn_status status = check(ctx, ranks, document, documents, capacity);
    if (status == ATTN_OK) status = lay_out(ctx, &s, documents);
    if (status != ATTN_OK) return status;
    const size_t n = (size_t)documents; /* a round has a document at least, and so has a group */
    made.round = attn_alloc(ctx, (n + 1) * sizeof *made.round);
    made.group = attn_alloc(ctx, n * sizeof *made.group);
    made.document = attn_alloc(ctx, n * sizeof *made.document);
    if (made.round && made.group && made.document) {
        made.round[0] = 0;
        build(&s, &made);
        *out = made;
    } else {
        status = attn_no_memory(ctx, "a schedule of documents", n * sizeof *made.group);
        attn_hybrid_close(&made);
    }
    attn_free(ctx, s.left);
    return status;
}

void attn_hybrid_close(struct attn_hybrid *hybrid) {
    attn_free(hybrid->ctx, hybrid->round);
    attn_free(hybrid->ctx, hybrid->group);
    attn_free(hybrid->ctx, hybrid->document);
    memset(hybrid, 0, sizeof *hybrid);
}

static int by_begin(const void *a, const void *b) {
    const struct attn_document *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

void attn_hybrid_documents(const struct attn_hybrid *hybrid, const struct attn_hybrid_group *group, const struct attn_document *document,
                           struct attn_document *out) {
    for (int64_t n = 0; n < group->documents; n++) out[n] = document[hybrid->document[group->document + n]];
    qsort(out, (size_t)group->documents, sizeof *out, by_begin);
}
