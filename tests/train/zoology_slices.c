/* The slice of associative recall, against its definition. */
#include "base/random.h"
#include "system/zoology/counted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONGEST = 40 };

static bool same_pair(const int32_t *token, int64_t i, const int32_t *other, int64_t j) {
    return token[i - 1] == other[j - 1] && token[i] == other[j];
}

static void check(attn_ctx *ctx, const int32_t *training, size_t training_count, const int32_t *token, int64_t count, int64_t vocabulary) {
    struct attn_bigrams b;
    int32_t seen[LONGEST];
    void *scratch = malloc(attn_slices_scratch(count));
    assert_non_null(scratch);
    assert_int_equal(attn_bigrams_open(ctx, training, training_count, vocabulary, &b), ATTN_OK);
    attn_slices_mark(&b, token, count, seen, scratch);
    if (count > 0) assert_int_equal(seen[0], ATTN_SLICE_NEW);
    for (int64_t i = 1; i < count; i++) {
        bool repeated = false;
        int32_t times = 0;
        for (int64_t j = 1; j < i; j++) repeated = repeated || same_pair(token, i, token, j);
        for (int64_t j = 1; j < (int64_t)training_count; j++) times += same_pair(token, i, training, j);
        assert_int_equal(attn_bigrams_count(&b, token[i - 1], token[i]), times);
        assert_int_equal(seen[i], repeated ? times : ATTN_SLICE_NEW);
    }
    attn_bigrams_close(ctx, &b);
    free(scratch);
}

static void marks_of_1000_random_contexts_are_those_of_all_pairs_compared(void **state) {
    attn_ctx *ctx;
    struct attn_random random;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    attn_random_init(&random, 7);
    for (int n = 0; n < 1000; n++) {
        int32_t training[LONGEST], token[LONGEST];
        const int64_t vocabulary = attn_random_between(&random, 1, 9);
        const size_t training_count = (size_t)attn_random_below(&random, LONGEST + 1);
        const int64_t count = attn_random_between(&random, 0, LONGEST);
        for (size_t i = 0; i < training_count; i++) training[i] = (int32_t)attn_random_below(&random, (uint64_t)vocabulary);
        for (int64_t i = 0; i < count; i++) token[i] = (int32_t)attn_random_below(&random, (uint64_t)vocabulary);
        check(ctx, training, training_count, token, count, vocabulary);
    }
    attn_ctx_destroy(ctx);
}

static void a_b_c_a_b_a_b_has_hits_at_4_and_6(void **state) {
    static const int32_t token[] = {0, 1, 2, 0, 1, 0, 1};
    static const bool hit[] = {false, false, false, false, true, false, true};
    enum { COUNT = sizeof token / sizeof token[0] };
    attn_ctx *ctx;
    struct attn_bigrams b;
    int32_t seen[COUNT];
    void *scratch = malloc(attn_slices_scratch(COUNT));
    (void)state;
    assert_non_null(scratch);
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_bigrams_open(ctx, token, 0, 3, &b), ATTN_OK);
    attn_slices_mark(&b, token, COUNT, seen, scratch);
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i] != ATTN_SLICE_NEW, hit[i]);
    attn_bigrams_close(ctx, &b);
    attn_ctx_destroy(ctx);
    free(scratch);
}

static void memory_follows_the_different_pairs_not_the_text(void **state) {
    enum { COUNT = 100000, VOCABULARY = 100 };
    static int32_t token[COUNT];
    attn_ctx *ctx;
    struct attn_bigrams b;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int kinds = 1; kinds <= VOCABULARY; kinds *= 10) {
        const size_t pairs = (size_t)kinds * (size_t)kinds;
        for (int i = 0; i < COUNT; i++) token[i] = i % 2 == 0 ? i / 2 % kinds : i / 2 / kinds % kinds; /* all pairs (a, b) of `kinds` */
        assert_int_equal(attn_bigrams_open(ctx, token, COUNT, VOCABULARY, &b), ATTN_OK);
        assert_true(b.places >= 2 * pairs || kinds == 1);
        assert_true(b.places <= 16 || b.places < 4 * pairs);
        assert_int_equal(attn_bigrams_count(&b, 0, 0) > 0, 1);
        attn_bigrams_close(ctx, &b);
    }
    attn_ctx_destroy(ctx);
}

/* The text 0 1 0 2 with 3 tokens, and 0 1 to be predicted: one after 0 in half of two cases, behind which two kinds were seen. */
static void counted_models_give_the_probabilities_of_their_formulas(void **state) {
    static const int32_t training[] = {0, 1, 0, 2}, token[] = {0, 1};
    attn_ctx *ctx;
    struct attn_bigrams b;
    struct attn_counted counted;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_bigrams_open(ctx, training, 4, 3, &b), ATTN_OK);
    assert_int_equal(attn_counted_measure(ctx, training, 4, &b, token, 2, &counted), ATTN_OK);
    assert_true(fabs(counted.unigram - (-log(2.0 / 7))) <= 1e-12);
    assert_true(fabs(counted.bigram - (-log((1 + 2 * 2.0 / 7) / 4))) <= 1e-12);
    attn_bigrams_close(ctx, &b);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_of_1000_random_contexts_are_those_of_all_pairs_compared),
        cmocka_unit_test(a_b_c_a_b_a_b_has_hits_at_4_and_6),
        cmocka_unit_test(memory_follows_the_different_pairs_not_the_text),
        cmocka_unit_test(counted_models_give_the_probabilities_of_their_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
