/* FLOPs of operators, forward and backward, against sums done by hand. */
#include "attn_train.h"
#include "tape/fft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 8 };

struct one {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *p[MOST]; /* parameters: gradients of all are wanted */
};

static attn_tensor *parameter(struct one *o, int index, int dims, const int64_t *size) {
    attn_tensor *x = attn_parameter(o->tape, dims, size);
    assert_non_null(x);
    for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] = (attn_real)-0.01 * (attn_real)(i % 7 + 1);
    return o->p[index] = x;
}
#define P(index, ...) parameter(o, index, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})

static attn_tensor *linear(struct one *o) {
    return attn_linear(P(0, 3, 5), P(1, 7, 5), P(2, 7));
}
static attn_tensor *matmul(struct one *o) {
    return attn_matmul(P(0, 4, 3, 5), false, P(1, 4, 5, 2), false);
}
static attn_tensor *shared_matmul(struct one *o) {
    return attn_matmul(P(0, 4, 5, 3), true, P(1, 2, 5), true);
}
static attn_tensor *attention(struct one *o) {
    attn_attention_config config;
    attn_mask *mask;
    attn_attention_config_init(&config);
    assert_int_equal(attn_mask_parse(o->ctx, "causal", &mask), ATTN_OK);
    config.mask = mask;
    attn_tensor *y = attn_attention(P(0, 2, 4, 3, 8), P(1, 2, 4, 3, 8), P(2, 2, 4, 3, 5), &config);
    assert_true(attn_tape_flops(o->tape) == 10 * 2 * 3 * 2 * (8 + 5));
    assert_int_equal(attn_tape_backward(attn_sum_all(y)), ATTN_OK); /* before the mask goes */
    attn_mask_destroy(mask);
    return NULL;
}
static attn_tensor *prefixes(struct one *o) {
    return attn_prefix_attention(P(0, 3, 8), P(1, 2, 4, 3, 8), P(2, 2, 4, 3, 5));
}
static attn_tensor *short_convolution(struct one *o) {
    return attn_short_convolution(P(0, 2, 5, 3), P(1, 3, 3), P(2, 3));
}
static attn_tensor *more_taps_than_tokens(struct one *o) {
    return attn_short_convolution(P(0, 2, 2, 3), P(1, 6, 3), NULL);
}
static attn_tensor *long_convolution(struct one *o) {
    return attn_long_convolution(P(0, 2, 5, 3), P(1, 4, 3));
}
static attn_tensor *transforms(struct one *o) {
    return attn_long_convolution(P(0, 2, 2048, 3), P(1, 2048, 3));
}
static attn_tensor *recurrence(struct one *o) {
    return attn_linear_recurrence(P(0, 4, 3), P(1, 4, 3));
}
static attn_tensor *rwkv(struct one *o) {
    return attn_rwkv(P(0, 4, 3), P(1, 4, 3), P(2, 3), P(3, 3));
}
static attn_tensor *scan(struct one *o) {
    return attn_selective_scan(P(0, 4, 3), P(1, 4, 3), P(2, 3, 2), P(3, 4, 2), P(4, 4, 2), P(5, 3));
}
static attn_tensor *s4d(struct one *o) {
    return attn_s4d_kernel(6, P(0, 2), P(1, 2, 3), P(2, 2, 3), P(3, 2, 3, 2), P(4, 2, 3, 2));
}
static attn_tensor *linear_attention(struct one *o) {
    return attn_linear_attention(P(0, 70, 4), P(1, 70, 4), P(2, 70, 3));
}
static attn_tensor *taylor_attention(struct one *o) {
    return attn_taylor_attention(P(0, 2, 70, 4), P(1, 2, 70, 4), P(2, 2, 70, 3));
}
static attn_tensor *retention(struct one *o) {
    return attn_retention(P(0, 1, 6, 4), P(1, 1, 6, 4), P(2, 1, 6, 3), (const double[]){0.5});
}
static attn_tensor *conv2d(struct one *o) {
    return attn_conv2d(P(0, 1, 4, 4, 2), P(1, 3, 3, 3, 2), NULL, 1, 1);
}
static attn_tensor *lstm(struct one *o) {
    const attn_recurrent_weights w = {P(1, 20, 4), P(2, 20, 5), P(3, 20), P(4, 20)};
    return attn_lstm(P(0, 2, 3, 4), NULL, NULL, &w, NULL, NULL);
}
static attn_tensor *gru(struct one *o) {
    const attn_recurrent_weights w = {P(1, 15, 4), P(2, 15, 5), NULL, NULL};
    return attn_gru(P(0, 2, 3, 4), P(5, 2, 5), &w, NULL);
}
static attn_tensor *pointer_losses(struct one *o) {
    return attn_pointer_losses(P(0, 2, 3, 5), P(1, 2, 4, 5), P(2, 5), (const int32_t[]){4, 2}, (const int32_t[]){0, -1, 3, -1, 1, -1});
}
static attn_tensor *pointer_logits(struct one *o) {
    return attn_pointer_logits(P(0, 2, 3, 5), P(1, 2, 4, 5), P(2, 5), (const int32_t[]){4, 2});
}
static attn_tensor *pointer_attention(struct one *o) {
    return attn_pointer_attention(P(0, 2, 3, 5), P(1, 2, 4, 5), P(2, 5), P(3, 2, 4, 7), NULL);
}
static attn_tensor *elementwise(struct one *o) {
    return attn_softmax(attn_gelu(attn_layer_norm(attn_add(P(0, 4, 8), P(1, 8)), P(2, 8), NULL, 1)));
}

