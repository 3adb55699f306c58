/* Cuts of masks against dense booleans of the whole: every pair of places, areas, emptiness, for every kind of mask, sharding and grid. */
#include "base/random.h"
#include "dist/cp/cut.h"
#include "mask/generate.h"
#include "mask/mask.h"
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

enum { LEN = 211, RUNS = 4096, PLACES = 4096 };

static const int rings[][2] = {{1, 1}, {2, 1}, {1, 2}, {3, 1}, {4, 1}, {2, 2}, {6, 1}, {2, 3}, {8, 1}, {4, 2}, {1, 8}};
enum { RINGS = (int)(sizeof rings / sizeof *rings) };

struct dense {
    bool at[LEN][LEN];
    int64_t area;
};

static void must(attn_status status) {
    if (status != ATTN_OK) fail_msg("%s", test_sentence());
}

static attn_mask *compiled(const attn_mask *m) {
    attn_mask *out = NULL;
    must(attn_mask_compile(test_ctx, m, LEN, LEN, &out));
    return out;
}

/* By attn_mask_allows of the compiled mask. */
static void fill(struct dense *d, const attn_mask *mask) {
    attn_mask *full = NULL, *whole;
    must(attn_mask_parse(test_ctx, "full", &full));
    whole = compiled(mask ? mask : full);
    d->area = 0;
    for (int64_t q = 0; q < LEN; q++)
        for (int64_t k = 0; k < LEN; k++) d->area += d->at[q][k] = attn_mask_allows(whole, q, k) == 1;
    attn_mask_destroy(whole);
    attn_mask_destroy(full);
}

static void tokens_of(const struct attn_places *p, int64_t token[PLACES]) {
    assert_true(p->places <= PLACES);
    for (int64_t i = 0; i < p->places; i++) token[i] = -1;
    for (int64_t i = 0; i < p->runs; i++)
        for (int64_t n = 0; n < p->run[i].count; n++) token[p->run[i].place + n] = p->run[i].first + n * p->run[i].stride;
}

/* One compiled mask of places against the dense one, row by row. Returns its area. */
static int64_t check_compiled(const attn_mask *cut, const struct dense *d, const struct attn_places *q, const struct attn_places *k,
                              const char *what) {
    static int64_t q_token[PLACES], k_token[PLACES];
    int64_t area = 0, intervals[2 * PLACES];
    tokens_of(q, q_token);
    tokens_of(k, k_token);
    for (int64_t i = 0; i < q->places; i++) {
        const int64_t count = cut ? attn_mask_row(cut, i, intervals, PLACES) : 0;
        for (int64_t j = 0, n = 0; j < k->places; j++) {
            while (n < count && intervals[2 * n + 1] <= j) n++;
            const bool got = n < count && intervals[2 * n] <= j;
            const bool want = q_token[i] >= 0 && k_token[j] >= 0 && d->at[q_token[i]][k_token[j]];
            if (got != want)
                fail_msg("%s: place %d (token %d) x %d (token %d) is %d", what, (int)i, (int)q_token[i], (int)j, (int)k_token[j], got);
            area += want;
        }
    }
    if (cut) {
        int64_t q_len, k_len;
        attn_mask_lengths(cut, &q_len, &k_len);
        assert_int_equal(q_len, q->places);
        assert_int_equal(k_len, k->places);
        assert_int_equal(attn_mask_area(cut), area);
        struct attn_mask_view by_columns;
        attn_mask_view_init(&by_columns, cut, 0, 0, 1, 1, q_len, k_len, 0, 0, q_len, k_len);
        int64_t columns = 0;
        for (int64_t j = 0; j < k_len; j++) columns += attn_mask_view_area(&by_columns, 0, q_len, j, j + 1);
        assert_int_equal(columns, area);
    }
    return area;
}

/* Cuts the mask, which is no stack, and compares it. Returns the area. */
static double check_cut(const attn_mask *mask, const struct dense *d, const struct attn_places *q, const struct attn_places *k,
                        const char *what) {
    attn_mask *cut = NULL;
    must(attn_cut_mask(test_ctx, mask, LEN, 0, 1, q, k, &cut));
    const int64_t area = check_compiled(cut, d, q, k, what);
    if ((cut == NULL) != (area == 0)) fail_msg("%s: area %d, mask %p", what, (int)area, (void *)cut);
    if (attn_cut_empty(mask, LEN, q, k) != (area == 0)) fail_msg("%s: area %d, empty %d", what, (int)area, area != 0);
    const double counted = attn_cut_area(mask, LEN, 3, q, k);
    if (counted != 3.0 * (double)area) fail_msg("%s: area %d, counted %g of 3 heads", what, (int)area, counted);
    attn_mask_destroy(cut);
    return (double)area;
}

