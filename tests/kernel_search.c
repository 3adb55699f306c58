/* The search against brute force: whole numbers, whose scores are exact and often equal, must give the very list; real numbers, every
 * score and every place within the bound of single precision. On every instruction set of this machine, and by the reference. */
#include "attn.h"
#include "base/random.h"
#include "support/guard.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const sets[] = {"portable", "avx2", "avx512", "neon"};

/* A check in a context of three workers for each instruction set, and once more for the reference. */
typedef void (*search_check)(attn_ctx *ctx, const char *kernel);
static void on_each_set(search_check check) {
    int run = 0;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        attn_ctx_config config;
        attn_ctx *ctx;
        attn_ctx_config_init(&config);
        config.threads = 3;
        setenv("ATTN_ISA", sets[i], 1);
        if (attn_ctx_create(&config, &ctx, NULL, 0) == ATTN_OK) {
            check(ctx, NULL);
            if (run++ == 0) check(ctx, "naive");
            attn_ctx_destroy(ctx);
        }
        unsetenv("ATTN_ISA");
    }
    assert_true(run > 0);
}

/* A search in guarded memory. */
struct problem {
    struct test_arena arena;
    attn_search s;
    float *q, *k;
    int64_t *begins, *ends;
};

static void lay_out(struct problem *p, attn_ctx *ctx) {
    attn_search *s = &p->s;
    const int64_t q_stride = s->q_stride ? s->q_stride : s->dim, k_stride = s->k_stride ? s->k_stride : s->dim;
    const int64_t q_count = s->queries ? (s->queries - 1) * q_stride + s->dim : 0,
                  k_count = s->keys ? (s->keys - 1) * k_stride + s->dim : 0;
    s->q = p->q = test_guarded(&p->arena, (size_t)q_count * sizeof(float), sizeof(float));
    s->k = p->k = test_guarded(&p->arena, (size_t)k_count * sizeof(float), sizeof(float));
    s->index = test_guarded(&p->arena, (size_t)(s->queries * s->top) * sizeof(int64_t), sizeof(int64_t));
    s->score = test_guarded(&p->arena, (size_t)(s->queries * s->top) * sizeof(float), sizeof(float));
    assert_int_equal(attn_search_workspace(ctx, s, &s->workspace_bytes), ATTN_OK);
    assert_int_equal(s->workspace_bytes % 64, 0);
    s->workspace = test_guarded(&p->arena, s->workspace_bytes, 64);
    memset(s->workspace, 0x77, s->workspace_bytes);
    for (int64_t i = 0; i < q_count; i++) p->q[i] = NAN; /* the gaps between rows are no part of any score */
    for (int64_t i = 0; i < k_count; i++) p->k[i] = NAN;
}

static float *row(const float *rows, int64_t stride, int32_t dim, int64_t i) {
    return (float *)(uintptr_t)rows + i * (stride ? stride : dim);
}

/* Shapes around the borders of blocks, panels and chunks; ranges that neighbours share or not. */
static void random_problem(struct problem *p, attn_ctx *ctx, const char *kernel, struct attn_random *r, bool whole) {
    static const int64_t lengths[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 200, 509, 2047, 2048, 2049, 4500};
    static const int32_t dims[] = {1, 2, 3, 15, 16, 17, 31, 40, 64, 100};
    static const int32_t tops[] = {1, 2, 5, 20, 63, 64, 65, 300};
    static const int64_t most_queries[] = {5, 12, 230};
    *p = (struct problem){.arena = {.at_begin = attn_random_below(r, 2) == 0}};
    attn_search_init(&p->s);
    attn_search *s = &p->s;
    s->queries = attn_random_between(r, 0, most_queries[attn_random_below(r, 3)]);
    s->keys = lengths[attn_random_below(r, sizeof(lengths) / sizeof(lengths[0]))];
    s->dim = dims[attn_random_below(r, sizeof(dims) / sizeof(dims[0]))];
    s->top = tops[attn_random_below(r, sizeof(tops) / sizeof(tops[0]))];
    s->threads = (int)attn_random_between(r, 0, 3);
    s->kernel = kernel;
    s->q_stride = attn_random_below(r, 2) ? 0 : s->dim + attn_random_between(r, 0, 5);
    s->k_stride = attn_random_below(r, 2) ? 0 : s->dim + attn_random_between(r, 0, 5);
    lay_out(p, ctx);
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < (side ? s->keys : s->queries); i++) {
            float *x = row(side ? p->k : p->q, side ? s->k_stride : s->q_stride, s->dim, i);
            if (!whole) attn_random_fill_normal(r, x, s->dim, 1.0f);
            for (int32_t c = 0; whole && c < s->dim; c++) x[c] = (float)attn_random_between(r, -2, 2);
        }
    if (attn_random_below(r, 2)) return;
    s->begins = p->begins = test_guarded(&p->arena, (size_t)s->queries * sizeof(int64_t), sizeof(int64_t));
    s->ends = p->ends = test_guarded(&p->arena, (size_t)s->queries * sizeof(int64_t), sizeof(int64_t));
    for (int64_t i = 0; i < s->queries; i++) {
        const bool same = i > 0 && attn_random_below(r, 3);
        p->begins[i] = same ? p->begins[i - 1] : attn_random_between(r, 0, s->keys);
        p->ends[i] = same ? p->ends[i - 1] : attn_random_between(r, p->begins[i], s->keys);
    }
}

