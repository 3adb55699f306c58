/* Every operator's gradients against central differences, in double, on odd shapes, repeated and strided operands. */
#include "support/gradients.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define X x[0]
#define Y x[1]
#define Z x[2]

/* A case: its name is its expression. */
#define COMPUTE(name, ...)                                                                                                                 \
    static attn_tensor *name(attn_tensor *const *x) {                                                                                      \
        return __VA_ARGS__;                                                                                                                \
    }
#define SIZES(...)                                                                                                                         \
    (const int64_t[]) {                                                                                                                    \
        __VA_ARGS__                                                                                                                        \
    }
#define ORDER(...)                                                                                                                         \
    (const int[]) {                                                                                                                        \
        __VA_ARGS__                                                                                                                        \
    }

static void run(const struct test_gradient_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) test_gradients(&cases[i]);
}
#define RUN(cases) run(cases, sizeof(cases) / sizeof *(cases))

/* ---------------------------------------------------------------------------------------------- functions of a number */

COMPUTE(affine, attn_affine(X, 3, -1))
COMPUTE(exponential, attn_exp(X))
COMPUTE(logarithm, attn_ln(X))
COMPUTE(square, attn_square(X))
COMPUTE(root, attn_sqrt(X))
COMPUTE(sine, attn_sin(X))
COMPUTE(cosine, attn_cos(X))
COMPUTE(hyperbolic, attn_tanh(X))
COMPUTE(sigmoid, attn_sigmoid(X))
COMPUTE(softplus, attn_softplus(X))
COMPUTE(relu, attn_relu(X))
COMPUTE(elu, attn_elu(X))
COMPUTE(silu, attn_silu(X))
COMPUTE(gelu, attn_gelu(X))
COMPUTE(of_a_view, attn_tanh(attn_permute(attn_narrow(X, 1, 1, 2), ORDER(1, 0))))

static void gradients_of_functions_of_a_number_are_their_differences(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"affine", affine, {{3, 5}}, 0, 0},
        {"exp", exponential, {{3, 5}}, 0, 0},
        {"ln", logarithm, {{3, 5}}, 0.5, 3},
        {"square", square, {{7}}, 0, 0},
        {"sqrt", root, {{3, 5}}, 0.5, 3},
        {"sin", sine, {{3, 5}}, 0, 0},
        {"cos", cosine, {{3, 5}}, 0, 0},
        {"tanh", hyperbolic, {{3, 5}}, 0, 0},
        {"sigmoid", sigmoid, {{3, 5}}, -6, 6},
        {"softplus", softplus, {{3, 5}}, -6, 6},
        {"relu", relu, {{3, 5}}, 0, 0},
        {"elu", elu, {{3, 5}}, 0, 0},
        {"silu", silu, {{3, 5}}, -6, 6},
        {"gelu", gelu, {{3, 5}}, -3, 3},
        {"tanh of a permuted piece", of_a_view, {{3, 5}}, 0, 0},
    };
    RUN(cases);
}

/* ------------------------------------------------------------------------------------------------- two operands */

COMPUTE(add, attn_add(X, Y))
COMPUTE(sub, attn_sub(X, Y))
COMPUTE(mul, attn_mul(X, Y))
COMPUTE(divide, attn_div(X, Y))
COMPUTE(maximum, attn_maximum(X, Y))
COMPUTE(minimum, attn_minimum(X, Y))
COMPUTE(with_itself, attn_mul(attn_add(X, X), X))
COMPUTE(with_its_transpose, attn_div(X, attn_permute(X, ORDER(1, 0))))

