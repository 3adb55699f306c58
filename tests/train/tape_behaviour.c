/* Errors and the life of a tape. */
#include "support/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZES(...)                                                                                                                         \
    (const int64_t[]) {                                                                                                                    \
        __VA_ARGS__                                                                                                                        \
    }

/* ------------------------------------------------------------------------------------------------------- errors */

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *p; /* [3, 4] */
    char text[1024];
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    if (attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape)) return 1;
    f.p = attn_parameter(f.tape, 2, SIZES(3, 4));
    return f.p == NULL;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

/* The operator has failed with this status, and its sentence contains this; the tape is then made usable. */
static void expect(struct fixture *f, const attn_tensor *result, attn_status status, const char *part) {
    assert_null(result);
    assert_int_equal(attn_tape_status(f->tape), status);
    if (!strstr(attn_ctx_error(f->ctx, f->text, sizeof f->text), part)) fail_msg("\"%s\" lacks \"%s\"", f->text, part);
    assert_null(attn_add(f->p, f->p)); /* spoiled */
    attn_tape_reset(f->tape);
    assert_non_null(attn_add(f->p, f->p));
}

static void mistakes_are_named_with_what_was_found_and_needed(void **state) {
    struct fixture *f = *state;
    attn_tensor *p = f->p;
    static const int32_t beyond[] = {0, 3}, label[] = {1, 4, 0};
    static const int twice[] = {0, 0};
    expect(f, attn_add(p, attn_constant(f->tape, 2, SIZES(3, 5), 0)), ATTN_ESHAPE, "add: [3, 4] and [3, 5]");
    expect(f, attn_matmul(p, false, p, false), ATTN_ESHAPE, "matmul: [3, 4] and [3, 4]");
    expect(f, attn_matmul(attn_sum(p, 0), false, p, false), ATTN_ESHAPE, "two are needed");
    expect(f, attn_linear(p, attn_constant(f->tape, 2, SIZES(5, 3), 0), NULL), ATTN_ESHAPE, "w [N, 4]");
    expect(f, attn_reshape(p, 2, SIZES(5, -1)), ATTN_ESHAPE, "12 elements of [3, 4]");
    expect(f, attn_reshape(p, 2, SIZES(-1, -1)), ATTN_ESHAPE, "do not fit");
    expect(f, attn_reshape(attn_permute(p, (const int[]){1, 0}), 1, SIZES(12)), ATTN_EINVAL, "attn_contiguous");
    expect(f, attn_narrow(p, 1, 2, 3), ATTN_ESHAPE, "an axis of 4");
    expect(f, attn_narrow(p, 2, 0, 1), ATTN_ESHAPE, "axis 2; the tensor has 2");
    expect(f, attn_permute(p, twice), ATTN_EINVAL, "named once");
    expect(f, attn_sum(p, -3), ATTN_ESHAPE, "axis -3");
    expect(f, attn_concat(2, (attn_tensor *const[]){p, attn_sum(p, 0)}, 0), ATTN_ESHAPE, "[4] does not fit beside [3, 4]");
    expect(f, attn_rows(p, 1, SIZES(2), beyond), ATTN_EINVAL, "index 1 is 3; the table has 3 rows");
    expect(f, attn_cross_entropy(p, label), ATTN_EINVAL, "target 1 is 4; logits have 4 columns");
    expect(f, attn_layer_norm(p, attn_constant(f->tape, 1, SIZES(3), 1), NULL, 1e-5f), ATTN_ESHAPE, "must be [4]");
    expect(f, attn_dropout(p, 1.0), ATTN_EINVAL, "probability 1");
    expect(f, attn_long_convolution(p, attn_constant(f->tape, 2, SIZES(4, 4), 0)), ATTN_ESHAPE, "at most T taps; x is [3, 4], h [4, 4]");
    expect(f, attn_linear_recurrence(p, attn_sum(p, 0)), ATTN_ESHAPE, "a is [3, 4], x [4]");
    expect(f, attn_rwkv(p, p, p, p), ATTN_ESHAPE, "w and u [D]");
    expect(f, attn_linear_attention(p, attn_narrow(p, 1, 0, 3), p), ATTN_ESHAPE, "k [3, 3], v [3, 4]");
    expect(f, attn_taylor_attention(p, attn_narrow(p, 1, 0, 3), p), ATTN_ESHAPE, "k [3, 3], v [3, 4]");
    expect(f, attn_retention(p, p, p, (const double[]){1}), ATTN_ESHAPE, "q and k must be [..., H, T, F]");
    attn_tensor *heads = attn_reshape(p, 3, SIZES(2, 3, 2));
    expect(f, attn_retention(heads, heads, heads, (const double[]){1, 1.5}), ATTN_EINVAL, "decay[1] is 1.5; it must be in (0, 1]");
    expect(f, attn_selective_scan(p, p, p, p, p, attn_sum(p, 0)), ATTN_ESHAPE, "A [3, 4], B [3, 4]");
    expect(f, attn_attention(p, p, p, NULL), ATTN_ESHAPE, "they are [3, 4]");
    expect(f, attn_prefix_attention(p, p, p), ATTN_ESHAPE,
           "q [H, D], k [B, T, H, D] and v [B, T, H, E] are needed; they are [3, 4], [3, 4]");
    attn_tensor *tokens = attn_reshape(p, 4, SIZES(1, 2, 3, 2));
    expect(f, attn_prefix_attention(p, tokens, tokens), ATTN_ESHAPE, "they are [3, 4], [1, 2, 3, 2]");
    expect(f, attn_constant(f->tape, 6, SIZES(1, 1, 1, 1, 1, 1), 0), ATTN_ESHAPE, "1 to 5 axes");
    expect(f, attn_constant(f->tape, 2, SIZES(INT64_MAX / 2, 3), 0), ATTN_ESHAPE, "whose product fits");
    expect(f, attn_tensor_input(f->tape, 1, SIZES(3), NULL), ATTN_EINVAL, "data is NULL");
    expect(f, attn_add(p, NULL), ATTN_EINVAL, "NULL for a tensor");
    expect(f, attn_constant(f->tape, 3, SIZES(0, INT64_MAX / 2, 3), 0), ATTN_ESHAPE, "whose product fits");
    expect(f, attn_rows(p, INT32_MAX, SIZES(2), beyond), ATTN_ESHAPE, "rows: an index");
    static const int32_t two_each[] = {0, 1, 2, 0, 0, 0};
    expect(f, attn_gather(attn_reshape(p, 3, SIZES(3, 2, 2)), 2, two_each), ATTN_EINVAL,
           "gather: index 0 of sequence 1 is 2; there are 2 rows");
    expect(f, attn_scatter(attn_reshape(p, 3, SIZES(3, 2, 2)), -1, two_each), ATTN_ESHAPE, "x is [3, 2, 2], the number -1");
    expect(f, attn_scatter(attn_reshape(p, 3, SIZES(3, 2, 2)), 1, NULL), ATTN_ESHAPE, "scatter: x [B, T, ...]");
    expect(f, attn_top_k(p, 5, NULL), ATTN_ESHAPE, "top k: 5 numbers of an axis of 4");
    expect(f, attn_rope(p, ATTN_ROTARY_HALVES, 0, 10000, 0), ATTN_ESHAPE, "x is [3, 4]");
    expect(f, attn_rope(attn_reshape(p, 3, SIZES(3, 1, 4)), ATTN_ROTARY_HALVES, 3, 10000, 0), ATTN_ESHAPE, "dim 3");
    expect(f, attn_rope(attn_reshape(p, 3, SIZES(3, 1, 4)), ATTN_ROTARY_HALVES, 0, 0, -1), ATTN_EINVAL, "base 0 and first position -1");
    attn_recurrent_weights weights = {p, p, NULL, NULL};
    expect(f, attn_lstm(p, NULL, NULL, &weights, NULL, NULL), ATTN_ESHAPE, "LSTM: x [B, T, D] or [B, D] needs weights [4 H, D]");
    expect(f, attn_gru(p, NULL, NULL, NULL), ATTN_EINVAL, "NULL for a tensor");
    expect(f, attn_gru(p, NULL, &weights, NULL), ATTN_ESHAPE, "the input's weights are [3, 4]");
    expect(f, attn_conv2d(p, p, NULL, 1, 0), ATTN_ESHAPE, "conv2d: x [B, H, W, C] needs w [O, KH, KW, C]");
    expect(f, attn_max_pool2d(attn_reshape(p, 4, SIZES(1, 3, 4, 1)), 2, 0, 0), ATTN_ESHAPE, "max pool2d: windows of 2 x 2, step 0");
    expect(f, attn_avg_pool2d(attn_reshape(p, 4, SIZES(1, 3, 4, 1)), 4, 1, 0), ATTN_ESHAPE, "x is [1, 3, 4, 1]");
    expect(f, attn_avg_pool2d(attn_reshape(p, 4, SIZES(1, 3, 4, 1)), 2, 1, 2), ATTN_ESHAPE, "a margin of 2");
    attn_attention_config config = {.size = 0};
    expect(f, attn_attention(p, p, p, &config), ATTN_EINVAL, "attn_attention_config_init");
    attn_fill(NULL, 1);
    attn_fill(attn_narrow(p, 1, 0, 2), 1);
    expect(f, NULL, ATTN_EINVAL, "fill: the tensor is narrowed");
}

