/* The patterns by name against the benchmark's table (Bu et al. 2025, keys seen by row i), written here a second time, pair by pair. */
#include "support/mask_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENTS = 4096 };

struct documents {
    int64_t total, count, begin[DOCUMENTS + 1];
    char text[8 * DOCUMENTS];
};

struct sample {
    const struct documents *d;
    int64_t len, p, l, r; /* T; prefix, block or window sides */
};

/* The document of token i. */
static int64_t document(const struct documents *d, int64_t i) {
    int64_t u = 0;
    while (d->begin[u + 1] <= i) u++;
    return u;
}

static bool in(int64_t j, int64_t begin, int64_t end) {
    return j >= begin && j < end;
}
static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool full(const struct sample *s, int64_t i, int64_t j) {
    return (void)i, in(j, 0, s->len);
}
static bool causal(const struct sample *s, int64_t i, int64_t j) {
    return (void)s, in(j, 0, i + 1);
}
static bool full_document(const struct sample *s, int64_t i, int64_t j) {
    return document(s->d, i) == document(s->d, j);
}
static bool causal_document(const struct sample *s, int64_t i, int64_t j) {
    return in(j, s->d->begin[document(s->d, i)], i + 1);
}
static bool sliding_window(const struct sample *s, int64_t i, int64_t j) {
    return in(j, most(0, i - s->l), least(s->len, i + s->r + 1));
}
static bool sliding_window_causal(const struct sample *s, int64_t i, int64_t j) {
    return in(j, most(0, i - s->l), i + 1);
}

static bool share_question(const struct sample *s, int64_t i, int64_t j) {
    int64_t u = document(s->d, i);
    return u == 0 ? in(j, 0, i + 1) : in(j, 0, s->d->begin[1]) || in(j, s->d->begin[u], i + 1);
}

static bool causal_blockwise(const struct sample *s, int64_t i, int64_t j) {
    int64_t u = document(s->d, i);
    return in(j, u == s->d->count - 1 ? 0 : s->d->begin[u], i + 1);
}

static bool prefix_lm_causal(const struct sample *s, int64_t i, int64_t j) {
    return in(j, 0, i < s->p ? s->p : i + 1);
}

static bool prefix_lm_document(const struct sample *s, int64_t i, int64_t j) {
    int64_t u = document(s->d, i), b = s->d->begin[u], e = s->d->begin[u + 1];
    return in(j, b, e - b <= s->p ? e : i < b + s->p ? b + s->p : i + 1);
}

static bool global_sliding_window(const struct sample *s, int64_t i, int64_t j) {
    int64_t w = s->l, g = 2 * w;
    return i < g || in(j, 0, g) || in(j, most(g, i - w), least(s->len, i + w + 1));
}

static bool block_causal_document(const struct sample *s, int64_t i, int64_t j) {
    int64_t u = document(s->d, i), b = s->d->begin[u], e = s->d->begin[u + 1];
    return in(j, b, least(e, b + ((i - b) / s->p + 1) * s->p));
}

/* P is the prefix or block, L and R the window, D the documents of the sample. */
static const struct {
    const char *text;
    bool (*allows)(const struct sample *s, int64_t i, int64_t j);
} TABLE[] = {
    {"full", full},
    {"causal", causal},
    {"full_document:D", full_document},
    {"causal_document:D", causal_document},
    {"sliding_window:L,R", sliding_window},
    {"sliding_window_causal:L", sliding_window_causal},
    {"share_question:D", share_question},
    {"causal_blockwise:D", causal_blockwise},
    {"prefix_lm_causal:P", prefix_lm_causal},
    {"prefix_lm_document:P;D", prefix_lm_document},
    {"global_sliding_window:L", global_sliding_window},
    {"block_causal_document:P;D", block_causal_document},
};
enum { PATTERNS = sizeof TABLE / sizeof *TABLE };

static void add_document(struct documents *d, int64_t length) {
    size_t used = strlen(d->text);
    snprintf(d->text + used, sizeof d->text - used, "%s%lld", d->count ? "," : "", (long long)length);
    d->begin[++d->count] = d->total += length;
}