static void gradients_of_two_operands_are_summed_over_what_was_repeated(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"add", add, {{2, 3, 4}, {2, 3, 4}}, 0, 0},
        {"add of a row", add, {{2, 3, 4}, {4}}, 0, 0},
        {"add to a row", add, {{4}, {2, 3, 4}}, 0, 0},
        {"sub of a column", sub, {{3, 4}, {3, 1}}, 0, 0},
        {"sub of a middle axis", sub, {{2, 3, 4}, {3, 1}}, 0, 0},
        {"sub of the first axis", sub, {{2, 3, 4}, {2, 1, 1}}, 0, 0},
        {"mul", mul, {{5, 1, 3}, {2, 1}}, 0, 0},
        {"mul by one number", mul, {{2, 3, 4}, {1}}, 0, 0},
        {"mul of five axes", mul, {{2, 1, 3, 1, 2}, {1, 2, 3, 2, 1}}, 0, 0},
        {"div", divide, {{3, 4}, {3, 4}}, 0.5, 2},
        {"div by a row", divide, {{2, 3, 4}, {1, 4}}, 0.5, 2},
        {"div of a column", divide, {{3, 1}, {3, 4}}, 0.5, 2},
        {"maximum", maximum, {{3, 4}, {3, 4}}, 0, 0},
        {"maximum with a row", maximum, {{2, 3, 4}, {4}}, 0, 0},
        {"minimum", minimum, {{3, 4}, {3, 4}}, 0, 0},
        {"minimum with a column", minimum, {{3, 1}, {3, 5}}, 0, 0},
        {"a tensor used three times", with_itself, {{3, 4}}, 0, 0},
        {"a tensor and its transpose", with_its_transpose, {{4, 4}}, 0.5, 2},
        {"many rows summed into one", mul, {{300, 3}, {3}}, 0, 0},
        {"long rows summed into columns", mul, {{3, 300}, {3, 1}}, 0, 0},
    };
    RUN(cases);
}

/* -------------------------------------------------------------------------------------------- views and reductions */

COMPUTE(reshape, attn_square(attn_reshape(X, 2, SIZES(-1, 6))))
COMPUTE(narrow, attn_square(attn_narrow(X, -2, 1, 2)))
COMPUTE(permute, attn_square(attn_permute(X, ORDER(2, 0, 1))))
COMPUTE(pieces, attn_mul(attn_narrow(X, 0, 0, 3), attn_narrow(X, 0, 1, 3)))
COMPUTE(concat, attn_square(attn_concat(3, (attn_tensor *const[]){X, Y, X}, 1)))
COMPUTE(concat_views, attn_concat(2, (attn_tensor *const[]){attn_permute(X, ORDER(1, 0)), attn_narrow(Y, 1, 1, 3)}, 0))
COMPUTE(sum_first, attn_square(attn_sum(X, 0)))
COMPUTE(sum_middle, attn_square(attn_sum(X, 1)))
COMPUTE(mean_last, attn_square(attn_mean(X, -1)))
COMPUTE(mean_of_a_view, attn_square(attn_mean(attn_permute(X, ORDER(1, 2, 0)), 1)))
COMPUTE(sum_all, attn_square(attn_sum_all(X)))
COMPUTE(mean_all, attn_square(attn_mean_all(attn_narrow(X, 2, 1, 2))))

static void gradients_pass_through_views_copies_and_sums(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"reshape", reshape, {{4, 3, 2}}, 0, 0},
        {"narrow", narrow, {{2, 4, 3}}, 0, 0},
        {"permute", permute, {{2, 3, 4}}, 0, 0},
        {"overlapping pieces", pieces, {{4, 3}}, 0, 0},
        {"concat", concat, {{2, 3}, {2, 2}}, 0, 0},
        {"concat of views", concat_views, {{3, 2}, {4, 5}}, 0, 0},
        {"sum along the first axis", sum_first, {{4, 3, 2}}, 0, 0},
        {"sum along the middle axis", sum_middle, {{4, 3, 2}}, 0, 0},
        {"mean along the last axis", mean_last, {{4, 3, 2}}, 0, 0},
        {"mean of a view", mean_of_a_view, {{4, 3, 2}}, 0, 0},
        {"sum of one axis alone", sum_first, {{5}}, 0, 0},
        {"sum of all", sum_all, {{3, 2}}, 0, 0},
        {"mean of all of a view", mean_all, {{2, 3, 4}}, 0, 0},
    };
    RUN(cases);
}

/* ------------------------------------------------------------------------------------------------------ products */

