/* Documents of masks against dense booleans, and schedules of documents against what they promise and against the rules as plain loops. */
#include "base/random.h"
#include "dist/cp/hybrid.h"
#include "mask/generate.h"
#include "support/counts.h"
#include "support/failing_memory.h"
#include "support/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEN = 157, MOST = 300 };

static void must(attn_status status) {
    if (status != ATTN_OK) fail_msg("%s", test_sentence());
}

/* ------------------------------------------------------------------------------------------------------ documents of masks */

/* The documents by asking every pair of every member which cuts it forbids. */
static void check_documents(const attn_mask *mask, const attn_mask *const *member, int members, int64_t len, const char *what) {
    struct attn_document *d = NULL;
    int64_t count = 0, cut = 0;
    bool *torn = calloc((size_t)len + 1, sizeof *torn);
    for (int m = 0; m < members; m++)
        for (int64_t q = 0; q < len; q++)
            for (int64_t k = 0; k < len; k++)
                if (attn_mask_allows(member[m], q, k) == 1)
                    for (int64_t c = attn_min64(q, k) + 1; c <= attn_max64(q, k); c++) torn[c] = true;
    must(attn_mask_documents(test_ctx, mask, len, &d, &count));
    for (int64_t u = 0; u < count; u++) {
        if (d[u].begin != cut) fail_msg("%s: document %d begins at %d, not %d", what, (int)u, (int)d[u].begin, (int)cut);
        for (cut++; cut < len && torn[cut];) cut++;
        if (d[u].begin + d[u].length != cut)
            fail_msg("%s: document %d ends at %d, not %d", what, (int)u, (int)(d[u].begin + d[u].length), (int)cut);
    }
    assert_int_equal(cut, len);
    attn_free(test_ctx, d);
    free(torn);
}

static attn_mask *compiled(const char *text, int64_t len) {
    attn_mask *parsed = NULL, *whole = NULL;
    if (attn_mask_parse(test_ctx, text, &parsed) != ATTN_OK) fail_msg("%s: %s", text, test_sentence());
    must(attn_mask_compile(test_ctx, parsed, len, len, &whole));
    attn_mask_destroy(parsed);
    return whole;
}

static const char *const texts[] = {"full",
                                    "causal",
                                    "causal_document:20,1,1,65,70",
                                    "full_document:1x157",
                                    "document:3,7x22",
                                    "share_question:20,30,107",
                                    "causal_blockwise:100,57",
                                    "sliding_window:3,2",
                                    "sliding_window_causal:0",
                                    "sliding_window:0,0 & !(rows:3,40)",
                                    "causal_document:20,137 & sliding_window_causal:2 & !(rows:50,60)",
                                    "rows:4,9 & cols:100,120",
                                    "rows:100,120 & cols:4,9 | rows:1,2 & cols:8,9",
                                    "rows:10,20 & cols:15,16",
                                    "rows:10,20 & cols:10,11",
                                    "rows:10,20 & cols:19,20",
                                    "band:1,1 & rows:5,6 | band:-1,-1 & rows:9,10",
                                    "band:0,0 | rows:7,8 & cols:7,9",
                                    "band:4,4",
                                    "band:-156,-156",
                                    "!full",
                                    "block_sparse:8,0.1,3;157 & document:40,60,57"};

static void a_mask_is_cut_where_no_pair_is_torn(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        attn_mask *mask = compiled(texts[n], LEN);
        check_documents(mask, (const attn_mask *const[]){mask}, 1, LEN, texts[n]);
        attn_mask_destroy(mask);
    }
    attn_mask *full = compiled("full", LEN);
    check_documents(NULL, (const attn_mask *const[]){full}, 1, LEN, "NULL");
    attn_mask_destroy(full);
    for (int64_t low = -3; low < 4; low++)
        for (int64_t high = low; high < 4; high++)
            for (int64_t len = 1; len < 5; len++) {
                attn_mask *band = NULL, *whole = NULL;
                must(attn_mask_band(test_ctx, low, high, ATTN_BOTTOM_RIGHT, &band));
                must(attn_mask_compile(test_ctx, band, len, len, &whole));
                check_documents(band, (const attn_mask *const[]){whole}, 1, len, "a band");
                attn_mask_destroy(band);
                attn_mask_destroy(whole);
            }
}