static double exact_score(const attn_search *s, int64_t i, int64_t j, double *size) {
    const float *q = row(s->q, s->q_stride, s->dim, i), *k = row(s->k, s->k_stride, s->dim, j);
    double sum = 0;
    *size = 0;
    for (int32_t c = 0; c < s->dim; c++) {
        sum += (double)q[c] * (double)k[c];
        *size += fabs((double)q[c] * (double)k[c]);
    }
    return sum;
}

struct candidate {
    double score;
    int64_t index;
};
static int by_score(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int64_t begin_of(const attn_search *s, int64_t i) {
    return s->begins ? s->begins[i] : 0;
}
static int64_t end_of(const attn_search *s, int64_t i) {
    return s->ends ? s->ends[i] : s->keys;
}

static void assert_is_the_sorted_list(const attn_search *s) {
    struct candidate *all = malloc((size_t)(s->keys + 1) * sizeof(*all));
    for (int64_t i = 0; i < s->queries; i++) {
        int64_t count = 0;
        double size;
        for (int64_t j = begin_of(s, i); j < end_of(s, i); j++, count++) all[count] = (struct candidate){exact_score(s, i, j, &size), j};
        qsort(all, (size_t)count, sizeof(*all), by_score);
        for (int64_t n = 0; n < s->top; n++) {
            const int64_t index = n < count ? all[n].index : -1;
            const float score = n < count ? (float)all[n].score : -INFINITY;
            if (s->index[i * s->top + n] != index || s->score[i * s->top + n] != score)
                fail_msg("query %lld place %lld: key %lld score %g, expected %lld %g", (long long)i, (long long)n,
                         (long long)s->index[i * s->top + n], (double)s->score[i * s->top + n], (long long)index, (double)score);
        }
    }
    free(all);
}

static void whole_numbers(attn_ctx *ctx, const char *kernel) {
    uint64_t seed;
    for (int64_t round = test_rounds(100, &seed); round > 0; round--, seed++) {
        struct problem p;
        struct attn_random r;
        attn_random_init(&r, seed);
        random_problem(&p, ctx, kernel, &r, true);
        assert_int_equal(attn_search_run(ctx, &p.s), ATTN_OK);
        assert_is_the_sorted_list(&p.s);
        test_arena_free(&p.arena);
    }
}

static void scores_of_whole_numbers_and_their_ties_give_exactly_the_sorted_list(void **state) {
    (void)state;
    on_each_set(whole_numbers);
}

/* One rounding for each term and each addition, of sums no larger than that of the magnitudes: n u sum |q_c k_c|, u = 2^-24. */
static double score_bound(const attn_search *s, double size) {
    return (s->dim + 1) * 0x1p-24 * size;
}

static void assert_list_within_rounding(const attn_search *s) {
    uint8_t *chosen = malloc((size_t)s->keys + 1);
    for (int64_t i = 0; i < s->queries; i++) {
        const int64_t begin = begin_of(s, i), end = end_of(s, i), found = end - begin < s->top ? end - begin : s->top;
        const int64_t *index = s->index + i * s->top;
        const float *score = s->score + i * s->top;
        double size;
        memset(chosen, 0, (size_t)s->keys + 1);
        for (int64_t n = 0; n < s->top; n++) {
            if (n >= found) {
                assert_int_equal(index[n], -1);
                assert_true(score[n] == -INFINITY);
                continue;
            }
            assert_true(index[n] >= begin && index[n] < end && !chosen[index[n]]);
            chosen[index[n]] = 1;
            const double want = exact_score(s, i, index[n], &size);
            assert_true(fabs((double)score[n] - want) <= score_bound(s, size));
            assert_true(n == 0 || score[n] < score[n - 1] || (score[n] == score[n - 1] && index[n] > index[n - 1]));
        }
        for (int64_t j = begin; j < end && found > 0; j++)
            if (!chosen[j]) {
                const double left = exact_score(s, i, j, &size);
                assert_true(left <= (double)score[found - 1] + score_bound(s, size));
            }
    }
    free(chosen);
}

static void real_numbers(attn_ctx *ctx, const char *kernel) {
    uint64_t seed;
    for (int64_t round = test_rounds(60, &seed); round > 0; round--, seed++) {
        struct problem p;
        struct attn_random r;
        attn_random_init(&r, seed);
        random_problem(&p, ctx, kernel, &r, false);
        assert_int_equal(attn_search_run(ctx, &p.s), ATTN_OK);
        assert_list_within_rounding(&p.s);
        test_arena_free(&p.arena);
    }
}

static void no_key_that_is_left_out_is_better_beyond_rounding(void **state) {
    (void)state;
    on_each_set(real_numbers);
}

/* One query of one dimension that is 1: a key is its own score. */
static struct problem plain_keys(attn_ctx *ctx, const char *kernel, int64_t keys, int32_t top) {
    struct problem p = {.arena = {.maps = NULL}};
    attn_search_init(&p.s);
    p.s.queries = p.s.dim = 1;
    p.s.keys = keys;
    p.s.top = top;
    p.s.kernel = kernel;
    lay_out(&p, ctx);
    p.q[0] = 1;
    return p;
}

static void special_keys(attn_ctx *ctx, const char *kernel) {
    struct problem p = plain_keys(ctx, kernel, 300, 5);
    for (int64_t j = 0; j < 300; j++) p.k[j] = NAN;
    p.k[7] = -INFINITY;
    p.k[100] = 3;
    p.k[299] = INFINITY;
    assert_int_equal(attn_search_run(ctx, &p.s), ATTN_OK);
    const int64_t index[] = {299, 100, 7, -1, -1};
    const float score[] = {INFINITY, 3, -INFINITY, -INFINITY, -INFINITY};
    assert_memory_equal(p.s.index, index, sizeof(index));
    assert_memory_equal(p.s.score, score, sizeof(score));
    for (int64_t j = 0; j < 300; j++) p.k[j] = j % 2 ? 0.0f : -0.0f;
    assert_int_equal(attn_search_run(ctx, &p.s), ATTN_OK);
    for (int64_t n = 0; n < 5; n++) {
        assert_int_equal(p.s.index[n], n);
        assert_true(p.s.score[n] == 0 && !signbit(p.s.score[n]));
    }
    test_arena_free(&p.arena);
}

static void nan_is_never_chosen_infinities_are_and_both_zeros_are_equal(void **state) {
    (void)state;
    on_each_set(special_keys);
}

static void hard_orders(attn_ctx *ctx, const char *kernel) {
    static const int32_t tops[] = {1, 64, 1024, ATTN_SEARCH_TOP};
    enum { KEYS = 20011 };
    for (size_t n = 0; n < sizeof(tops) / sizeof(tops[0]); n++)
        for (int order = 0; order < 4; order++) {
            if (kernel && tops[n] > 1024) continue; /* the reference inserts: top * keys steps */
            struct problem p = plain_keys(ctx, kernel, KEYS, tops[n]);
            for (int64_t j = 0; j < KEYS; j++)
                p.k[j] = order == 0 ? 1.0f : order == 1 ? (float)j : order == 2 ? (float)-j : (float)(j * 7919 % 101);
            assert_int_equal(attn_search_run(ctx, &p.s), ATTN_OK);
            assert_is_the_sorted_list(&p.s);
            test_arena_free(&p.arena);
        }
}

static void equal_rising_and_falling_scores_of_many_chunks_are_found_in_order(void **state) {
    (void)state;
    on_each_set(hard_orders);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_of_whole_numbers_and_their_ties_give_exactly_the_sorted_list),
        cmocka_unit_test(no_key_that_is_left_out_is_better_beyond_rounding),
        cmocka_unit_test(nan_is_never_chosen_infinities_are_and_both_zeros_are_equal),
        cmocka_unit_test(equal_rising_and_falling_scores_of_many_chunks_are_found_in_order),
    };
    return cmocka_run_group_tests_name("kernel: search", tests, NULL, NULL);
}
