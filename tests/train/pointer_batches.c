/* What an example shares a batch with changes nothing: neither its loss and gradients nor its answer. */
#include "support/pointer_nets.h"

#include "system/pointer/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDE = 128 };

static const enum attn_pointer_kind kinds[] = {ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP, ATTN_POINTER_SORT};

/* Gradients of the batch, one parameter behind the other, added to `sum` (NULL: taken); the loss. */
static double gradients(struct test_pointer *t, double **sum) {
    const int64_t count = attn_model_elements(t->model);
    const double loss = test_pointer_gradients(t);
    if (!*sum) *sum = calloc((size_t)count, sizeof **sum);
    assert_non_null(*sum);
    for (int64_t p = 0, at = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        for (int64_t i = 0; i < attn_count(x); i++) (*sum)[at++] += (double)attn_grad(x)[i];
    }
    assert_true(isfinite(loss));
    return loss;
}

/* Both relative: of gradients to the greatest element. */
static void expect_same(const char *name, double loss, const double *a, double want, const double *b, int64_t count) {
    double most = 0, error = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(a[i])) fail_msg("%s: gradient %g", name, a[i]);
        most = fmax(most, fabs(b[i]));
        error = fmax(error, fabs(a[i] - b[i]));
    }
    if (!(fabs(loss - want) <= 1e-5 * want)) fail_msg("%s: loss %.9g, expected %.9g", name, loss, want);
    if (!(error <= 1e-5 * most)) fail_msg("%s: gradients up to %g differ by %g", name, most, error);
}

/* The first `count` examples of `n` points in rows of `points` are those in rows of their own. */
static void compare_padding(const struct test_net *net, enum attn_pointer_kind kind, int64_t n, int64_t points) {
    const int64_t lengths[4] = {n, n, n, n};
    struct test_pointer t;
    double *own = NULL, *padded = NULL;
    test_pointer_open(&t, 1, net, kind);
    test_pointer_examples(&t, 0, 8, lengths, 0);
    const double want = gradients(&t, &own);
    test_pointer_examples(&t, 0, 8, lengths, points);
    const double loss = gradients(&t, &padded);
    expect_same(net->name, loss, padded, want, own, attn_model_elements(t.model));
    free(own);
    free(padded);
    test_pointer_close(&t);
}

static void padding_changes_neither_losses_nor_gradients(void **state) {
    (void)state;
    for (int i = 0; i < 4 * test_nets_count; i++) {
        compare_padding(&test_nets[i / 4], kinds[i % 4], 5, 10);
        compare_padding(&test_nets[i / 4], kinds[i % 4], 3, 17);
    }
}

/* Of 3 points, the fewest, to 10. */
static void a_mixed_batch_has_the_losses_and_gradients_of_its_examples_one_by_one(void **state) {
    static const int64_t n[4] = {10, 3, 7, 4};
    (void)state;
    for (int i = 0; i < 4 * test_nets_count; i++) {
        struct test_pointer t;
        double *one = NULL, *mixed = NULL, want = 0;
        test_pointer_open(&t, 1, &test_nets[i / 4], kinds[i % 4]);
        for (int64_t e = 0; e < 12; e++) {
            const int64_t own[4] = {n[e % 4], n[e % 4], n[e % 4], n[e % 4]};
            test_pointer_examples(&t, e, 1, own, 0);
            want += gradients(&t, &one);
        }
        test_pointer_examples(&t, 0, 12, n, 0);
        const double loss = gradients(&t, &mixed);
        expect_same(test_nets[i / 4].name, loss, mixed, want, one, attn_model_elements(t.model));
        free(one);
        free(mixed);
        test_pointer_close(&t);
    }
}

/* ---------------------------------------------------------------------------------------------------------- answers */

struct answers {
    struct attn_pointer_answers of;
    int64_t count;
};

static void decode(struct test_pointer *t, const struct attn_pointer_decoding *how, struct answers *out) {
    char text[1024];
    out->count = t->batch.count;
    assert_int_equal(attn_pointer_answers_open(t->ctx, &t->problem, t->batch.count, t->batch.points, &out->of), ATTN_OK);
    if (attn_pointer_decode(t->ctx, &t->m, &t->problem, how, &t->batch, &out->of, NULL))
        fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
}

static void expect_row(const char *name, const struct answers *all, int64_t row, const struct attn_pointer_answers *one) {
    const struct attn_pointer_answers *a = &all->of;
    assert_true(row < all->count);
    if (a->length[row] != one->length[0] || a->ended[row] != one->ended[0] ||
        memcmp(a->tokens + row * a->room, one->tokens, (size_t)one->length[0] * sizeof *one->tokens) != 0)
        fail_msg("%s: row %lld has %lld tokens, alone %lld, or others", name, (long long)row, (long long)a->length[row],
                 (long long)one->length[0]);
    if (!(fabs(a->score[row] - one->score[0]) <= 1e-5 * fmax(1, fabs(one->score[0]))))
        fail_msg("%s: row %lld scores %.9g, alone %.9g", name, (long long)row, a->score[row], one->score[0]);
}

/* An answer that has no end is as long alone as beside longer ones. */
static void an_answer_in_a_batch_of_128_is_that_of_a_batch_of_one(void **state) {
    static const int64_t n[4] = {10, 3, 8, 5};
    (void)state;
    for (int i = 0; i < 4 * test_nets_count; i++) {
        const struct attn_pointer_decoding how = {i % 3 == 0 ? 3 : 1, i / 4 % 2 == 0, i % 5 < 3};
        const char *name = test_nets[i / 4].name;
        struct test_pointer t;
        struct answers all, one;
        test_pointer_open(&t, 1, &test_nets[i / 4], kinds[i % 4]);
        attn_tape_record(t.m.tape, false);
        test_pointer_examples(&t, 0, WIDE, n, 0);
        decode(&t, &how, &all);
        for (int64_t row = 0; row < WIDE; row += 5) {
            const int64_t own[4] = {n[row % 4], n[row % 4], n[row % 4], n[row % 4]};
            test_pointer_examples(&t, row, 1, own, 0);
            decode(&t, &how, &one);
            expect_row(name, &all, row, &one.of);
            attn_pointer_answers_close(t.ctx, &one.of);
        }
        attn_pointer_answers_close(t.ctx, &all.of);
        test_pointer_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_changes_neither_losses_nor_gradients),
        cmocka_unit_test(a_mixed_batch_has_the_losses_and_gradients_of_its_examples_one_by_one),
        cmocka_unit_test(an_answer_in_a_batch_of_128_is_that_of_a_batch_of_one),
    };
    return cmocka_run_group_tests_name("pointer: batches", tests, NULL, NULL);
}