static int sparse(void *user, int64_t q, int64_t k) {
    const uint64_t *seed = user;
    const uint64_t x = (uint64_t)(q * 1009 + k) * 2654435761u + *seed;
    return q / 40 == k / 40 && (x ^ x >> 13) % 97 == 0;
}

static attn_mask *bitmaps(uint64_t seed, int64_t len) {
    attn_mask *rule = NULL, *whole = NULL;
    must(attn_mask_predicate(test_ctx, len, len, sparse, NULL, &seed, &rule));
    must(attn_mask_compile(test_ctx, rule, len, len, &whole));
    attn_mask_destroy(rule);
    return whole;
}

static void bitmaps_rectangles_and_stacks_are_cut_so_too(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < (uint64_t)test_share(40); seed++) {
        attn_mask *tiles = bitmaps(seed, LEN + 60), *part = NULL, *stack = NULL,
                  *spans = compiled(texts[seed % (sizeof texts / sizeof *texts)], LEN);
        check_documents(tiles, (const attn_mask *const[]){tiles}, 1, LEN + 60, "bitmaps");
        must(attn_mask_cut(test_ctx, tiles, 31, 31 + LEN, 29, 29 + LEN, &part));
        check_documents(part, (const attn_mask *const[]){part}, 1, LEN, "a rectangle of bitmaps");
        const attn_mask *members[] = {part, spans, part};
        must(attn_mask_stack(test_ctx, 1, 3, members, &stack));
        check_documents(stack, members, 3, LEN, "a stack");
        attn_mask_destroy(stack);
        attn_mask_destroy(part);
        attn_mask *wide = compiled("document:50,60,107", LEN + 60);
        must(attn_mask_cut(test_ctx, wide, 20, 20 + LEN, 20, 20 + LEN, &part));
        check_documents(part, (const attn_mask *const[]){part}, 1, LEN, "a rectangle of spans");
        attn_mask_destroy(part);
        attn_mask_destroy(wide);
        attn_mask_destroy(tiles);
        attn_mask_destroy(spans);
    }
}

static void too_many_documents_are_joined(void **state) {
    attn_mask *own = NULL;
    struct attn_document *d = NULL;
    int64_t count = 0, end = 0, shortest = INT64_MAX;
    const int64_t len = (INT64_C(1) << 40) + 77;
    (void)state;
    must(attn_mask_band(test_ctx, 0, 0, ATTN_TOP_LEFT, &own));
    must(attn_mask_documents(test_ctx, own, len, &d, &count));
    assert_in_range(count, ATTN_DOCUMENTS_MOST / 2, ATTN_DOCUMENTS_MOST);
    for (int64_t u = 0; u < count; u++) {
        assert_int_equal(d[u].begin, end);
        end += d[u].length;
        if (u + 1 < count) shortest = attn_min64(shortest, d[u].length);
    }
    assert_int_equal(end, len);
    assert_true(shortest >= len / ATTN_DOCUMENTS_MOST);
    attn_free(test_ctx, d);
    attn_mask_destroy(own);
}

/* --------------------------------------------------------------------------------------------------------------- schedules */

static int need(int64_t n, int ranks, int64_t capacity) {
    int64_t p = 1;
    while (p * capacity < n) p *= 2;
    return (int)attn_min64(p, ranks);
}

/* One round of the rules as plain loops over ranks. */
struct plain {
    int ranks, group_of[MOST], groups, size[MOST], taken[MOST][MOST], count[MOST];
    double load[MOST]; /* of ranks */
};

static double most_of(const struct plain *p) {
    double most = 0.0;
    for (int r = 0; r < p->ranks; r++) most = p->load[r] > most ? p->load[r] : most;
    return most;
}
static double spread_of(const struct plain *p) {
    double least = most_of(p);
    for (int r = 0; r < p->ranks; r++) least = p->load[r] < least ? p->load[r] : least;
    return most_of(p) - least;
}

static int free_of(const struct plain *p) {
    int count = 0;
    for (int r = 0; r < p->ranks; r++) count += p->group_of[r] < 0;
    return count;
}

static double load_of(const struct plain *p, int group) {
    for (int r = 0; r < p->ranks; r++)
        if (p->group_of[r] == group) return p->load[r];
    return 0.0;
}