static void the_first_mistake_is_the_one_reported(void **state) {
    struct fixture *f = *state;
    attn_tensor *wrong = attn_reshape(f->p, 1, SIZES(11));
    expect(f, attn_tanh(attn_matmul(wrong, false, f->p, false)), ATTN_ESHAPE, "reshape");
}

static void backward_runs_once_from_one_element_that_depends_on_a_parameter(void **state) {
    struct fixture *f = *state;
    attn_tape_reset(f->tape);
    assert_int_equal(attn_tape_backward(NULL), ATTN_EINVAL);
    assert_int_equal(attn_tape_backward(attn_square(f->p)), ATTN_EINVAL);
    attn_tape_reset(f->tape);
    assert_int_equal(attn_tape_backward(attn_constant(f->tape, 1, SIZES(1), 2)), ATTN_EINVAL);
    attn_tape_reset(f->tape);
    attn_tape_record(f->tape, false);
    assert_int_equal(attn_tape_backward(attn_sum_all(f->p)), ATTN_EINVAL);
    attn_tape_record(f->tape, true);
    attn_tape_reset(f->tape);
    attn_tensor *loss = attn_sum_all(f->p);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    assert_true(attn_grad(f->p)[5] == 1);
    assert_int_equal(attn_tape_backward(loss), ATTN_EINVAL);
    attn_tape_reset(f->tape);
    assert_true(attn_grad(f->p)[5] == 0);
}