/* All ring positions' keys one after the other, as gathered; false: more runs than room. */
static bool gather(const struct attn_shards *s, struct attn_run *run, struct attn_places *all) {
    const int64_t places = s->places * s->pieces;
    *all = (struct attn_places){run, 0, places * s->ring};
    for (int y = 0; y < s->ring; y++) {
        const int64_t count = attn_shards_position_runs(s, y);
        if (all->runs + count > RUNS) return false;
        (void)attn_shards_position(s, y, run + all->runs);
        for (int64_t i = 0; i < count; i++) run[all->runs + i].place += y * places;
        all->runs += count;
    }
    return all->places <= PLACES;
}

/* All pairs of positions; parts against positions; a position against all that is gathered. */
static void check_shards(const attn_mask *mask, const struct dense *d, const struct attn_shards *s, const char *what) {
    static struct attn_run q_run[RUNS], k_run[RUNS], all_run[RUNS];
    const int64_t places = s->places * s->pieces;
    struct attn_places gathered;
    double area = 0.0, gathered_area = 0.0;
    const bool fits = gather(s, all_run, &gathered);
    for (int y = 0; y < s->ring; y++) {
        const struct attn_places q = {q_run, attn_shards_position(s, y, q_run), places};
        for (int x = 0; x < s->ring; x++) {
            const struct attn_places k = {k_run, attn_shards_position(s, x, k_run), places};
            area += check_cut(mask, d, &q, &k, what);
        }
        if (fits) gathered_area += check_cut(mask, d, &q, &gathered, what);
        const int64_t part = (int64_t)y * s->pieces + y % s->pieces;
        const struct attn_places own = {s->run + s->begin[part], s->begin[part + 1] - s->begin[part], s->places};
        (void)check_cut(mask, d, &own, &q, what);
    }
    if (s->tokens != LEN) return;
    if (area != (double)d->area || (fits && gathered_area != area))
        fail_msg("%s: areas sum to %g, the mask has %d", what, area, (int)d->area);
}

/* Documents that fill LEN tokens, or leave gaps. */
static int64_t draw_documents(struct attn_random *r, struct attn_document d[LEN]) {
    const int64_t longest = attn_random_below(r, 2) ? LEN : 1 + (int64_t)attn_random_below(r, 60);
    const bool gaps = attn_random_below(r, 4) == 0;
    int64_t count = 0;
    for (int64_t at = 0; at < LEN; count++) {
        d[count] = (struct attn_document){at, attn_min64(attn_random_between(r, 1, longest), LEN - at)};
        at += d[count].length + (gaps ? (int64_t)attn_random_below(r, 5) : 0);
    }
    return count;
}

/* The mask under every sharding, on grids taken in turn. */
static void check_everywhere(const attn_mask *mask, const char *name, struct attn_random *r) {
    struct attn_document document[LEN];
    static struct dense d;
    fill(&d, mask);
    for (int n = 0; n < RINGS; n++)
        for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++) {
            char what[200];
            struct attn_shard_config c = {.sharding = (enum attn_sharding)sharding, .ring = rings[n][0], .pieces = rings[n][1]};
            struct attn_shards s;
            if (test_thinned() && attn_random_below(r, 4)) continue;
            c.document = document;
            c.documents = draw_documents(r, document);
            c.mask = mask;
            c.mask_len = LEN;
            c.chunks = 2;
            must(attn_shards_open(test_ctx, &c, &s));
            snprintf(what, sizeof what, "%s, %s, ring %d, pieces %d", name, attn_sharding_name(c.sharding), c.ring, c.pieces);
            check_shards(mask, &d, &s, what);
            attn_shards_close(&s);
        }
}

static void check_text(const char *text, const char *name, struct attn_random *r) {
    attn_mask *parsed = NULL, *whole;
    if (attn_mask_parse(test_ctx, text, &parsed) != ATTN_OK) fail_msg("%s: %s", text, test_sentence());
    whole = compiled(parsed);
    check_everywhere(whole, name, r);
    attn_mask_destroy(whole);
    attn_mask_destroy(parsed);
}