static const struct {
    const char *name;
    attn_tensor *(*run)(struct one *o);
    double forward, both;
    bool transforms;
} cases[] = {
    {"linear", linear, 2 * 3 * 7 * 5, 3 * 2 * 3 * 7 * 5, false},
    {"matmul", matmul, 2 * 4 * 3 * 2 * 5, 3 * 2 * 4 * 3 * 2 * 5, false},
    {"matmul with one b", shared_matmul, 2 * 4 * 3 * 2 * 5, 3 * 2 * 4 * 3 * 2 * 5, false},
    {"attention", attention, 0, 10 * 2 * 3 * (2 * (8 + 5) + 2 * (3 * 8 + 2 * 5)), false}, /* 10 pairs, 2 sequences, 3 heads */
    {"prefix attention", prefixes, 4 * 2 * 3 * 2 * (8 + 5), 4 * 2 * 3 * (2 * (8 + 5) + 2 * (3 * 8 + 2 * 5)), false},
    {"short convolution", short_convolution, 2 * 12 * 2 * 3, 3 * 2 * 12 * 2 * 3, false}, /* 1 + 2 + 3 + 3 + 3 pairs */
    {"more taps than tokens", more_taps_than_tokens, 2 * 3 * 2 * 3, 3 * 2 * 3 * 2 * 3, false},
    {"long convolution", long_convolution, 2 * 14 * 2 * 3, 3 * 2 * 14 * 2 * 3, false}, /* 1 + 2 + 3 + 4 + 4 pairs */
    /* of the taps 2; of both sequences 2 and back; backward of dy, of x and back, and of the taps' gradient */
    {"transforms", transforms, (2 + 2 * 4) * 5 * 4096.0 * 12, (2 + 2 * 4 + 3 * 4 + 2) * 5 * 4096.0 * 12, true},
    {"linear recurrence", recurrence, 2 * 12, 7 * 12, false},
    {"rwkv", rwkv, 9 * 12, (9 + 23) * 12, false},
    {"selective scan", scan, 12 * (6 * 2 + 3), 12 * (6 * 2 + 3 + 19 * 2 + 9), false},
    {"s4d", s4d, 7 * 6 * 2 * 3, 21 * 6 * 2 * 3, false},
    /* Chunks of 64 and 6 tokens, 4 features, 4 columns: the state of one, weights and their sums of both, what the second has of the state. Backward: the state's
     * gradient, the weights', and for each of q, k (4) and v (3 columns) a sum in both chunks and one with the state in one of them. */
    {"linear attention", linear_attention, 2.0 * (4 * 4 * 64 + 2 * (64 * 64 + 6 * 6) * 4 + 6 * 4 * 4),
     2.0 * (4 * 4 * 64 + 2 * (64 * 64 + 6 * 6) * 4 + 6 * 4 * 4) +
         2.0 * (4 * 4 * 6 + (64 * 64 + 6 * 6) * (4 + 4 + 4 + 3) + 6 * 4 * 4 + 64 * 4 * 4 + 64 * 4 * 3),
     false},
    /* 32 queries with 32 keys, 32 with 64, 6 with 70 */
    {"Taylor attention", taylor_attention, 2.0 * 2 * (32 * 32 + 32 * 64 + 6 * 70) * (4 + 3),
     2.0 * 2 * (32 * 32 + 32 * 64 + 6 * 70) * (2 * (4 + 3) + 4 + 4 + 3), false},
    {"retention", retention, 2 * 6 * 6 * (4 + 3), 2 * 6 * 6 * (4 + 3) + 2 * 6 * 6 * (3 + 4 + 4 + 3), false},
    {"conv2d", conv2d, 2 * 16 * 3 * 18, 3 * 2 * 16 * 3 * 18, false},
    /* 3 tokens of 2 sequences; the first state is 0, and its gradient not wanted */
    {"lstm", lstm, 2 * 2 * 20 * (3 * 4 + 2 * 5), 3 * 2 * 2 * 20 * (3 * 4 + 2 * 5), false},
    {"gru", gru, 2 * 2 * 15 * 3 * (4 + 5), 3 * 2 * 2 * 15 * 3 * (4 + 5), false},
    /* 3 queries with 4 keys and 2 with 2; 3 with 4 and 3 with 2; 3 with 4 of both sequences */
    {"pointer losses", pointer_losses, 2 * 16 * 5, 4 * 2 * 16 * 5, false},
    {"pointer logits", pointer_logits, 2 * 18 * 5, 4 * 2 * 18 * 5, false},
    {"glimpses", pointer_attention, 2 * 24 * (5 + 7), 2 * 24 * (5 + 7) + 2 * 24 * (3 * 5 + 2 * 7), false},
    {"elementwise", elementwise, 0, 0, false},
};