static void tensors_of_two_tapes_do_not_mix(void **state) {
    struct fixture *f = *state;
    attn_tape *other;
    assert_int_equal(attn_tape_create(f->ctx, &other), ATTN_OK);
    expect(f, attn_add(f->p, attn_constant(other, 1, SIZES(1), 0)), ATTN_EINVAL, "two tapes");
    attn_tape_destroy(other);
}

static void tensors_without_elements_pass_through_operators(void **state) {
    struct fixture *f = *state;
    attn_tape_reset(f->tape);
    attn_tensor *none = attn_narrow(f->p, 0, 1, 0);
    assert_int_equal(attn_count(none), 0);
    attn_tensor *w = attn_constant(f->tape, 2, SIZES(2, 4), 1), *y = attn_gelu(attn_linear(none, w, NULL));
    assert_int_equal(attn_count(y), 0);
    assert_int_equal(attn_count(attn_softmax(y)), 0);
    assert_int_equal(attn_count(attn_layer_norm(y, NULL, NULL, 1e-5f)), 0);
    attn_tensor *heads = attn_constant(f->tape, 4, SIZES(0, 3, 2, 4), 0);
    assert_int_equal(attn_count(attn_attention(heads, heads, heads, NULL)), 0);
    attn_tensor *query = attn_constant(f->tape, 2, SIZES(2, 4), 1), *no_tokens = attn_constant(f->tape, 4, SIZES(3, 0, 2, 4), 0);
    assert_int_equal(attn_count(attn_prefix_attention(query, heads, heads)), 0);
    assert_int_equal(attn_count(attn_prefix_attention(query, no_tokens, no_tokens)), 0);
    attn_tensor *narrow = attn_linear(f->p, attn_constant(f->tape, 2, SIZES(0, 4), 0), NULL); /* no outputs */
    assert_int_equal(attn_size(narrow, 0), 3);
    attn_tensor *product = attn_matmul(none, true, none, false); /* sums of no products */
    assert_int_equal(attn_count(product), 16);
    for (int i = 0; i < 16; i++) assert_true(attn_data(product)[i] == 0);
    attn_tensor *loss = attn_add(attn_add(attn_sum_all(product), attn_sum_all(narrow)), attn_sum_all(attn_mul(y, y)));
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    for (int i = 0; i < 12; i++) assert_true(attn_grad(f->p)[i] == 0);
}