COMPUTE(product, attn_matmul(X, false, Y, false))
COMPUTE(product_ta, attn_matmul(X, true, Y, false))
COMPUTE(product_tb, attn_matmul(X, false, Y, true))
COMPUTE(product_tt, attn_matmul(X, true, Y, true))
COMPUTE(product_of_views, attn_matmul(attn_permute(X, ORDER(1, 0)), false, attn_narrow(Y, 1, 1, 3), false))
COMPUTE(product_of_heads, attn_matmul(attn_permute(X, ORDER(0, 2, 1, 3)), false, attn_permute(Y, ORDER(0, 2, 1, 3)), true))
COMPUTE(product_strided, attn_matmul(attn_permute(X, ORDER(2, 1, 0)), true, Y, false))
COMPUTE(with_its_own_transpose, attn_matmul(X, false, X, true))
COMPUTE(linear, attn_linear(X, Y, Z))
COMPUTE(linear_plain, attn_linear(X, Y, NULL))
COMPUTE(linear_twice, attn_linear(attn_tanh(attn_linear(X, Y, Z)), Y, Z))

static void gradients_of_products_are_their_differences(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"matmul", product, {{3, 5}, {5, 2}}, 0, 0},
        {"matmul, a transposed", product_ta, {{5, 3}, {5, 2}}, 0, 0},
        {"matmul, b transposed", product_tb, {{3, 5}, {2, 5}}, 0, 0},
        {"matmul, both transposed", product_tt, {{5, 3}, {2, 5}}, 0, 0},
        {"matmul of a batch", product, {{2, 2, 3, 4}, {2, 2, 4, 3}}, 0, 0},
        {"matmul of a batch, transposed", product_tt, {{3, 4, 2}, {3, 3, 4}}, 0, 0},
        {"matmul of a batch by one matrix", product, {{2, 3, 4}, {4, 5}}, 0, 0},
        {"matmul of a batch by one matrix, transposed", product_tt, {{2, 4, 3}, {5, 4}}, 0, 0},
        {"matmul of one element", product, {{1, 1}, {1, 1}}, 0, 0},
        {"matmul of a row and a column", product, {{1, 4}, {4, 1}}, 0, 0},
        {"matmul of views", product_of_views, {{5, 3}, {5, 6}}, 0, 0},
        {"matmul of heads", product_of_heads, {{2, 3, 2, 4}, {2, 5, 2, 4}}, 0, 0},
        {"matmul of a view that BLAS cannot read", product_strided, {{2, 3, 4}, {4, 3, 5}}, 0, 0},
        {"matmul of a matrix by its own transpose", with_its_own_transpose, {{3, 4}}, 0, 0},
        {"linear", linear, {{2, 3, 4}, {5, 4}, {5}}, 0, 0},
        {"linear without bias", linear_plain, {{4}, {3, 4}}, 0, 0},
        {"linear, the same weights twice", linear_twice, {{2, 3}, {3, 3}, {3}}, -0.5, 0.5},
        {"linear of many rows", linear, {{140, 2}, {3, 2}, {3}}, 0, 0},
    };
    RUN(cases);
}

/* ------------------------------------------------------------------------------------- rows and the last axis */

static const int32_t some_rows[] = {3, 0, 3, 3, 1, 0};
static const int32_t some_labels[] = {2, -1, 0, 2, -1, 4};
static const int32_t no_labels[] = {-1, -1, -1, -1, -1, -1};

COMPUTE(rows, attn_square(attn_rows(X, 2, SIZES(2, 3), some_rows)))
COMPUTE(tied, attn_linear(attn_rows(X, 1, SIZES(6), some_rows), X, NULL))
COMPUTE(softmax, attn_softmax(X))
COMPUTE(layer_norm, attn_layer_norm(X, Y, Z, 1e-5))
COMPUTE(layer_norm_plain, attn_layer_norm(X, NULL, NULL, 1e-2))
COMPUTE(layer_norm_bias, attn_layer_norm(X, NULL, Y, 1e-5))
COMPUTE(rms_norm, attn_rms_norm(X, Y, 1e-5))
COMPUTE(rms_norm_plain, attn_rms_norm(X, NULL, 1e-5))
COMPUTE(cross_entropy, attn_cross_entropy(X, some_labels))
COMPUTE(cross_entropy_of_nothing, attn_cross_entropy(X, no_labels))
COMPUTE(cross_entropy_and_more, attn_add(attn_cross_entropy(X, some_labels), attn_mean_all(attn_square(X))))
COMPUTE(dropout, attn_add(attn_dropout(X, 0.4), attn_square(attn_dropout(attn_permute(X, ORDER(1, 0)), 0.1))))