static void the_benchmarks_patterns_are_cut_exactly(void **state) {
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 5);
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++) {
        char *text = NULL;
        must(attn_generate_pattern(test_ctx, attn_generate_pattern_names[n], -1, LEN, 11 + (uint64_t)n, &text));
        check_text(text, attn_generate_pattern_names[n], &r);
        attn_free(test_ctx, text);
    }
}

/* With windows, prefixes and blocks that are short beside LEN, documents of length 1, and rows without any key. */
static void small_parameters_are_cut_exactly(void **state) {
    static const char *const texts[] = {"sliding_window:13,7",
                                        "sliding_window_causal:0",
                                        "sliding_window_causal:31",
                                        "global_sliding_window:9",
                                        "prefix_lm_document:17;100,9,62,1x40",
                                        "block_causal_document:16;48,64,99",
                                        "causal_document:1x211",
                                        "share_question:60,1,80,70",
                                        "causal_blockwise:50,61,1,99",
                                        "causal & !(rows:3,90 & cols:1,60)",
                                        "band:-40,-20 | band:15,18",
                                        "block_sparse:16,0.3,3;211"};
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 6);
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) check_text(texts[n], texts[n], &r);
}

static void single_bands_are_cut_as_they_are(void **state) {
    static const struct {
        int64_t low, high;
        attn_align align;
    } bands[] = {{-ATTN_UNLIMITED, 0, ATTN_TOP_LEFT},
                 {-ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT},
                 {-7, 4, ATTN_TOP_LEFT},
                 {20, ATTN_UNLIMITED, ATTN_TOP_LEFT},
                 {-ATTN_UNLIMITED, -50, ATTN_TOP_LEFT},
                 {300, 400, ATTN_TOP_LEFT},
                 {-400, -211, ATTN_BOTTOM_RIGHT},
                 {-210, -210, ATTN_TOP_LEFT},
                 {0, 0, ATTN_BOTTOM_RIGHT}};
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 7);
    check_everywhere(NULL, "NULL", &r);
    for (size_t n = 0; n < sizeof bands / sizeof *bands; n++) {
        char name[80];
        attn_mask *band = NULL;
        must(attn_mask_band(test_ctx, bands[n].low, bands[n].high, bands[n].align, &band));
        snprintf(name, sizeof name, "band %d", (int)n);
        check_everywhere(band, name, &r);
        attn_mask_destroy(band);
    }
}

static int odd(void *user, int64_t q, int64_t k) {
    return (void)user, (q * 7 + k * k) % 5 < 2;
}
static int everything(void *user, int64_t q, int64_t k) {
    return (void)user, (void)q, (void)k, 1;
}

/* The mask as a tile map. */
static attn_mask *tiled(const char *text, attn_mask_pair_fn rule) {
    attn_mask *parsed = NULL, *ruled = NULL, *both = NULL, *whole;
    must(attn_mask_parse(test_ctx, text, &parsed));
    must(attn_mask_predicate(test_ctx, LEN, LEN, rule, NULL, NULL, &ruled));
    must(attn_mask_and(test_ctx, parsed, ruled, &both));
    whole = compiled(both);
    attn_mask_destroy(parsed);
    attn_mask_destroy(ruled);
    attn_mask_destroy(both);
    return whole;
}

static void bitmaps_are_cut_exactly(void **state) {
    static const char *const texts[] = {"full", "causal", "block_sparse:16,0.3,3;211", "document:3,70,138"};
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 8);
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        for (int rule = 0; rule < 2; rule++) {
            attn_mask *mask = tiled(texts[n], rule ? odd : everything);
            assert_true(!rule || mask->form->tiles > 0);
            check_everywhere(mask, texts[n], &r);
            attn_mask_destroy(mask);
        }
}