static void layers_without_sequences_or_tokens_give_what_they_began_with(void **state) {
    struct fixture *f = *state;
    attn_tape_reset(f->tape);
    attn_tensor *w = attn_constant(f->tape, 2, SIZES(8, 3), 1), *u = attn_constant(f->tape, 2, SIZES(8, 2), 1), *last, *cells;
    const attn_recurrent_weights lstm = {w, u, NULL, NULL};
    attn_tensor *first = attn_narrow(f->p, 1, 0, 2), *none = attn_constant(f->tape, 3, SIZES(3, 0, 3), 0);
    assert_int_equal(attn_count(attn_lstm(none, first, first, &lstm, &last, &cells)), 0);
    attn_tensor *loss = attn_add(attn_sum_all(last), attn_sum_all(attn_square(cells)));
    attn_tensor *zeros;
    const attn_recurrent_weights gru = {attn_narrow(w, 0, 0, 6), attn_narrow(u, 0, 0, 6), NULL, NULL};
    assert_int_equal(attn_count(attn_gru(none, NULL, &gru, &zeros)), 0);
    assert_int_equal(attn_count(zeros), 6);
    assert_int_equal(attn_count(attn_gru(attn_constant(f->tape, 3, SIZES(0, 4, 3), 0), NULL, &gru, &last)), 0);
    assert_int_equal(attn_size(last, 0), 0);
    attn_tensor *images = attn_constant(f->tape, 4, SIZES(0, 5, 5, 2), 0);
    assert_int_equal(attn_count(attn_conv2d(images, attn_constant(f->tape, 4, SIZES(3, 3, 3, 2), 1), NULL, 1, 0)), 0);
    assert_int_equal(attn_size(attn_max_pool2d(images, 2, 2, 0), 1), 2);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    for (int i = 0; i < 12; i++) {
        const float want = i % 4 < 2 ? 1 + 2 * attn_data(f->p)[i] : 0;
        assert_true(fabsf(attn_grad(f->p)[i] - want) < 1e-6f);
    }
}

/* ---------------------------------------------------------------------------------------------------- checkpoints */

static attn_tensor *dropped(void *user, attn_tensor *const *x) {
    (void)user;
    return attn_dropout(x[0], 0.5);
}

/* The second time another shape, or nothing. */
static attn_tensor *unsteady(void *user, attn_tensor *const *x) {
    int *calls = user;
    return ++*calls % 2 ? attn_square(x[0]) : *calls < 3 ? attn_sum(x[0], 0) : NULL;
}

static attn_tensor *nothing(void *user, attn_tensor *const *x) {
    (void)user, (void)x;
    return NULL;
}

static void a_checkpoint_is_computed_again_as_it_was_whatever_the_tape_is_told_meanwhile(void **state) {
    struct fixture *f = *state;
    attn_tape_reset(f->tape);
    attn_fill(f->p, 1);
    attn_tape_seed(f->tape, 1);
    attn_tensor *y = attn_checkpoint(dropped, NULL, 1, &f->p), *loss = attn_sum_all(y);
    attn_tape_seed(f->tape, 2);
    attn_tape_record(f->tape, false);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    attn_tape_record(f->tape, true);
    for (int i = 0; i < 12; i++) assert_true(attn_grad(f->p)[i] == attn_data(y)[i]); /* 0 or 2 */
}

static void a_checkpoint_that_computes_something_else_again_is_an_error(void **state) {
    struct fixture *f = *state;
    int calls = 0;
    attn_tape_reset(f->tape);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(attn_tape_backward(attn_sum_all(attn_checkpoint(unsteady, &calls, 1, &f->p))), ATTN_EINVAL);
        expect(f, NULL, ATTN_EINVAL, "another shape, or nothing");
    }
    expect(f, attn_checkpoint(nothing, NULL, 1, &f->p), ATTN_EINVAL, "gave nothing");
    expect(f, attn_checkpoint(dropped, NULL, 9, (attn_tensor *const[]){f->p, f->p, f->p, f->p, f->p, f->p, f->p, f->p, f->p}), ATTN_EINVAL,
           "9 inputs");
}

/* ----------------------------------------------------------------------------------------------------- together */

static void a_small_model_learns_to_copy_from_three_tokens_before(void **state) {
    attn_ctx *ctx;
    struct test_model m;
    float first = 0, loss = 0;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(test_model_open(&m, ctx), ATTN_OK);
    for (uint64_t i = 0; i < 400; i++) {
        assert_int_equal(test_model_step(&m, i, 0.5f, &loss), ATTN_OK);
        if (i == 0) first = loss;
    }
    assert_true(fabsf(first - logf(TEST_VOCABULARY)) < 0.5f);
    assert_true(loss < first / 2); /* knowing no position, it would stay at log 50 = 3.9 */
    test_model_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_named_with_what_was_found_and_needed, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(the_first_mistake_is_the_one_reported, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(backward_runs_once_from_one_element_that_depends_on_a_parameter, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(tensors_of_two_tapes_do_not_mix, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(tensors_without_elements_pass_through_operators, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(layers_without_sequences_or_tokens_give_what_they_began_with, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(a_checkpoint_is_computed_again_as_it_was_whatever_the_tape_is_told_meanwhile, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_computes_something_else_again_is_an_error, open_fixture, close_fixture),
        cmocka_unit_test(a_small_model_learns_to_copy_from_three_tokens_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