static void gradients_of_rows_and_of_the_last_axis_are_their_differences(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"rows", rows, {{4, 3}}, 0, 0},
        {"rows of more axes", rows, {{4, 2, 2}}, 0, 0},
        {"an embedding that is the output's weights too", tied, {{4, 3}}, 0, 0},
        {"softmax", softmax, {{3, 5}}, 0, 0},
        {"softmax of one column", softmax, {{3, 1}}, 0, 0},
        {"softmax of far numbers", softmax, {{3, 5}}, -30, 30},
        {"layer norm", layer_norm, {{2, 3, 5}, {5}, {5}}, 0, 0},
        {"layer norm without gain and bias", layer_norm_plain, {{3, 5}}, 0, 0},
        {"layer norm without gain", layer_norm_bias, {{3, 5}, {5}}, 0, 0},
        {"layer norm of many rows", layer_norm, {{150, 3}, {3}, {3}}, 0, 0},
        {"RMS norm", rms_norm, {{3, 5}, {5}}, 0, 0},
        {"RMS norm without gain", rms_norm_plain, {{3, 5}}, 0, 0},
        {"cross entropy", cross_entropy, {{2, 3, 5}}, 0, 0},
        {"cross entropy without a label", cross_entropy_of_nothing, {{6, 5}}, 0, 0},
        {"cross entropy of logits used twice", cross_entropy_and_more, {{6, 5}}, 0, 0},
        {"dropout", dropout, {{5, 5}}, 0, 0},
    };
    RUN(cases);
}

/* -------------------------------------------------------------------------------------------------- convolutions */

COMPUTE(short_convolution, attn_short_convolution(X, Y, Z))
COMPUTE(short_convolution_plain, attn_square(attn_short_convolution(X, Y, NULL)))
COMPUTE(gated_convolution, attn_mul(attn_short_convolution(X, Y, Z), X))

static void gradients_of_convolutions_are_their_differences(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"short convolution", short_convolution, {{2, 5, 3}, {3, 3}, {3}}, 0, 0},
        {"short convolution without bias", short_convolution_plain, {{2, 5, 3}, {4, 3}}, 0, 0},
        {"short convolution of more taps than tokens", short_convolution, {{3, 2, 3}, {4, 3}, {3}}, 0, 0},
        {"short convolution of one sequence without an axis", short_convolution, {{6, 2}, {2, 2}, {2}}, 0, 0},
        {"short convolution of many rows", short_convolution, {{2, 70, 3}, {2, 3}, {3}}, 0, 0},
        {"gated convolution", gated_convolution, {{2, 2, 4, 3}, {3, 3}, {3}}, 0, 0},
    };
    RUN(cases);
}

/* -------------------------------------------------------------------------------------------------- checkpoints */

static attn_tensor *mixed(void *user, attn_tensor *const *x) {
    (void)user;
    return attn_permute(attn_tanh(attn_linear(attn_dropout(attn_square(X), 0.3), Y, NULL)), ORDER(1, 0));
}
static attn_tensor *nested(void *user, attn_tensor *const *x) {
    return attn_mul(attn_checkpoint(mixed, user, 2, x), attn_narrow(attn_checkpoint(mixed, user, 2, x), 0, 0, 1));
}
static attn_tensor *itself(void *user, attn_tensor *const *x) {
    (void)user;
    return X;
}
COMPUTE(checkpoint, attn_square(attn_checkpoint(mixed, NULL, 2, x)))
COMPUTE(checkpoint_twice,
        attn_add(attn_checkpoint(mixed, NULL, 2, x), attn_permute(attn_dropout(attn_linear(X, Y, NULL), 0.5), ORDER(1, 0))))
COMPUTE(checkpoints_inside, attn_square(attn_checkpoint(nested, NULL, 2, x)))
COMPUTE(checkpoint_of_nothing, attn_mul(attn_checkpoint(itself, NULL, 1, x), X))

static void gradients_pass_through_checkpoints(void **state) {
    (void)state;
    static const struct test_gradient_case cases[] = {
        {"checkpoint", checkpoint, {{3, 4}, {5, 4}}, 0, 0},
        {"checkpoint with dropout before and behind it", checkpoint_twice, {{3, 4}, {5, 4}}, 0, 0},
        {"checkpoints in a checkpoint", checkpoints_inside, {{3, 4}, {5, 4}}, 0, 0},
        {"checkpoint that returns its input", checkpoint_of_nothing, {{3, 4}}, 0, 0},
    };
    RUN(cases);
}

