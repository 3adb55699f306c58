/* Batches, answers and figures are the same bits on any number of threads. */
#include "support/pointer_nets.h"
#include "support/setting.h"
#include "system/pointer/decode.h"
#include "system/pointer/pointer.h"
#include "system/pointer/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 3, BATCH = 24, HIGH = 8, STEPS = 3 };

static const enum attn_pointer_kind kinds[] = {ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP, ATTN_POINTER_SORT};

/* ------------------------------------------------------------------------------------------------------------- batches */

static struct attn_pointer_batch fill(attn_ctx *ctx, struct attn_pointer_source *s, int64_t step) {
    struct attn_pointer_batch batch;
    void *scratch = malloc(attn_pointer_source_scratch(s) * THREADS);
    assert_non_null(scratch);
    assert_int_equal(attn_pointer_batch_open(ctx, s->batch, s->high, attn_pointer_source_tokens(s), &batch), ATTN_OK);
    attn_pointer_source_fill(ctx, s, step, 0, s->batch, scratch, &batch);
    free(scratch);
    return batch;
}

static void expect_same_batch(const struct attn_pointer_batch *a, const struct attn_pointer_batch *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->points, b->points);
    assert_int_equal(a->tokens, b->tokens);
    assert_memory_equal(a->length, b->length, (size_t)a->count * sizeof *a->length);
    assert_memory_equal(a->xy, b->xy, (size_t)(2 * a->count * a->points) * sizeof *a->xy);
    assert_memory_equal(a->x, b->x, (size_t)(2 * a->count * a->points) * sizeof *a->x);
    assert_memory_equal(a->target, b->target, (size_t)(a->count * a->tokens) * sizeof *a->target);
    assert_memory_equal(a->pointed, b->pointed, (size_t)(a->count * a->tokens) * sizeof *a->pointed);
    assert_memory_equal(a->given, b->given, (size_t)(2 * a->count * a->tokens) * sizeof *a->given);
}

/* Of fresh examples and of a set that repeats, whose tours are found once and kept. */
static void batches_are_the_same_on_1_and_on_3_threads(void **state) {
    (void)state;
    for (int i = 0; i < 16; i++) {
        const struct attn_pointer_problem problem = {.kind = kinds[i % 4], .close = true, .exact_most = 6};
        struct attn_pointer_source source[2];
        attn_ctx *ctx[2] = {test_context(1), test_context(THREADS)};
        for (int t = 0; t < 2; t++) {
            source[t] = (struct attn_pointer_source){.problem = &problem,
                                                     .seed = 4,
                                                     .low = 4,
                                                     .high = HIGH,
                                                     .examples = i < 8 ? 0 : 20,
                                                     .mixed = i / 4 % 2 == 1,
                                                     .batch = BATCH};
            assert_int_equal(attn_pointer_source_open(ctx[t], &source[t]), ATTN_OK);
        }
        for (int64_t step = 0; step < STEPS; step++) {
            struct attn_pointer_batch batch[2];
            for (int t = 0; t < 2; t++) batch[t] = fill(ctx[t], &source[t], step);
            expect_same_batch(&batch[0], &batch[1]);
            for (int t = 0; t < 2; t++) attn_pointer_batch_close(ctx[t], &batch[t]);
        }
        for (int t = 0; t < 2; t++) {
            attn_pointer_source_close(ctx[t], &source[t]);
            attn_ctx_destroy(ctx[t]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------- answers */

static void answers_are_the_same_on_1_and_on_3_threads(void **state) {
    static const int64_t n[4] = {8, 3, 6, 5};
    (void)state;
    for (int i = 0; i < 2 * test_nets_count; i++) {
        const struct attn_pointer_decoding how = {i % 3 == 0 ? 4 : 1, i % 2 == 0, true};
        struct attn_pointer_answers got[2];
        struct test_pointer t[2];
        for (int w = 0; w < 2; w++) {
            test_pointer_open(&t[w], w == 0 ? 1 : THREADS, &test_nets[i / 2], kinds[i % 4]);
            attn_tape_record(t[w].m.tape, false);
            test_pointer_examples(&t[w], 0, BATCH, n, 0);
            assert_int_equal(attn_pointer_answers_open(t[w].ctx, &t[w].problem, BATCH, HIGH, &got[w]), ATTN_OK);
            assert_int_equal(attn_pointer_decode(t[w].ctx, &t[w].m, &t[w].problem, &how, &t[w].batch, &got[w], NULL), ATTN_OK);
        }
        assert_memory_equal(got[0].length, got[1].length, BATCH * sizeof *got[0].length);
        assert_memory_equal(got[0].ended, got[1].ended, BATCH * sizeof *got[0].ended);
        assert_memory_equal(got[0].score, got[1].score, BATCH * sizeof *got[0].score);
        for (int64_t e = 0; e < BATCH; e++)
            assert_memory_equal(got[0].tokens + e * got[0].room, got[1].tokens + e * got[1].room,
                                (size_t)got[0].length[e] * sizeof(int32_t));
        for (int w = 0; w < 2; w++) {
            attn_pointer_answers_close(t[w].ctx, &got[w]);
            test_pointer_close(&t[w]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------- figures */

static struct attn_figures figures(const struct attn_task *task, int threads) {
    attn_ctx *ctx = test_context(threads);
    struct attn_figures out = {.count = 0};
    struct test_job job;
    test_job_open(&job, ctx, task, "hidden=8 init=1 batch=8 test_examples=150 test_points=4+6 wide_beam=2");
    assert_int_equal(task->evaluate(&job.job, NULL, &out), ATTN_OK);
    test_job_close(&job);
    attn_ctx_destroy(ctx);
    return out;
}

static void figures_are_the_same_on_1_and_on_3_threads(void **state) {
    static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp, &attn_pointer_sort};
    (void)state;
    for (int t = 0; t < 4; t++) {
        const struct attn_figures one = figures(tasks[t], 1), three = figures(tasks[t], THREADS);
        assert_int_equal(one.count, three.count);
        assert_true(one.count > 2);
        for (int i = 0; i < one.count; i++) {
            assert_string_equal(one.at[i].name, three.at[i].name);
            assert_memory_equal(&one.at[i].value, &three.at[i].value, sizeof one.at[i].value);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_the_same_on_1_and_on_3_threads),
        cmocka_unit_test(answers_are_the_same_on_1_and_on_3_threads),
        cmocka_unit_test(figures_are_the_same_on_1_and_on_3_threads),
    };
    return cmocka_run_group_tests_name("pointer: threads", tests, NULL, NULL);
}