/* A rectangle of a longer compiled mask, in both forms. */
static void cut_masks_are_cut_again(void **state) {
    enum { MORE = 90 };
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 9);
    for (int rule = 0; rule < 2; rule++) {
        attn_mask *parsed = NULL, *ruled = NULL, *both = NULL, *whole = NULL, *part = NULL;
        must(attn_mask_parse(test_ctx, "sliding_window:40,20 | cols:60,70 | band:90,95", &parsed));
        must(attn_mask_predicate(test_ctx, LEN + MORE, LEN + MORE, rule ? odd : everything, NULL, NULL, &ruled));
        must(attn_mask_and(test_ctx, parsed, ruled, &both));
        must(attn_mask_compile(test_ctx, rule ? both : parsed, LEN + MORE, LEN + MORE, &whole));
        must(attn_mask_cut(test_ctx, whole, 37, 37 + LEN, 50, 50 + LEN, &part));
        static struct dense d;
        d.area = 0;
        for (int64_t q = 0; q < LEN; q++)
            for (int64_t k = 0; k < LEN; k++) d.area += d.at[q][k] = attn_mask_allows(part, q, k) == 1;
        for (int n = 0; n < RINGS; n++) {
            const struct attn_document all = {0, LEN};
            const struct attn_shard_config c = {
                .sharding = (enum attn_sharding)(n % 4), .ring = rings[n][0], .pieces = rings[n][1], .document = &all, .documents = 1};
            struct attn_shards s;
            must(attn_shards_open(test_ctx, &c, &s));
            check_shards(part, &d, &s, rule ? "a rectangle of bitmaps" : "a rectangle of spans");
            attn_shards_close(&s);
        }
        attn_mask_destroy(parsed);
        attn_mask_destroy(ruled);
        attn_mask_destroy(both);
        attn_mask_destroy(whole);
        attn_mask_destroy(part);
    }
}

static void a_stack_is_cut_member_by_member(void **state) {
    enum { HEADS = 4 };
    static struct dense d[HEADS];
    static struct attn_run q_run[RUNS], k_run[RUNS];
    attn_mask *member[HEADS], *causal = NULL, *window = NULL, *nothing = NULL, *stack = NULL;
    const struct attn_document all = {0, LEN};
    double area = 0.0, want = 0.0;
    (void)state;
    must(attn_mask_parse(test_ctx, "causal", &causal));
    must(attn_mask_parse(test_ctx, "sliding_window:5,3 | cols:0,4", &window));
    must(attn_mask_slices(test_ctx, LEN, LEN, NULL, 0, &nothing));
    member[0] = causal;
    member[1] = compiled(window);
    member[2] = compiled(nothing);
    member[3] = tiled("causal", odd);
    must(attn_mask_stack(test_ctx, 1, HEADS, (const attn_mask *const *)member, &stack));
    for (int h = 0; h < HEADS; h++) {
        fill(&d[h], member[h]);
        want += 2.0 * (double)d[h].area;
    }
    const struct attn_shard_config c = {.sharding = ATTN_SHARD_ZIGZAG, .ring = 3, .pieces = 2, .document = &all, .documents = 1};
    struct attn_shards s;
    must(attn_shards_open(test_ctx, &c, &s));
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
            const struct attn_places q = {q_run, attn_shards_position(&s, y, q_run), 2 * s.places};
            const struct attn_places k = {k_run, attn_shards_position(&s, x, k_run), 2 * s.places};
            area += attn_cut_area(stack, LEN, 2 * HEADS, &q, &k);
            for (int first = 0; first < HEADS; first++)
                for (int members = 1; first + members <= HEADS; members++) {
                    attn_mask *cut = NULL;
                    must(attn_cut_mask(test_ctx, stack, LEN, first, members, &q, &k, &cut));
                    assert_true(!cut || (cut->kind == ATTN_MASK_STACK && cut->heads == members && cut->batch == 1));
                    int64_t pairs = 0;
                    for (int h = 0; h < members; h++)
                        pairs += check_compiled(cut ? cut->member[h] : NULL, &d[first + h], &q, &k, "a stack");
                    assert_true((cut != NULL) == (pairs > 0));
                    attn_mask_destroy(cut);
                }
        }
    assert_true(area == want);
    attn_shards_close(&s);
    for (int h = 1; h < HEADS; h++) attn_mask_destroy(member[h]);
    attn_mask_destroy(causal);
    attn_mask_destroy(window);
    attn_mask_destroy(nothing);
    attn_mask_destroy(stack);
}

static void what_cannot_be_cut_is_refused(void **state) {
    attn_mask *parsed = NULL, *causal = NULL, *stack = NULL, *heads = NULL, *cut = NULL;
    const struct attn_run run = {0, 1, 8, 0};
    const struct attn_places all = {&run, 1, 8};
    (void)state;
    must(attn_mask_parse(test_ctx, "causal | cols:0,4", &parsed));
    assert_int_equal(attn_cut_mask(test_ctx, parsed, 8, 0, 1, &all, &all, &cut), ATTN_EMASK);
    assert_non_null(strstr(test_sentence(), "attn_mask_compile"));
    attn_mask *whole = compiled(parsed);
    assert_int_equal(attn_cut_mask(test_ctx, whole, 8, 0, 1, &all, &all, &cut), ATTN_EMASK);
    assert_non_null(strstr(test_sentence(), "8 x 8"));
    must(attn_mask_parse(test_ctx, "causal", &causal));
    must(attn_mask_stack(test_ctx, 2, 1, (const attn_mask *const[]){causal, causal}, &stack));
    assert_int_equal(attn_cut_check(test_ctx, stack, 8), ATTN_EMASK);
    must(attn_mask_stack(test_ctx, 1, 2, (const attn_mask *const[]){causal, causal}, &heads));
    assert_int_equal(attn_cut_mask(test_ctx, heads, 8, 1, 2, &all, &all, &cut), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "members 1 to 2"));
    assert_null(cut);
    attn_mask_destroy(parsed);
    attn_mask_destroy(whole);
    attn_mask_destroy(causal);
    attn_mask_destroy(stack);
    attn_mask_destroy(heads);
}

