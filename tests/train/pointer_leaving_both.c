/* Answers that are finished leave the batch: what is left of it gives the answers that each example has alone. */
#include "support/pointer_nets.h"

#include "system/pointer/decode.h"
#include "tape/product.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 76, NETS = 5, ALONE = 7 /* every so many examples are also answered alone */ };

static const struct test_net nets[NETS] = {
    {"ptrnet", {.net = ATTN_PTRNET, .hidden = 5, .range = 1}},
    {"ptrnet in slices", {.net = ATTN_PTRNET, .hidden = 64, .range = 0.3}},
    {"ptrnet with great keys", {.net = ATTN_PTRNET, .hidden = 32, .range = 3}},
    {"lstm", {.net = ATTN_SEQ2SEQ, .hidden = 6, .dictionary = 10, .range = 1}},
    {"attention", {.net = ATTN_ATTENDING, .hidden = 6, .dictionary = 10, .range = 1}},
};

static void decode(struct test_pointer *t, const struct attn_pointer_decoding *how, const int32_t *limits,
                   struct attn_pointer_answers *out) {
    char text[1024];
    assert_int_equal(attn_pointer_answers_open(t->ctx, &t->problem, t->batch.count, t->batch.points, out), ATTN_OK);
    out->limits = limits;
    if (attn_pointer_decode(t->ctx, &t->m, &t->problem, how, &t->batch, out, NULL))
        fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
}

/* Bits where a row of a product depends on no other row, else within rounding; the tape's glimpses are looked at in the order of the batch. */
static void expect_row(const struct test_pointer *t, const char *name, const struct attn_pointer_answers *all, int64_t row,
                       const struct attn_pointer_answers *one) {
    const double bound = attn_product_kernel_for(t->ctx) ? 0 : sizeof(attn_real) == sizeof(double) ? 1e-12 : 1e-5;
    assert_int_equal(all->length[row], one->length[0]);
    assert_int_equal(all->ended[row], one->ended[0]);
    assert_memory_equal(all->tokens + row * all->room, one->tokens, (size_t)one->length[0] * sizeof *one->tokens);
    if (!(fabs(all->score[row] - one->score[0]) <= bound * fmax(1, fabs(one->score[0]))))
        fail_msg("%s: row %lld scores %.17g, alone %.17g", name, (long long)row, all->score[row], one->score[0]);
}

/* Answers to COUNT examples with these limits are those that every example has alone. */
static void compare(int which, int threads, const struct attn_pointer_decoding *how, const int32_t *limits, const int64_t n[4]) {
    const struct test_net *net = &nets[which % NETS];
    struct test_pointer t;
    struct attn_pointer_answers all, one;
    test_pointer_open(&t, threads, net, which % 2 ? ATTN_POINTER_HULL : ATTN_POINTER_TSP);
    attn_tape_record(t.m.tape, false);
    test_pointer_examples(&t, 0, COUNT, n, 0);
    decode(&t, how, limits, &all);
    for (int64_t row = which % ALONE; row < COUNT; row += ALONE) {
        const int64_t own[4] = {n[row % 4], n[row % 4], n[row % 4], n[row % 4]};
        test_pointer_examples(&t, row, 1, own, 0);
        decode(&t, how, limits ? limits + row : NULL, &one);
        if (limits) assert_true(one.length[0] + one.ended[0] <= limits[row]);
        expect_row(&t, net->name, &all, row, &one);
        attn_pointer_answers_close(t.ctx, &one);
    }
    attn_pointer_answers_close(t.ctx, &all);
    test_pointer_close(&t);
}

static void compare_all(const int32_t *limits, const int64_t n[4]) {
    for (int i = 0; i < 4 * NETS; i++)
        compare(i, i % 3 == 0 ? 3 : 1, &(struct attn_pointer_decoding){i % 4 == 3 ? 3 : 1, i / NETS % 2 == 0, i % 2 == 0}, limits, n);
}

static const int64_t alike[4] = {10, 10, 10, 10}, mixed[4] = {10, 3, 8, 5};

static void answers_of_any_lengths_are_those_of_each_example_alone(void **state) {
    int32_t limits[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) limits[i] = 1 + (i * 7 + i / 11) % 12;
    compare_all(limits, alike);
    compare_all(limits, mixed);
    compare_all(NULL, mixed);
}

static void one_answer_alone_may_outlast_all_others(void **state) {
    int32_t limits[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) limits[i] = i == 70 ? 12 : 1;
    compare_all(limits, alike);
}

static void answers_that_end_all_at_once_are_as_long_as_they_may_be(void **state) {
    int32_t limits[COUNT];
    (void)state;
    for (int most = 1; most <= 11; most += 5) {
        for (int i = 0; i < COUNT; i++) limits[i] = most;
        compare_all(limits, alike);
    }
}

/* Tours under the constraint have all points: none can end before. */
static void answers_of_which_none_ends_before_the_last_token_end_together(void **state) {
    const struct attn_pointer_decoding how = {1, true, true};
    (void)state;
    for (int which = 0; which < 2 * NETS; which += 2) {
        struct test_pointer t;
        struct attn_pointer_answers all;
        compare(which, 1, &how, NULL, alike);
        test_pointer_open(&t, 1, &nets[which % NETS], ATTN_POINTER_TSP);
        attn_tape_record(t.m.tape, false);
        test_pointer_examples(&t, 0, COUNT, alike, 0);
        decode(&t, &how, NULL, &all);
        for (int i = 0; i < COUNT; i++) assert_true(all.ended[i] && all.length[i] == alike[0] + 1);
        attn_pointer_answers_close(t.ctx, &all);
        test_pointer_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_any_lengths_are_those_of_each_example_alone),
        cmocka_unit_test(one_answer_alone_may_outlast_all_others),
        cmocka_unit_test(answers_that_end_all_at_once_are_as_long_as_they_may_be),
        cmocka_unit_test(answers_of_which_none_ends_before_the_last_token_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