/* ----------------------------------------------------------------------------------------------------- attention */

static attn_mask *causal;
static const int32_t a_row_twice[] = {1, 1};

static attn_tensor *masked(attn_tensor *q, attn_tensor *k, attn_tensor *v, double scale, double softcap, double dropped) {
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.mask = causal;
    config.scale = scale;
    config.softcap = softcap;
    config.dropout = dropped;
    return attn_attention(q, k, v, &config);
}

COMPUTE(attention, attn_attention(X, Y, Z, NULL))
COMPUTE(attention_of_itself, attn_attention(X, X, X, NULL))
COMPUTE(attention_of_a_projection, attn_attention(attn_narrow(X, 2, 0, 2), attn_narrow(X, 2, 2, 1), attn_narrow(X, 2, 3, 1), NULL))
COMPUTE(attention_of_heads_in_front,
        attn_attention(attn_permute(X, ORDER(0, 2, 1, 3)), attn_permute(Y, ORDER(0, 2, 1, 3)), attn_permute(Z, ORDER(0, 2, 1, 3)), NULL))
COMPUTE(attention_of_a_transposed_head, attn_attention(attn_permute(X, ORDER(0, 1, 3, 2)), Y, Z, NULL))
COMPUTE(attention_of_overlapping_heads, attn_attention(X, attn_narrow(Y, 2, 0, 2), attn_narrow(Y, 2, 1, 2), NULL))
COMPUTE(attention_of_overlapping_tokens, attn_attention(attn_narrow(X, 1, 0, 3), attn_narrow(X, 1, 1, 4), attn_narrow(X, 1, 2, 4), NULL))
COMPUTE(recurrence_of_overlapping_sequences, attn_linear_recurrence(attn_narrow(X, 0, 0, 4), attn_narrow(X, 0, 1, 4)))
COMPUTE(rwkv_of_overlapping_sequences, attn_rwkv(attn_narrow(X, 0, 0, 4), attn_narrow(X, 0, 1, 4), Y, Z))
COMPUTE(linear_attention_of_overlapping_sequences,
        attn_linear_attention(attn_narrow(X, 0, 0, 3), attn_narrow(X, 0, 1, 3), attn_narrow(X, 0, 2, 3)))
COMPUTE(taylor_attention_of_overlapping_sequences,
        attn_taylor_attention(attn_narrow(X, 0, 0, 3), attn_narrow(X, 0, 1, 3), attn_narrow(X, 0, 2, 3)))
COMPUTE(scan_of_overlapping_sequences, attn_selective_scan(attn_narrow(X, 0, 0, 4), attn_narrow(X, 0, 1, 4), Y, attn_narrow(Z, 0, 0, 4),
                                                           attn_narrow(Z, 0, 1, 4), attn_sum(Y, 1)))
COMPUTE(convolution_of_its_own_taps, attn_long_convolution(attn_narrow(X, 0, 0, 2), attn_reshape(attn_narrow(X, 0, 1, 1), 2, SIZES(4, 2))))
COMPUTE(gru_of_its_own_state, attn_gru(attn_narrow(X, 1, 0, 2), attn_reshape(attn_contiguous(attn_narrow(X, 1, 1, 1)), 2, SIZES(3, 2)),
                                       &(const attn_recurrent_weights){Y, Y, Z, Z}, NULL))
COMPUTE(attention_causal, masked(X, Y, Z, 0.7, (double)INFINITY, 0))
COMPUTE(attention_capped, masked(X, Y, Z, 1, 1.5, 0))
COMPUTE(attention_dropped, masked(X, Y, Z, 1, (double)INFINITY, 0.3))
COMPUTE(attention_of_known_keys, attn_attention(X, attn_rows(Y, 1, SIZES(2), a_row_twice), attn_affine(Y, 2, 1), NULL))

COMPUTE(prefixes_at_great_scores, attn_prefix_attention(attn_affine(X, 300, 0), Y, Z))
COMPUTE(prefixes_of_heads_in_front,
        attn_prefix_attention(attn_permute(X, ORDER(1, 0)), attn_permute(Y, ORDER(0, 2, 1, 3)), attn_permute(Z, ORDER(0, 2, 3, 1))))
COMPUTE(prefixes_of_overlapping_tokens, attn_prefix_attention(X, attn_narrow(Y, 1, 0, 4), attn_narrow(Y, 1, 1, 4)))