/* 4096 documents: the pieces of a cut are as many as they, not as their pairs. */
static void documents_are_cut_in_about_as_many_pieces(void **state) {
    enum { COUNT = 4096, LENGTH = 64 };
    struct attn_document *d = malloc(COUNT * sizeof *d);
    attn_mask *parsed = NULL, *mask = NULL, *cut = NULL;
    (void)state;
    for (int64_t u = 0; u < COUNT; u++) d[u] = (struct attn_document){u * LENGTH, LENGTH};
    must(attn_mask_parse(test_ctx, "causal_document:64x4096", &parsed));
    must(attn_mask_compile(test_ctx, parsed, COUNT * LENGTH, COUNT * LENGTH, &mask));
    const struct attn_shard_config c = {.sharding = ATTN_SHARD_ZIGZAG, .ring = 8, .pieces = 1, .document = d, .documents = COUNT};
    struct attn_shards s;
    must(attn_shards_open(test_ctx, &c, &s));
    const struct attn_places q = {s.run + s.begin[3], s.begin[4] - s.begin[3], s.places};
    const struct attn_places k = {s.run + s.begin[6], s.begin[7] - s.begin[6], s.places};
    assert_int_equal(q.runs, 2 * COUNT);
    must(attn_cut_mask(test_ctx, mask, COUNT * LENGTH, 0, 1, &q, &k, &cut));
    assert_in_range(cut->form->rows.count, COUNT, 4 * COUNT);
    /* Of 16 chunks of 4, chunk 12 sees 6 and 9, chunk 3 sees neither. */
    assert_true(attn_cut_area(mask, COUNT * LENGTH, 1, &q, &k) == COUNT * 32.0);
    attn_shards_close(&s);
    attn_mask_destroy(parsed);
    attn_mask_destroy(mask);
    attn_mask_destroy(cut);
    free(d);
}

static attn_status cut_all(attn_ctx *ctx) {
    const struct attn_run run[] = {{0, 1, 70, 0}, {80, 1, 40, 72}};
    const struct attn_places p = {run, 2, 120};
    attn_mask *parsed = NULL, *rule = NULL, *member[2] = {NULL, NULL}, *stack = NULL, *cut = NULL;
    attn_status status = attn_mask_parse(ctx, "causal_document:20,50,50", &parsed);
    if (!status) status = attn_mask_compile(ctx, parsed, 120, 120, &member[0]);
    if (!status) status = attn_mask_predicate(ctx, 120, 120, odd, NULL, NULL, &rule);
    if (!status) status = attn_mask_compile(ctx, rule, 120, 120, &member[1]);
    if (!status) status = attn_mask_stack(ctx, 1, 2, (const attn_mask *const *)member, &stack);
    if (!status) status = attn_cut_mask(ctx, stack, 120, 0, 2, &p, &p, &cut);
    if (!status && !cut) status = ATTN_EMASK;
    attn_mask_destroy(cut);
    attn_mask_destroy(stack);
    attn_mask_destroy(member[0]);
    attn_mask_destroy(member[1]);
    attn_mask_destroy(rule);
    attn_mask_destroy(parsed);
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(cut_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_benchmarks_patterns_are_cut_exactly),
        cmocka_unit_test(small_parameters_are_cut_exactly),
        cmocka_unit_test(single_bands_are_cut_as_they_are),
        cmocka_unit_test(bitmaps_are_cut_exactly),
        cmocka_unit_test(cut_masks_are_cut_again),
        cmocka_unit_test(a_stack_is_cut_member_by_member),
        cmocka_unit_test(what_cannot_be_cut_is_refused),
        cmocka_unit_test(documents_are_cut_in_about_as_many_pieces),
        cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
