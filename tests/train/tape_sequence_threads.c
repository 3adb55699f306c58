/* Operators: the same bits for any number of threads, and no memory after the first step. */
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

/* Operators that no list has, on sizes that are cut into several pieces, and views of one tensor that overlap. */
#define COMPUTE(name, ...)                                                                                                                 \
    static attn_tensor *name(attn_tensor *const *x) {                                                                                      \
        return __VA_ARGS__;                                                                                                                \
    }
#define PIECE(x, begin) attn_narrow(x, 0, begin, 4)
static const int32_t labels[300] = {3, -1, 5, 0, 1}, numbers[] = {4, 0, 4, 299};
COMPUTE(mul_and_div, attn_div(attn_mul(x[0], x[1]), attn_affine(attn_square(x[2]), 1, 1)))
COMPUTE(maximum_of_parts, attn_maximum(attn_sub(x[0], x[1]), attn_add(x[2], x[1])))
COMPUTE(concat, attn_mul(attn_concat(2, (attn_tensor *const[]){x[0], attn_permute(x[1], (const int[]){1, 0})}, 1), x[2]))
COMPUTE(sums, attn_add(attn_add(attn_sum(x[0], 0), attn_mean(x[0], 1)), attn_sum_all(x[0])))
COMPUTE(matmul, attn_matmul(x[0], false, x[1], true))
COMPUTE(matmul_of_one, attn_matmul(x[0], true, x[1], false))
COMPUTE(linear, attn_gelu(attn_linear(x[0], x[1], x[2])))
COMPUTE(norms, attn_add(attn_layer_norm(x[0], x[1], x[2], (attn_real)1e-5), attn_rms_norm(x[0], x[1], (attn_real)1e-5)))
COMPUTE(softmax, attn_softmax(attn_elu(x[0])))
COMPUTE(cross_entropy, attn_cross_entropy(x[0], labels))
COMPUTE(rows, attn_rows(x[0], 1, (const int64_t[]){4}, numbers))
COMPUTE(dropout, attn_dropout(x[0], 0.3))
COMPUTE(short_convolution, attn_short_convolution(x[0], x[1], x[2]))
COMPUTE(recurrence_over, attn_linear_recurrence(PIECE(x[0], 0), PIECE(x[0], 1)))
COMPUTE(rwkv_over, attn_rwkv(PIECE(x[0], 0), PIECE(x[0], 1), attn_affine(attn_exp(x[1]), -1, 0), x[2]))
COMPUTE(linear_attention_over, attn_linear_attention(attn_sigmoid(PIECE(x[0], 0)), attn_exp(PIECE(x[0], 1)), PIECE(x[0], 2)))
COMPUTE(taylor_attention_over, attn_taylor_attention(PIECE(x[0], 0), PIECE(x[0], 1), PIECE(x[0], 2)))
COMPUTE(scan_over, attn_selective_scan(PIECE(x[0], 0), PIECE(x[0], 1), x[1], PIECE(x[2], 0), PIECE(x[2], 1), x[3]))
COMPUTE(lstm_over,
        attn_lstm(attn_narrow(x[0], 1, 0, 1), attn_reshape(attn_contiguous(attn_narrow(x[0], 1, 1, 1)), 2, (const int64_t[]){70, 40}),
                  attn_reshape(attn_contiguous(attn_narrow(x[0], 1, 0, 1)), 2, (const int64_t[]){70, 40}),
                  &(const attn_recurrent_weights){x[1], x[1], x[2], x[2]}, NULL, NULL))
static const struct test_sequence others[] = {
    {"mul and div", mul_and_div, NULL, {{7, 300, 33}, {300, 1}, {7, 1, 33}}, false},
    {"maximum", maximum_of_parts, NULL, {{300, 70}, {70}, {300, 1}}, false},
    {"concat", concat, NULL, {{90, 150}, {40, 90}, {190}}, false},
    {"sums", sums, NULL, {{150, 150}}, false},
    {"matmul, each its own", matmul, NULL, {{3, 70, 90}, {3, 130, 90}}, false},
    {"matmul, one for all", matmul_of_one, NULL, {{3, 300, 70}, {300, 600}}, false},
    {"linear", linear, NULL, {{300, 90}, {200, 90}, {200}}, false},
    {"norms", norms, NULL, {{300, 90}, {90}, {90}}, false},
    {"softmax", softmax, NULL, {{300, 90}}, false},
    {"cross entropy", cross_entropy, NULL, {{300, 90}}, false},
    {"rows", rows, NULL, {{300, 90}}, false},
    {"dropout", dropout, NULL, {{300, 90}}, false},
    {"short convolution", short_convolution, NULL, {{3, 150, 90}, {4, 90}, {90}}, false},
    {"recurrence over itself", recurrence_over, NULL, {{5, 30, 70}}, false},
    {"RWKV over itself", rwkv_over, NULL, {{5, 30, 70}, {70}, {70}}, false},
    {"linear attention over itself", linear_attention_over, NULL, {{6, 100, 20}}, false},
    {"Taylor attention over itself", taylor_attention_over, NULL, {{6, 100, 20}}, false},
    {"scan over itself", scan_over, NULL, {{5, 30, 70}, {70, 5}, {5, 30, 5}, {70}}, false},
    {"LSTM over itself", lstm_over, NULL, {{70, 2, 40}, {160, 40}, {160}}, false},
};

static void operators_give_the_same_finite_bits_on_1_2_3_and_7_threads(void **state) {
    static const int threads[] = {2, 3, 7};
    (void)state;
    const int listed = (int)(sizeof others / sizeof *others);
    for (int i = 0; i < listed || test_sequence_at(i - listed); i++) {
        const struct test_sequence *c = i < listed ? &others[i] : test_sequence_at(i - listed);
        int64_t count;
        attn_real *one = results(c, 1, &count);
        for (int n = 0; n < 3; n++) compare(c, one, count, threads[n]);
        free(one);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_give_the_same_finite_bits_on_1_2_3_and_7_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