static void add_load(struct plain *p, int group, double cost) {
    for (int r = 0; r < p->ranks; r++)
        if (p->group_of[r] == group) p->load[r] += cost;
}

static double plain_cost(const struct attn_document *d, int ranks, int64_t capacity) {
    return (double)d->length * (double)d->length / need(d->length, ranks, capacity);
}

/* Buckets: bucket[i] of document left[i]. */
static int plain_buckets(const struct attn_document *d, const int *left, int count, int ranks, int64_t capacity, int *bucket) {
    double total = 0.0, filled = 0.0;
    int needs = 0, made = 0;
    for (int i = 0; i < count; i++) {
        bool fresh = true;
        total += plain_cost(&d[left[i]], ranks, capacity);
        for (int j = 0; j < i; j++) fresh = fresh && need(d[left[j]].length, ranks, capacity) != need(d[left[i]].length, ranks, capacity);
        needs += fresh;
    }
    for (int i = 0; i < count; i++) {
        const double cost = plain_cost(&d[left[i]], ranks, capacity);
        if (i > 0 && bucket[i - 1] == made && (filled + cost > 1.1 * total / needs || count - i <= needs - (made + 1))) {
            made++;
            filled = 0.0;
        }
        bucket[i] = made;
        filled += cost;
    }
    return made + 1;
}

static void plain_fill(struct plain *p, const struct attn_document *d, const int *left, int count, int64_t capacity, bool *used) {
    int bucket[MOST];
    bool mixed = false;
    const int buckets = plain_buckets(d, left, count, p->ranks, capacity, bucket), first = need(d[left[0]].length, p->ranks, capacity);
    for (;;) {
        int chosen = -1, group = -1;
        for (int b = 0; b < buckets && chosen < 0; b++)
            for (int i = 0; i < count; i++) {
                if (bucket[i] != b || used[i]) continue;
                const int n = need(d[left[i]].length, p->ranks, capacity);
                bool fits = free_of(p) >= n;
                for (int g = 0; g < p->groups; g++) fits = fits || p->size[g] == n;
                if (fits) chosen = i;
                break; /* only its head */
            }
        if (chosen < 0) return;
        const int n = need(d[left[chosen]].length, p->ranks, capacity);
        for (int g = 0; g < p->groups; g++)
            if (p->size[g] == n && (group < 0 || load_of(p, g) < load_of(p, group))) group = g;
        if (free_of(p) >= n && (group < 0 || load_of(p, group) > 0.0)) {
            group = p->groups++;
            p->size[group] = n;
            for (int r = 0, more = n; r < p->ranks && more > 0; r++)
                if (p->group_of[r] < 0) p->group_of[r] = group, more--;
        }
        used[chosen] = true;
        p->taken[group][p->count[group]++] = left[chosen];
        add_load(p, group, plain_cost(&d[left[chosen]], p->ranks, capacity));
        mixed = mixed || n < first;
        if (mixed && spread_of(p) <= 0.05 * most_of(p)) return;
    }
}

static void plain_trim(struct plain *p, const struct attn_document *d, int64_t capacity) {
    while (free_of(p) == 0 && spread_of(p) > 0.05 * most_of(p)) {
        int r = 0;
        while (p->load[r] < most_of(p)) r++;
        const int g = p->group_of[r];
        if (p->count[g] < 2) return;
        const double before = spread_of(p), load = p->load[r], cost = plain_cost(&d[p->taken[g][p->count[g] - 1]], p->ranks, capacity);
        add_load(p, g, -cost);
        if (spread_of(p) >= before) {
            for (int i = 0; i < p->ranks; i++)
                if (p->group_of[i] == g) p->load[i] = load;
            return;
        }
        p->count[g]--;
    }
}

static void plain_widen(struct plain *p) {
    int idle = free_of(p);
    for (;;) {
        int g = 0;
        for (int i = 1; i < p->groups; i++)
            if (p->size[i] < p->size[g]) g = i;
        const int more = p->size[g] * 2 > p->ranks ? p->ranks - p->size[g] : p->size[g];
        if (more == 0 || more > idle) return;
        p->size[g] += more;
        idle -= more;
    }
}

