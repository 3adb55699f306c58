/* Operators along the tokens of sequences, and layers: the same bits for any number of threads, and no memory after the first step. */
#include "support/sequences.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The result and all gradients of the sum of its squares, one after the other, of the second of two steps. */
static attn_real *results(const struct test_sequence *c, int threads, int64_t *count) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *x[TEST_INPUTS_MOST], *y = NULL;
    int64_t allocations = 0, at = 0;
    attn_ctx_config_init(&config);
    config.threads = threads;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    const int inputs = test_sequence_inputs(tape, c, x);
    for (int step = 0; step < 2; step++) {
        attn_tape_reset(tape);
        if (step == 1) allocations = attn_tape_allocations(tape);
        y = c->compute(x);
        assert_int_equal(attn_tape_backward(attn_sum_all(attn_square(y))), ATTN_OK);
    }
    assert_int_equal(attn_tape_allocations(tape), allocations);
    *count = attn_count(y);
    for (int i = 0; i < inputs; i++) *count += attn_count(x[i]);
    attn_real *all = malloc((size_t)*count * sizeof *all);
    assert_non_null(all);
    memcpy(all, attn_data(y), (size_t)attn_count(y) * sizeof *all);
    at = attn_count(y);
    for (int i = 0; i < inputs; i++) {
        memcpy(all + at, attn_grad(x[i]), (size_t)attn_count(x[i]) * sizeof *all);
        at += attn_count(x[i]);
    }
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
    return all;
}

/* Of one case on so many threads as on one. */
static void compare(const struct test_sequence *c, const attn_real *one, int64_t count, int threads) {
    int64_t same;
    attn_real *more = results(c, threads, &same);
    assert_int_equal(count, same);
    for (int64_t n = 0; n < count; n++)
        if (!isfinite(one[n]) || memcmp(&one[n], &more[n], sizeof *one) != 0)
            fail_msg("%s: number %lld is %.9g on one thread, %.9g on %d", c->name, (long long)n, (double)one[n], (double)more[n], threads);
    free(more);
}

static void sequences_and_layers_give_the_same_finite_bits_on_1_2_3_and_7_threads(void **state) {
    static const int threads[] = {2, 3, 7};
    (void)state;
    for (int i = 0; test_sequence_at(i); i++) {
        int64_t count;
        attn_real *one = results(test_sequence_at(i), 1, &count);
        for (int n = 0; n < 3; n++) compare(test_sequence_at(i), one, count, threads[n]);
        free(one);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sequences_and_layers_give_the_same_finite_bits_on_1_2_3_and_7_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
