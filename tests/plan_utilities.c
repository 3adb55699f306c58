/* Merging of partial results, and padded batches made packed. */
#include "attn.h"
#include "support/compare.h"
#include "support/fixture.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 3 };

struct part {
    float o[WIDTH], lse;
};

static struct part random_part(struct attn_random *r) {
    struct part p;
    attn_random_fill_normal(r, p.o, WIDTH, 1.0f);
    const uint64_t kind = attn_random_below(r, 8);
    p.lse = (float)attn_random_normal(r) * (kind == 1 ? 1e4f : 3.0f);
    if (kind == 0) {
        p.lse = -INFINITY;
        p.o[0] = NAN; /* what has no weight may hold anything */
    }
    return p;
}

static struct part merged(struct part a, const struct part *b) {
    assert_int_equal(attn_merge(test_ctx, 1, WIDTH, a.o, WIDTH, &a.lse, b->o, WIDTH, &b->lse), ATTN_OK);
    return a;
}

static void merging_is_associative_with_empty_and_distant_parts(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 11);
    for (int round = 0; round < 2000; round++) {
        const struct part a = random_part(&r), b = random_part(&r), c = random_part(&r);
        const struct part bc = merged(b, &c), left = merged(merged(a, &b), &c), right = merged(a, &bc);
        assert_true(test_near((double)left.lse, (double)right.lse, 1e-6, 1e-6));
        for (int e = 0; e < WIDTH; e++)
            assert_true(test_near((double)left.o[e], (double)right.o[e], 1e-5, 2e-6 * fmax(1.0, fabs((double)left.lse) / 100)));
    }
}

static void two_empty_parts_stay_empty(void **state) {
    (void)state;
    struct part a = {{NAN, 1.0f, 2.0f}, -INFINITY}, b = {{3.0f, NAN, 4.0f}, -INFINITY};
    a = merged(a, &b);
    assert_true(a.lse == -INFINITY && a.o[0] == 0.0f && a.o[1] == 0.0f && a.o[2] == 0.0f);
}

/* exp(-200) is no float: its part may hold anything. */
static void a_part_of_no_weight_is_not_read(void **state) {
    (void)state;
    struct part a = {{1.0f, 2.0f, 3.0f}, 100.0f}, b = {{NAN, INFINITY, -INFINITY}, -100.0f};
    const struct part c = merged(a, &b), d = merged(b, &a);
    assert_true(c.lse == 100.0f && d.lse == 100.0f);
    for (int e = 0; e < WIDTH; e++) assert_true(c.o[e] == a.o[e] && d.o[e] == a.o[e]);
}

static void the_merge_of_equal_parts_is_their_mean(void **state) {
    (void)state;
    struct part a = {{1.0f, 2.0f, -4.0f}, 5.0f};
    const struct part b = {{3.0f, 2.0f, 0.0f}, 5.0f};
    a = merged(a, &b);
    assert_true(test_near((double)a.lse, 5.0 + log(2.0), 1e-7, 0.0));
    assert_true(a.o[0] == 2.0f && a.o[1] == 2.0f && a.o[2] == -2.0f);
}

static void wrong_merges_are_refused(void **state) {
    (void)state;
    float o[WIDTH] = {0}, lse = 0.0f;
    assert_int_equal(attn_merge(test_ctx, -1, WIDTH, o, WIDTH, &lse, o, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 1, 0, o, WIDTH, &lse, o, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 1, WIDTH, NULL, WIDTH, &lse, o, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 1, WIDTH, o, WIDTH, NULL, o, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 1, WIDTH, o, WIDTH, &lse, NULL, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 1, WIDTH, o, WIDTH, &lse, o, WIDTH, NULL), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 2, WIDTH, o, WIDTH - 1, &lse, o, WIDTH, &lse), ATTN_EINVAL);
    assert_int_equal(attn_merge(test_ctx, 0, WIDTH, NULL, 0, NULL, NULL, 0, NULL), ATTN_OK);
}

static void padding_becomes_cumulative_lengths(void **state) {
    (void)state;
    /* right, left, scattered padding; nothing valid */
    const uint8_t valid[4 * 4] = {1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 7, 0, 0, 0, 0};
    const int32_t want_cu[5] = {0, 2, 5, 7, 7};
    const int64_t want_index[7] = {0, 1, 5, 6, 7, 8, 11};
    int32_t cu[5];
    int64_t index[16];
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, 4, 4, cu, index), ATTN_OK);
    assert_memory_equal(cu, want_cu, sizeof(cu));
    assert_memory_equal(index, want_index, sizeof(want_index));
    memset(cu, 0xff, sizeof(cu));
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, 4, 4, cu, NULL), ATTN_OK);
    assert_memory_equal(cu, want_cu, sizeof(cu));
    assert_int_equal(attn_cu_from_padding(test_ctx, NULL, 3, 0, cu, NULL), ATTN_OK);
    assert_int_equal(cu[3], 0);
}

static void wrong_padding_is_refused(void **state) {
    (void)state;
    const uint8_t valid[1] = {1};
    int32_t cu[2];
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, -1, 1, cu, NULL), ATTN_EINVAL);
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, 1, -1, cu, NULL), ATTN_EINVAL);
    assert_int_equal(attn_cu_from_padding(test_ctx, NULL, 1, 1, cu, NULL), ATTN_EINVAL);
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, 1, 1, NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, (int64_t)1 << 40, (int64_t)1 << 40, cu, NULL), ATTN_ESHAPE);
    assert_int_equal(attn_cu_from_padding(test_ctx, valid, 1 << 16, 1 << 16, cu, NULL), ATTN_ESHAPE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_is_associative_with_empty_and_distant_parts),
        cmocka_unit_test(two_empty_parts_stay_empty),
        cmocka_unit_test(a_part_of_no_weight_is_not_read),
        cmocka_unit_test(the_merge_of_equal_parts_is_their_mean),
        cmocka_unit_test(wrong_merges_are_refused),
        cmocka_unit_test(padding_becomes_cumulative_lengths),
        cmocka_unit_test(wrong_padding_is_refused),
    };
    return cmocka_run_group_tests_name("plan: utilities", tests, test_open_context, test_close_context);
}