/* The schedule against one made by the loops above. */
static void check_against_plain(const struct attn_hybrid *h, int ranks, const struct attn_document *d, int count, int64_t capacity) {
    static struct plain p;
    int left[MOST], rest = count;
    for (int i = 0; i < count; i++) { /* longest first; of equal ones the first */
        int at = i;
        for (; at > 0 && d[left[at - 1]].length < d[i].length; at--) left[at] = left[at - 1];
        left[at] = i;
    }
    for (int64_t round = 0; round < h->rounds; round++) {
        bool used[MOST] = {false}, kept[MOST] = {false};
        memset(&p, 0, sizeof p);
        p.ranks = ranks;
        for (int r = 0; r < ranks; r++) p.group_of[r] = -1;
        assert_true(rest > 0);
        plain_fill(&p, d, left, rest, capacity, used);
        plain_trim(&p, d, capacity);
        plain_widen(&p);
        assert_int_equal(h->round[round + 1] - h->round[round], p.groups);
        for (int g = 0, first = 0; g < p.groups; first += p.size[g++]) {
            const struct attn_hybrid_group *got = &h->group[h->round[round] + g];
            assert_int_equal(got->first, first);
            assert_int_equal(got->count, p.size[g]);
            assert_int_equal(got->documents, p.count[g]);
            for (int i = 0; i < p.count[g]; i++) {
                assert_int_equal(h->document[got->document + i], p.taken[g][i]);
                kept[p.taken[g][i]] = true;
            }
        }
        int still = 0;
        for (int i = 0; i < rest; i++)
            if (!kept[left[i]]) left[still++] = left[i];
        rest = still;
    }
    assert_int_equal(rest, 0);
}

/* Every document once, groups disjoint, large enough, and of a power of two of ranks or all. */
static void check_schedule(const struct attn_hybrid *h, int ranks, const struct attn_document *d, int64_t count, int64_t capacity) {
    char *seen = calloc((size_t)count, 1);
    int64_t documents = 0;
    assert_int_equal(h->round[0], 0);
    for (int64_t round = 0; round < h->rounds; round++) {
        int end = 0;
        assert_true(h->round[round + 1] > h->round[round]);
        for (int64_t n = h->round[round]; n < h->round[round + 1]; n++) {
            const struct attn_hybrid_group *g = &h->group[n];
            assert_true(g->first >= end && g->count >= 1 && g->first + g->count <= ranks);
            assert_true(g->count == ranks || (g->count & (g->count - 1)) == 0);
            assert_true(g->documents >= 1 && g->document == documents);
            end = g->first + g->count;
            for (int64_t i = 0; i < g->documents; i++, documents++) {
                const int64_t at = h->document[documents];
                assert_in_range(at, 0, count - 1);
                assert_int_equal(seen[at]++, 0);
                assert_true(g->count >= need(d[at].length, ranks, capacity));
            }
        }
    }
    assert_int_equal(documents, count);
    free(seen);
}

static void schedules_follow_the_rules(void **state) {
    struct attn_random r;
    struct attn_document d[MOST];
    (void)state;
    attn_random_init(&r, 31);
    for (int64_t round = 0; round < test_share(1500); round++) {
        const int ranks = (int)attn_random_between(&r, 1, attn_random_below(&r, 2) ? 16 : 5),
                  count = (int)attn_random_between(&r, 1, attn_random_below(&r, 3) ? 25 : 120);
        const int64_t capacity = attn_random_between(&r, 1, 40), long_ones = attn_random_between(&r, 1, 10);
        struct attn_hybrid h;
        for (int i = 0; i < count; i++)
            d[i] = (struct attn_document){0, attn_random_between(&r, 1, attn_random_below(&r, (uint64_t)long_ones) ? 20 : 600)};
        must(attn_hybrid_open(test_ctx, ranks, d, count, capacity, &h));
        check_schedule(&h, ranks, d, count, capacity);
        check_against_plain(&h, ranks, d, count, capacity);
        attn_hybrid_close(&h);
    }
}

