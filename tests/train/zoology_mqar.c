/* What must hold of every example of associative recall, of all pairs and of one, and how slots and queries are distributed. */
#include "system/zoology/mqar.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 1024 };

static void *scratch_of(const struct attn_mqar *task) {
    void *scratch = malloc(attn_mqar_scratch(task));
    assert_non_null(scratch);
    return scratch;
}

static attn_status check(const struct attn_mqar *task) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    const attn_status status = attn_mqar_check(ctx, task);
    attn_ctx_destroy(ctx);
    return status;
}

/* One example: keys and values are distinct and of their halves, each key is asked for once, with the value that followed it. */
static void expect_invariants(const struct attn_mqar *t, const int32_t *tokens, const int32_t *labels) {
    const int64_t begin = 2 * t->pairs * t->passes;
    int64_t queries = 0;
    for (int64_t i = 0; i < t->pairs; i++) {
        assert_in_range(tokens[2 * i], 1, t->vocabulary / 2 - 1);
        assert_in_range(tokens[2 * i + 1], t->vocabulary / 2, t->vocabulary - 1);
        for (int64_t j = 0; j < i; j++) {
            assert_int_not_equal(tokens[2 * i], tokens[2 * j]);
            assert_int_not_equal(tokens[2 * i + 1], tokens[2 * j + 1]);
        }
        for (int pass = 1; pass < t->passes; pass++)
            assert_memory_equal(tokens + 2 * (pass * t->pairs + i), tokens + 2 * i, 2 * sizeof *tokens);
        int asked = 0;
        for (int64_t j = begin; j < t->length; j++)
            if (labels[j] == tokens[2 * i + 1]) {
                assert_int_equal(tokens[j], tokens[2 * i]);
                assert_int_equal((j - begin) % 2, 0);
                asked++;
            }
        assert_int_equal(asked, 1);
    }
    for (int64_t j = 0; j < t->length; j++) {
        if (labels[j] != ATTN_MQAR_NO_LABEL)
            queries++;
        else if (j >= begin && !t->random_filler)
            assert_int_equal(tokens[j], 0);
        assert_in_range(tokens[j], 0, t->vocabulary - 1);
    }
    assert_int_equal(queries, t->pairs);
}

static void every_example_has_each_key_once_in_context_and_once_as_a_query(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {
        {8192, 1, 64, 4, 0.01, false},   {8192, 1, 128, 8, 0.01, false}, {8192, 1, 256, 16, 0.01, true},
        {8192, 1, 512, 64, 0.01, false}, {8192, 1, 1024, 256, 1, false}, /* every slot is used */
        {20, 2, 18, 3, 0.5, true},       {10, 3, 8, 1, 0.01, false},     {66, 1, 64, 16, 2, false},
        {128, 1, 126, 31, 0.01, false},  {34, 1, 32, 8, 0.01, true},     {18, 1, 16, 4, 1, false},
    };
    int32_t tokens[MOST], labels[MOST];
    for (size_t n = 0; n < sizeof tasks / sizeof *tasks; n++) {
        void *scratch = scratch_of(&tasks[n]);
        assert_int_equal(check(&tasks[n]), ATTN_OK);
        for (uint64_t i = 0; i < 1000; i++) {
            attn_mqar_example(&tasks[n], 3, i, tokens, labels, scratch);
            expect_invariants(&tasks[n], tokens, labels);
        }
        free(scratch);
    }
}

/* All keys of a small vocabulary are used. */
static void a_task_may_use_every_key_and_value_but_one(void **state) {
    (void)state;
    const struct attn_mqar task = {34, 1, 32, 8, 0.01, false}, whole = {18, 1, 16, 4, 1, false};
    int32_t tokens[MOST], labels[MOST], most = 0;
    void *scratch = scratch_of(&task);
    for (uint64_t i = 0; i < 200; i++) {
        attn_mqar_example(&task, 1, i, tokens, labels, scratch);
        for (int j = 0; j < 8; j++) most = tokens[2 * j] > most ? tokens[2 * j] : most;
    }
    assert_int_equal(most, 16);
    free(scratch);
    scratch = scratch_of(&whole);
    attn_mqar_example(&whole, 1, 0, tokens, labels, scratch); /* 4 slots for 4 queries */
    for (int i = 8; i < 16; i += 2) assert_int_not_equal(labels[i], ATTN_MQAR_NO_LABEL);
    free(scratch);
}

/* The slot of the first key is the first draw: its frequencies are the weights. Chi-squared of S - 1 degrees of freedom stays below its mean
 * and four deviations. */