static void gradients_of_attention_are_their_differences(void **state) {
    (void)state;
    attn_ctx *ctx;
    static const struct test_gradient_case cases[] = {
        {"attention", attention, {{2, 3, 2, 3}, {2, 5, 2, 3}, {2, 5, 2, 4}}, 0, 0},
        {"attention of grouped heads", attention, {{2, 3, 4, 3}, {2, 5, 2, 3}, {2, 5, 2, 2}}, 0, 0},
        {"attention of one token", attention, {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, 0, 0},
        {"attention of one tensor", attention_of_itself, {{2, 4, 2, 3}}, 0, 0},
        {"attention of pieces of a projection", attention_of_a_projection, {{2, 3, 4, 3}}, 0, 0},
        {"attention of heads in front of tokens", attention_of_heads_in_front, {{1, 2, 3, 2}, {1, 2, 4, 2}, {1, 2, 4, 2}}, 0, 0},
        {"attention of a head stored across", attention_of_a_transposed_head, {{2, 3, 4, 2}, {2, 3, 2, 4}, {2, 3, 2, 2}}, 0, 0},
        {"attention of overlapping heads", attention_of_overlapping_heads, {{2, 4, 2, 3}, {2, 4, 3, 3}}, 0, 0},
        {"attention of overlapping tokens", attention_of_overlapping_tokens, {{2, 6, 2, 3}}, 0, 0},
        {"recurrence of overlapping sequences", recurrence_of_overlapping_sequences, {{5, 3, 2}}, -0.5, 0.5},
        {"RWKV of overlapping sequences", rwkv_of_overlapping_sequences, {{5, 3, 2}, {2}, {2}}, -1, -0.1},
        {"linear attention of overlapping sequences", linear_attention_of_overlapping_sequences, {{5, 3, 2}}, 0.5, 1.5},
        {"Taylor attention of overlapping sequences", taylor_attention_of_overlapping_sequences, {{5, 3, 2}}, 0.5, 1.5},
        {"scan of overlapping sequences", scan_of_overlapping_sequences, {{5, 3, 2}, {2, 3}, {5, 3, 3}}, -1, -0.1},
        {"convolution of a piece of its sequences", convolution_of_its_own_taps, {{3, 4, 2}}, 0, 0},
        {"GRU of a piece of its tokens", gru_of_its_own_state, {{3, 3, 2}, {6, 2}, {6}}, 0, 0},
        {"causal attention", attention_causal, {{2, 4, 2, 3}, {2, 4, 1, 3}, {2, 4, 1, 2}}, 0, 0},
        {"causal attention with a soft-cap", attention_capped, {{1, 4, 2, 3}, {1, 4, 2, 3}, {1, 4, 2, 2}}, 0, 0},
        {"causal attention with dropout", attention_dropped, {{2, 5, 2, 3}, {2, 5, 2, 3}, {2, 5, 2, 2}}, 0, 0},
        {"prefixes at great scores", prefixes_at_great_scores, {{2, 3}, {2, 7, 2, 3}, {2, 7, 2, 3}}, 0, 0},
        {"prefixes of heads in front of tokens", prefixes_of_heads_in_front, {{3, 2}, {2, 2, 5, 3}, {2, 4, 5, 2}}, 0, 0},
        {"prefixes of overlapping tokens", prefixes_of_overlapping_tokens, {{2, 3}, {2, 5, 2, 3}}, 0, 0},
        {"attention of chosen keys", attention_of_known_keys, {{2, 3, 2, 3}, {2, 2, 2, 3}}, 0, 0},
    };
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &causal), ATTN_OK);
    RUN(cases);
    attn_mask_destroy(causal);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_functions_of_a_number_are_their_differences),
        cmocka_unit_test(gradients_of_two_operands_are_summed_over_what_was_repeated),
        cmocka_unit_test(gradients_pass_through_views_copies_and_sums),
        cmocka_unit_test(gradients_of_products_are_their_differences),
        cmocka_unit_test(gradients_of_rows_and_of_the_last_axis_are_their_differences),
        cmocka_unit_test(gradients_of_convolutions_are_their_differences),
        cmocka_unit_test(gradients_pass_through_checkpoints),
        cmocka_unit_test(gradients_of_attention_are_their_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