static void one_document_takes_all_ranks_that_powers_of_two_reach(void **state) {
    static const struct {
        int ranks, first, second; /* of one document; of the first of two */
    } want[] = {{1, 1, 1}, {2, 2, 1}, {3, 3, 2}, {4, 4, 2}, {6, 6, 4}, {7, 7, 4}, {8, 8, 4}, {16, 16, 8}};
    (void)state;
    for (size_t n = 0; n < sizeof want / sizeof *want; n++)
        for (int count = 1; count <= 2; count++) {
            const struct attn_document d[] = {{0, 5}, {5, 5}};
            struct attn_hybrid h;
            must(attn_hybrid_open(test_ctx, want[n].ranks, d, count, 8192, &h));
            check_schedule(&h, want[n].ranks, d, count, 8192);
            assert_int_equal(h.group[0].count, count == 1 ? want[n].first : want[n].second);
            attn_hybrid_close(&h);
        }
}

static void many_documents_and_ranks_take_no_pairs(void **state) {
    struct attn_lengths l = {.ctx = test_ctx};
    const int ranks = 100000;
    struct attn_hybrid h;
    (void)state;
    must(attn_generate_documents(ATTN_CORPUS_PROLONG512K, INT64_C(8192) * ranks, 5, &l));
    struct attn_document *d = malloc((size_t)l.count * sizeof *d);
    for (int64_t u = 0, at = 0; u < l.count; at += l.length[u++]) d[u] = (struct attn_document){at, l.length[u]};
    must(attn_hybrid_open(test_ctx, ranks, d, l.count, 8192, &h));
    check_schedule(&h, ranks, d, l.count, 8192);
    attn_hybrid_close(&h);
    free(d);
    attn_lengths_free(&l);
}

static void mistakes_are_refused_with_a_sentence(void **state) {
    const struct attn_document good = {0, 4}, zero = {0, 0};
    struct attn_hybrid h;
    struct attn_document *d = NULL;
    int64_t count;
    attn_mask *parsed = NULL;
    (void)state;
    assert_int_equal(attn_hybrid_open(test_ctx, 0, &good, 1, 8, &h), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "0 ranks"));
    assert_int_equal(attn_hybrid_open(test_ctx, 2, &good, 1, 0, &h), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "takes 0 tokens"));
    assert_int_equal(attn_hybrid_open(test_ctx, 2, NULL, 1, 8, &h), ATTN_EINVAL);
    assert_int_equal(attn_hybrid_open(test_ctx, 2, &good, 0, 8, &h), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "0 documents"));
    assert_int_equal(attn_hybrid_open(test_ctx, 2, &zero, 1, 8, &h), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "document 0"));
    must(attn_mask_parse(test_ctx, "causal | cols:0,1", &parsed));
    assert_int_equal(attn_mask_documents(test_ctx, parsed, 8, &d, &count), ATTN_EMASK);
    assert_int_equal(attn_mask_documents(test_ctx, NULL, 0, &d, &count), ATTN_EINVAL);
    assert_null(d);
    attn_mask_destroy(parsed);
}

static attn_status schedule_all(attn_ctx *ctx) {
    attn_mask *parsed = NULL, *member[2] = {NULL, NULL}, *stack = NULL;
    struct attn_document *d = NULL;
    struct attn_hybrid h;
    int64_t count = 0;
    attn_status status = attn_mask_parse(ctx, "document:3x90", &parsed);
    if (!status) status = attn_mask_compile(ctx, parsed, 270, 270, &member[0]);
    if (!status) status = attn_mask_band(ctx, 0, 0, ATTN_TOP_LEFT, &member[1]);
    if (!status) status = attn_mask_stack(ctx, 1, 2, (const attn_mask *const *)member, &stack);
    if (!status) status = attn_mask_documents(ctx, stack, 270, &d, &count);
    if (!status && count != 90) status = ATTN_EMASK;
    if (!status) status = attn_hybrid_open(ctx, 4, d, count, 2, &h);
    if (!status) attn_hybrid_close(&h);
    attn_free(ctx, d);
    attn_mask_destroy(stack);
    attn_mask_destroy(member[0]);
    attn_mask_destroy(member[1]);
    attn_mask_destroy(parsed);
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(schedule_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_is_cut_where_no_pair_is_torn),
        cmocka_unit_test(bitmaps_rectangles_and_stacks_are_cut_so_too),
        cmocka_unit_test(too_many_documents_are_joined),
        cmocka_unit_test(schedules_follow_the_rules),
        cmocka_unit_test(one_document_takes_all_ranks_that_powers_of_two_reach),
        cmocka_unit_test(many_documents_and_ranks_take_no_pairs),
        cmocka_unit_test(mistakes_are_refused_with_a_sentence),
        cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