static void slots_are_drawn_with_their_weights(void **state) {
    (void)state;
    static const double powers[] = {0.01, 0.5, 1, 2};
    enum { EXAMPLES = 20000, SLOTS = 28 };
    for (size_t n = 0; n < sizeof powers / sizeof *powers; n++) {
        const struct attn_mqar task = {8192, 1, 64, 4, powers[n], false};
        int32_t tokens[MOST], labels[MOST];
        double count[SLOTS] = {0}, total = 0, chi = 0;
        void *scratch = scratch_of(&task);
        for (uint64_t i = 0; i < EXAMPLES; i++) {
            attn_mqar_example(&task, 17, i, tokens, labels, scratch);
            for (int g = 0; g < SLOTS; g++) count[g] += labels[8 + 2 * g] == tokens[1];
        }
        for (int g = 0; g < SLOTS; g++) total += pow(g + 1, powers[n] - 1);
        for (int g = 0; g < SLOTS; g++) {
            const double want = EXAMPLES * pow(g + 1, powers[n] - 1) / total;
            chi += (count[g] - want) * (count[g] - want) / want;
        }
        if (!(chi < SLOTS - 1 + 4 * sqrt(2.0 * (SLOTS - 1)))) fail_msg("power %g: chi-squared %g", powers[n], chi);
        free(scratch);
    }
}

static void an_example_depends_on_seed_and_index_alone(void **state) {
    (void)state;
    const struct attn_mqar task = {8192, 1, 64, 4, 0.01, true};
    int32_t tokens[4][MOST], labels[4][MOST];
    void *scratch = scratch_of(&task), *other = scratch_of(&task);
    attn_mqar_example(&task, 5, 7, tokens[0], labels[0], scratch);
    attn_mqar_example(&task, 5, 8, tokens[1], labels[1], scratch);
    attn_mqar_example(&task, 5, 7, tokens[2], labels[2], other);
    attn_mqar_example(&task, 6, 7, tokens[3], labels[3], other);
    assert_memory_equal(tokens[0], tokens[2], 64 * sizeof **tokens);
    assert_memory_equal(labels[0], labels[2], 64 * sizeof **labels);
    assert_memory_not_equal(tokens[0], tokens[1], 64 * sizeof **tokens);
    assert_memory_not_equal(tokens[0], tokens[3], 64 * sizeof **tokens);
    free(scratch);
    free(other);
}

static int by_tokens(const void *a, const void *b) {
    return memcmp(a, b, 64 * sizeof(int32_t));
}

static void training_and_test_examples_are_all_different(void **state) {
    (void)state;
    enum { TRAINING = 4000, TEST = 1000 };
    const struct attn_mqar task = {8192, 1, 64, 4, 0.01, false};
    int32_t labels[MOST], (*examples)[64] = malloc((TRAINING + TEST) * sizeof *examples);
    void *scratch = scratch_of(&task);
    assert_non_null(examples);
    for (uint64_t i = 0; i < TRAINING; i++) attn_mqar_example(&task, 123, i, examples[i], labels, scratch);
    for (uint64_t i = 0; i < TEST; i++) attn_mqar_example(&task, 123 + (1ull << 31), i, examples[TRAINING + i], labels, scratch);
    qsort(examples, TRAINING + TEST, sizeof *examples, by_tokens);
    for (int i = 1; i < TRAINING + TEST; i++) assert_memory_not_equal(examples[i - 1], examples[i], sizeof *examples);
    free(scratch);
    free(examples);
}

/* ------------------------------------------------------------------------------------------------------ with one query */

static attn_status check_single(const struct attn_mqar *task) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    const attn_status status = attn_ar_single_check(ctx, task);
    attn_ctx_destroy(ctx);
    return status;
}

/* The number of the pair that is asked for, after all that must hold of the example. */
static int64_t expect_single(const struct attn_mqar *t, const int32_t *tokens, const int32_t *labels) {
    const int64_t shown = 2 * t->pairs * t->passes, last = t->length - 1;
    int64_t asked = -1;
    for (int64_t i = 0; i < t->pairs; i++) {
        assert_in_range(tokens[2 * i], 1, t->vocabulary / 2 - 1);
        assert_in_range(tokens[2 * i + 1], t->vocabulary / 2, t->vocabulary - 1);
        for (int64_t j = 0; j < i; j++) {
            assert_int_not_equal(tokens[2 * i], tokens[2 * j]);
            assert_int_not_equal(tokens[2 * i + 1], tokens[2 * j + 1]);
        }
        for (int pass = 1; pass < t->passes; pass++)
            assert_memory_equal(tokens + 2 * (pass * t->pairs + i), tokens + 2 * i, 2 * sizeof *tokens);
        if (tokens[2 * i] == tokens[last]) asked = i;
    }
    assert_true(asked >= 0);
    assert_int_equal(labels[last], tokens[2 * asked + 1]);
    for (int64_t i = 0; i < last; i++) {
        assert_int_equal(labels[i], ATTN_MQAR_NO_LABEL);
        if (i >= shown && !t->random_filler) assert_int_equal(tokens[i], 0);
        assert_in_range(tokens[i], 0, t->vocabulary - 1);
    }
    return asked;
}