static void open_one(struct one *o) {
    assert_int_equal(attn_ctx_create(NULL, &o->ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(o->ctx, &o->tape), ATTN_OK);
}

static void close_one(struct one *o) {
    attn_tape_destroy(o->tape);
    attn_ctx_destroy(o->ctx);
}

static void counts_are_those_done_by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct one o;
        if (cases[i].transforms && !attn_fft_here()) continue;
        open_one(&o);
        attn_tape_count_flops(o.tape, true);
        attn_tensor *y = cases[i].run(&o);
        const double forward = attn_tape_flops(o.tape);
        if (y && forward != cases[i].forward) fail_msg("%s: %g forward, must be %g", cases[i].name, forward, cases[i].forward);
        if (y) assert_int_equal(attn_tape_backward(attn_sum_all(y)), ATTN_OK);
        assert_int_equal(attn_tape_status(o.tape), ATTN_OK);
        const double both = attn_tape_flops(o.tape);
        if (both != cases[i].both) fail_msg("%s: %g with gradients, must be %g", cases[i].name, both, cases[i].both);
        close_one(&o);
    }
}

static void only_wanted_gradients_count(void **state) {
    static const attn_real numbers[15] = {1};
    struct one one, *o = &one;
    (void)state;
    open_one(o);
    attn_tape_count_flops(o->tape, true);
    attn_tensor *y = attn_linear(attn_tensor_input(o->tape, 2, (const int64_t[]){3, 5}, numbers), P(0, 7, 5), NULL);
    assert_int_equal(attn_tape_backward(attn_sum_all(y)), ATTN_OK);
    assert_true(attn_tape_flops(o->tape) == 2 * 2 * 3 * 7 * 5);
    close_one(o);
}

static void counting_begins_and_ends_where_it_is_told(void **state) {
    struct one one, *o = &one;
    (void)state;
    open_one(o);
    attn_tensor *x = P(0, 3, 5), *w = P(1, 7, 5);
    assert_non_null(attn_linear(x, w, NULL));
    assert_true(attn_tape_flops(o->tape) == 0);
    attn_tape_count_flops(o->tape, true);
    assert_non_null(attn_linear(x, w, NULL));
    attn_tape_count_flops(o->tape, false);
    assert_non_null(attn_linear(x, w, NULL));
    assert_true(attn_tape_flops(o->tape) == 210);
    attn_tape_reset(o->tape);
    assert_true(attn_tape_flops(o->tape) == 0);
    close_one(o);
}

static attn_tensor *piece(void *user, attn_tensor *const *x) {
    return attn_linear(x[0], user, NULL);
}

static void a_piece_that_is_computed_again_counts_again(void **state) {
    struct one one, *o = &one;
    (void)state;
    open_one(o);
    attn_tensor *x = P(0, 3, 5), *w = P(1, 7, 5);
    attn_tape_count_flops(o->tape, true);
    attn_tensor *y = attn_checkpoint(piece, w, 1, &x);
    assert_true(attn_tape_flops(o->tape) == 210);
    assert_int_equal(attn_tape_backward(attn_sum_all(y)), ATTN_OK);
    assert_true(attn_tape_flops(o->tape) == 4 * 210);
    close_one(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_done_by_hand),
        cmocka_unit_test(only_wanted_gradients_count),
        cmocka_unit_test(counting_begins_and_ends_where_it_is_told),
        cmocka_unit_test(a_piece_that_is_computed_again_counts_again),
    };
    return cmocka_run_group_tests_name("tape: FLOPs", tests, NULL, NULL);
}
