/* The n-th allocation fails, for every n until none does: each constructor answers ATTN_ENOMEM, gives no mask, and leaks nothing. */
#include "mask/figures.h"
#include "mask/generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct memory {
    int64_t live, left; /* blocks in use; allocations until one fails, negative: never */
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct memory *m = user;
    if (m->left == 0) return NULL;
    m->left -= m->left > 0;
    void *block = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment + alignment);
    m->live += block != NULL;
    return block;
}

static void release(void *user, void *block) {
    struct memory *m = user;
    m->live -= block != NULL;
    free(block);
}

static int odd(void *user, int64_t q, int64_t k) {
    return (void)user, (q + k) % 3 == 1;
}

static attn_status from_text(attn_ctx *ctx, const char *text, int64_t len, attn_mask **out) {
    attn_mask *mask = NULL;
    attn_status status = attn_mask_parse(ctx, text, &mask);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, mask, len, len, out);
    attn_mask_destroy(mask);
    return status;
}

static attn_status documents(attn_ctx *ctx, attn_mask **out) {
    return from_text(ctx, "share_question:30,40,1x57 | !(rows:3,5 & cols:1,2)", 127, out);
}
static attn_status sparse(attn_ctx *ctx, attn_mask **out) {
    return from_text(ctx, "block_sparse:8,0.5,3;127 & causal", 127, out);
}
static attn_status prefix(attn_ctx *ctx, attn_mask **out) {
    return from_text(ctx, "prefix_lm_document:5;100x4,27", 427, out);
}

static attn_status predicate(attn_ctx *ctx, attn_mask **out) {
    attn_mask *rule = NULL, *causal = NULL, *both = NULL, *whole = NULL;
    attn_status status = attn_mask_predicate(ctx, 130, 130, odd, NULL, NULL, &rule);
    if (status == ATTN_OK) status = attn_mask_parse(ctx, "causal", &causal);
    if (status == ATTN_OK) status = attn_mask_and(ctx, rule, causal, &both);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, both, 130, 130, &whole);
    if (status == ATTN_OK) status = attn_mask_cut(ctx, whole, 1, 100, 2, 90, out);
    attn_mask_destroy(rule);
    attn_mask_destroy(causal);
    attn_mask_destroy(both);
    attn_mask_destroy(whole);
    return status;
}

static attn_status pattern(attn_ctx *ctx, attn_mask **out) {
    char *text = NULL;
    attn_status status = attn_generate_pattern(ctx, "causal_blockwise", -1, 9000, 3, &text);
    if (status == ATTN_OK) status = attn_mask_parse(ctx, text, out);
    attn_free(ctx, text);
    return status;
}

/* Counting takes memory too, and gives it back. */
static attn_status figures(attn_ctx *ctx, attn_mask **out) {
    struct attn_mask_figures f;
    attn_mask *causal = NULL, *compiled = NULL;
    attn_status status = attn_mask_parse(ctx, "causal", &causal);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, causal, 100, 100, &compiled);
    if (status == ATTN_OK) status = attn_mask_figures_of(ctx, causal, compiled, 50, &f);
    if (status == ATTN_OK) {
        assert_int_equal(f.keys_median, 51);
        assert_int_equal(f.tiles[2], 2);
        *out = compiled;
        compiled = NULL;
    }
    attn_mask_destroy(causal);
    attn_mask_destroy(compiled);
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    attn_status (*const cases[])(attn_ctx *, attn_mask **) = {documents, sparse, prefix, predicate, pattern, figures};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct memory m = {0, -1};
        attn_ctx *ctx = NULL;
        attn_ctx_config config;
        attn_ctx_config_init(&config);
        config.allocate = allocate;
        config.release = release;
        config.allocator_user = &m;
        assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
        const int64_t before = m.live;
        attn_status status = ATTN_ENOMEM;
        for (int64_t n = 0; status != ATTN_OK; n++) {
            attn_mask *out = NULL;
            char error[256];
            m.left = n;
            status = cases[c](ctx, &out);
            m.left = -1;
            if (status != ATTN_OK) {
                assert_int_equal(status, ATTN_ENOMEM);
                assert_null(out);
                assert_int_not_equal(strlen(attn_ctx_error(ctx, error, sizeof error)), 0);
            }
            attn_mask_destroy(out);
            assert_int_equal(m.live, before);
        }
        attn_ctx_destroy(ctx);
        assert_int_equal(m.live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