static void a_single_query_at_the_end_asks_for_a_pair_that_was_shown(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {
        {40, 1, 17, 8, 1, false}, {40, 1, 39, 19, 1, false}, /* every key */
        {40, 2, 33, 8, 1, false}, {40, 1, 64, 8, 1, true},   {4, 1, 3, 1, 1, false}, {4, 3, 8, 1, 1, false}, {64, 1, 40, 3, 1, false},
    };
    int32_t tokens[MOST], labels[MOST];
    for (size_t n = 0; n < sizeof tasks / sizeof *tasks; n++) {
        void *scratch = scratch_of(&tasks[n]);
        assert_int_equal(check_single(&tasks[n]), ATTN_OK);
        for (uint64_t i = 0; i < 1000; i++) {
            attn_ar_single_example(&tasks[n], 3, i, tokens, labels, scratch);
            expect_single(&tasks[n], tokens, labels);
        }
        free(scratch);
    }
}

/* Chi-squared of 7 degrees of freedom, below its mean and four deviations. */
static void a_single_query_asks_for_each_pair_as_often(void **state) {
    (void)state;
    enum { EXAMPLES = 20000, PAIRS = 8 };
    const struct attn_mqar task = {40, 1, 17, PAIRS, 1, false};
    int32_t tokens[MOST], labels[MOST];
    double count[PAIRS] = {0}, chi = 0;
    void *scratch = scratch_of(&task);
    for (uint64_t i = 0; i < EXAMPLES; i++) {
        attn_ar_single_example(&task, 11, i, tokens, labels, scratch);
        count[expect_single(&task, tokens, labels)]++;
    }
    for (int i = 0; i < PAIRS; i++) chi += (count[i] - EXAMPLES / PAIRS) * (count[i] - EXAMPLES / PAIRS) / (EXAMPLES / PAIRS);
    if (!(chi < PAIRS - 1 + 4 * sqrt(2.0 * (PAIRS - 1)))) fail_msg("chi-squared %g", chi);
    free(scratch);
}

static void impossible_tasks_with_one_query_are_refused(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {{41, 1, 17, 8, 1, false},   {2, 1, 17, 1, 1, false},         {40, 1, 16, 8, 1, false},
                                             {40, 1, 17, 0, 1, false},   {40, 0, 17, 8, 1, false},        {40, 2, 17, 8, 1, false},
                                             {40, 1, 100, 20, 1, false}, {40, 1, 2, 1, 1, false},         {40, 1, 0, 1, 1, false},
                                             {40, 1, -5, 1, 1, false},   {40, INT32_MAX, 17, 1, 1, false}};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) assert_int_equal(check_single(&tasks[i]), ATTN_EINVAL);
}

static void impossible_tasks_are_refused(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {
        {63, 1, 32, 4, 0.01, false},
        {2, 1, 32, 4, 0.01, false},
        {64, 1, 33, 4, 0.01, false},
        {64, 1, 64, 4, 0.01, false},
        {64, 1, 0, 1, 0.01, false},
        {64, 1, 32, 0, 0.01, false},
        {64, 1, 32, 9, 0.01, false},
        {64, 2, 32, 6, 0.01, false},
        {64, 0, 32, 4, 0.01, false},
        {64, 1, 32, 4, 0, false},
        {64, 1, 32, 4, -1, false},
        {64, 1, 32, 4, (double)NAN, false},
        {64, 1, 32, 4, (double)INFINITY, false},
        {64, 32, INT64_MAX, 1, 1, false},
        {64, 32, 1, INT32_MAX, 1, false},
        {8, 1, 6, 4, 1, false},
    };
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) assert_int_equal(check(&tasks[i]), ATTN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_has_each_key_once_in_context_and_once_as_a_query),
        cmocka_unit_test(a_task_may_use_every_key_and_value_but_one),
        cmocka_unit_test(slots_are_drawn_with_their_weights),
        cmocka_unit_test(an_example_depends_on_seed_and_index_alone),
        cmocka_unit_test(training_and_test_examples_are_all_different),
        cmocka_unit_test(impossible_tasks_are_refused),
        cmocka_unit_test(a_single_query_at_the_end_asks_for_a_pair_that_was_shown),
        cmocka_unit_test(a_single_query_asks_for_each_pair_as_often),
        cmocka_unit_test(impossible_tasks_with_one_query_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