/* 0: one document; 1: all of length 1; else random lengths up to `longest`. */
static void draw_documents(struct documents *d, int64_t total, int kind, int64_t longest, struct attn_random *r) {
    d->total = d->count = d->begin[0] = 0;
    d->text[0] = 0;
    while (d->total < total)
        add_document(d, least(total - d->total, kind == 0 ? total : kind == 1 ? 1 : 1 + (int64_t)attn_random_below(r, (uint64_t)longest)));
}

static void expand(const char *pattern, const struct sample *s, char *text, size_t size) {
    size_t used = 0;
    for (; *pattern && used + 1 < size; pattern++) {
        if (*pattern == 'D')
            used += (size_t)snprintf(text + used, size - used, "%s", s->d->text);
        else if (*pattern == 'P' || *pattern == 'L' || *pattern == 'R')
            used += (size_t)snprintf(text + used, size - used, "%lld", (long long)(*pattern == 'P' ? s->p : *pattern == 'L' ? s->l : s->r));
        else
            used += (size_t)snprintf(text + used, size - used, "%c", *pattern);
    }
}

static void check_pattern(attn_ctx *ctx, int which, const struct sample *s, struct attn_random *r) {
    static char text[16 * DOCUMENTS];
    attn_mask *mask, *compiled;
    char error[1024];
    expand(TABLE[which].text, s, text, sizeof text);
    if (attn_mask_parse(ctx, text, &mask) != ATTN_OK || attn_mask_compile(ctx, mask, s->len, s->len, &compiled) != ATTN_OK)
        fail_msg("%s: %s", text, attn_ctx_error(ctx, error, sizeof error));
    bool *dense = malloc((size_t)(s->len * s->len) + 1);
    for (int64_t i = 0; i < s->len; i++)
        for (int64_t j = 0; j < s->len; j++) dense[i * s->len + j] = TABLE[which].allows(s, i, j);
    check_mask(compiled, dense, text, true, r);
    if (attn_mask_fits(ctx, mask, 0, 1, 1, 1, s->len, s->len, 0, 0, s->len, s->len) == ATTN_OK) {
        struct attn_mask_view view;
        attn_mask_view_init(&view, mask, 0, 0, 1, 1, s->len, s->len, 0, 0, s->len, s->len);
        check_view(&view, dense, text, true, r);
    }
    free(dense);
    attn_mask_destroy(mask);
    attn_mask_destroy(compiled);
}

static void every_pattern_is_its_line_of_the_table(void **state) {
    static struct documents d;
    static const int64_t lengths[] = {1, 2, 7, 64, 65, 255, 1000};
    struct attn_random r;
    attn_random_init(&r, 11);
    const size_t count = sizeof lengths / sizeof *lengths - (getenv("ATTN_TEST_QUICK") ? 2 : 0);
    for (size_t n = 0; n < count; n++)
        for (int round = 0; round < (lengths[n] > 300 ? 2 : 5); round++) {
            int64_t len = lengths[n];
            draw_documents(&d, len, round + (lengths[n] > 300), len / 3 + 1, &r);
            struct sample s = {&d, len, 1 + (int64_t)attn_random_below(&r, (uint64_t)len), (int64_t)attn_random_below(&r, (uint64_t)len),
                               (int64_t)attn_random_below(&r, (uint64_t)len)};
            s.p = round == 1 ? 1 : round == 2 ? len : s.p;
            s.l = round == 1 ? 0 : round == 2 ? len : round == 3 ? len / 8 : s.l;
            s.r = round == 1 ? 0 : round == 2 ? 2 * len : s.r;
            for (int which = 0; which < PATTERNS; which++) check_pattern(*state, which, &s, &r);
        }
}

static int make_context(void **state) {
    return attn_ctx_create(NULL, (attn_ctx **)state, NULL, 0) != ATTN_OK;
}
static int free_context(void **state) {
    attn_ctx_destroy(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_is_its_line_of_the_table),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
