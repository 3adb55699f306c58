/* Additive attention: what holds beyond single results (support/pointers.c compares those). */
#include "attn_train.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { B = 3, M = 4, N = 5, D = 7 };
static const int32_t keys[B] = {1, 5, 3}, target[B * M] = {0, 0, 0, -1, 4, -1, 2, 1, -1, -1, -1, -1};
static const double precision = sizeof(attn_real) == sizeof(double) ? DBL_EPSILON : (double)FLT_EPSILON;

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *q, *k, *v; /* parameters */
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    if (attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape)) return 1;
    f.q = attn_parameter(f.tape, 3, (const int64_t[]){B, M, D});
    f.k = attn_parameter(f.tape, 3, (const int64_t[]){B, N, D});
    f.v = attn_parameter(f.tape, 1, (const int64_t[]){D});
    attn_fill_normal(f.q, 0, 1, 1);
    attn_fill_normal(f.k, 0, 1, 2);
    attn_fill_normal(f.v, 0, 1, 3);
    return f.v == NULL;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

/* u [B, M, N] of operators on numbers; keys that a sequence lacks have -1e4 in the place of -inf. */
static attn_tensor *composed_logits(const struct fixture *f) {
    attn_tensor *sum = attn_add(attn_reshape(f->q, 4, (const int64_t[]){B, M, 1, D}), attn_reshape(f->k, 4, (const int64_t[]){B, 1, N, D}));
    attn_tensor *u = attn_sum(attn_mul(attn_tanh(sum), f->v), 3), *lacks = attn_constant(f->tape, 3, (const int64_t[]){B, M, N}, 0);
    for (int i = 0; i < B * M * N; i++) attn_data(lacks)[i] = i % N < keys[i / (M * N)] ? 0 : (attn_real)-1e4;
    return attn_add(u, lacks);
}
static attn_tensor *composed_losses(const struct fixture *f) {
    attn_tensor *one = attn_constant(f->tape, 3, (const int64_t[]){B, M, N}, 0), *p = attn_softmax(composed_logits(f));
    attn_tensor *label = attn_constant(f->tape, 2, (const int64_t[]){B, M}, 0);
    for (int i = 0; i < B * M; i++) {
        attn_data(label)[i] = target[i] < 0 ? 0 : -1;
        attn_data(one)[i * N + (target[i] < 0 ? 0 : target[i])] = 1;
    }
    return attn_mul(attn_ln(attn_sum(attn_mul(p, one), 2)), label);
}
static attn_tensor *composed_attention(const struct fixture *f) {
    return attn_matmul(attn_softmax(composed_logits(f)), false, f->k, false);
}

/* The result, and behind it the gradients of q, k and v, of the sum of its squares. Returns how many numbers. */
enum { ROOM = B * M * D * 2 + B * N * D + D };
static int64_t take(struct fixture *f, attn_tensor *y, attn_real *to) {
    attn_tensor *const parts[] = {f->q, f->k, f->v};
    assert_non_null(y);
    assert_int_equal(attn_tape_backward(attn_sum_all(attn_square(y))), ATTN_OK);
    int64_t at = attn_count(y);
    memcpy(to, attn_data(y), (size_t)at * sizeof *to);
    for (int i = 0; i < 3; i++) {
        memcpy(to + at, attn_grad(parts[i]), (size_t)attn_count(parts[i]) * sizeof *to);
        at += attn_count(parts[i]);
    }
    attn_tape_reset(f->tape);
    return at;
}

/* Sums of at most B M N terms below 20, each with a few roundings: 1e3 units of the last place. */
static void near(const attn_real *got, const attn_real *want, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= 1e3 * precision * fmax(1, fabs((double)want[i]))))
            fail_msg("number %lld is %.17g, must be %.17g", (long long)i, (double)got[i], (double)want[i]);
}

static void losses_and_glimpses_are_those_of_operators_on_numbers(void **state) {
    struct fixture *f = *state;
    attn_real got[ROOM], want[ROOM];
    int64_t count = take(f, composed_losses(f), want);
    assert_int_equal(take(f, attn_pointer_losses(f->q, f->k, f->v, keys, target), got), count);
    near(got, want, count);
    count = take(f, composed_attention(f), want);
    assert_int_equal(take(f, attn_pointer_attention(f->q, f->k, f->v, f->k, keys), got), count);
    near(got, want, count);
}

/* NaN where nobody may look: keys beyond keys[b], queries without a target. */
static void spoil_padding(struct fixture *f) {
    for (int i = 0; i < B * N * D; i++)
        if (i / D % N >= keys[i / (N * D)]) attn_data(f->k)[i] = (attn_real)NAN;
}
static void spoil_queries(struct fixture *f) {
    for (int i = 0; i < B * M * D; i++)
        if (target[i / D] < 0) attn_data(f->q)[i] = (attn_real)NAN;
}

static void nan_in_padding_and_in_queries_without_target_reaches_no_result(void **state) {
    struct fixture *f = *state;
    attn_real clean[ROOM], spoiled[ROOM];
    int64_t count = take(f, attn_pointer_attention(f->q, f->k, f->v, f->k, keys), clean);
    spoil_padding(f);
    assert_int_equal(take(f, attn_pointer_attention(f->q, f->k, f->v, f->k, keys), spoiled), count);
    assert_memory_equal(clean, spoiled, (size_t)count * sizeof *clean);
    count = take(f, attn_pointer_losses(f->q, f->k, f->v, keys, target), clean);
    spoil_queries(f);
    assert_int_equal(take(f, attn_pointer_losses(f->q, f->k, f->v, keys, target), spoiled), count);
    assert_memory_equal(clean, spoiled, (size_t)count * sizeof *clean);
    for (int64_t i = 0; i < count; i++) assert_true(isfinite((double)clean[i]));
}

static void logits_beyond_the_keys_are_minus_infinity_and_take_no_gradient(void **state) {
    struct fixture *f = *state;
    attn_real composed[ROOM], got[ROOM];
    const int64_t count = take(f, attn_softmax(composed_logits(f)), composed);
    spoil_padding(f);
    attn_tensor *u = attn_pointer_logits(f->q, f->k, f->v, keys);
    for (int i = 0; i < B * M * N; i++) assert_true((attn_data(u)[i] == -(attn_real)INFINITY) == (i % N >= keys[i / (M * N)]));
    assert_int_equal(take(f, attn_softmax(u), got), count);
    near(got, composed, count);
}

/* p of the target is e^-2000. */
static void a_loss_is_exact_where_the_probability_is_none(void **state) {
    struct fixture *f = *state;
    attn_tensor *q = attn_constant(f->tape, 3, (const int64_t[]){1, 1, 1}, 0), *v = attn_constant(f->tape, 1, (const int64_t[]){1}, 1000);
    const attn_real far[] = {-100, 100};
    attn_tensor *k = attn_tensor_input(f->tape, 3, (const int64_t[]){1, 2, 1}, far);
    attn_tensor *loss = attn_pointer_losses(q, k, v, NULL, (const int32_t[]){0});
    assert_true(*attn_data(loss) == 2000);
}

/* Logits of D terms below 4, summed twice, in whatever order. */
static void a_loss_with_one_key_is_zero_as_is_its_gradient(void **state) {
    struct fixture *f = *state;
    attn_real got[ROOM];
    static const int32_t first[B * M] = {0};
    attn_tensor *k = attn_narrow(f->k, 1, 2, 1), *loss = attn_pointer_losses(f->q, k, f->v, NULL, first);
    for (int i = 0; i < B * M; i++) assert_true(fabs((double)attn_data(loss)[i]) <= 8 * D * precision);
    const int64_t count = take(f, loss, got);
    for (int64_t i = 0; i < count; i++) assert_true(fabs((double)got[i]) <= 8 * D * precision);
}

static void arrays_of_the_caller_may_change_before_backward(void **state) {
    struct fixture *f = *state;
    attn_real clean[ROOM], changed[ROOM];
    const int64_t count = take(f, attn_pointer_losses(f->q, f->k, f->v, keys, target), clean);
    int32_t my_keys[B], my_target[B * M];
    memcpy(my_keys, keys, sizeof keys);
    memcpy(my_target, target, sizeof target);
    attn_tensor *y = attn_pointer_losses(f->q, f->k, f->v, my_keys, my_target);
    memset(my_keys, 0, sizeof my_keys);
    memset(my_target, 0, sizeof my_target);
    assert_int_equal(take(f, y, changed), count);
    assert_memory_equal(clean, changed, (size_t)count * sizeof *clean);
}

/* A plan is kept for lengths up to a power of two. */
static void other_lengths_make_few_plans(void **state) {
    struct fixture *f = *state;
    const int32_t first[B * M] = {0};
    for (int round = 0; round < 2; round++) {
        int64_t before = attn_tape_allocations(f->tape);
        for (int64_t m = 3; m <= M; m++) {
            attn_tensor *q = attn_narrow(f->q, 1, 0, m);
            assert_int_equal(attn_tape_backward(attn_sum_all(attn_pointer_losses(q, f->k, f->v, NULL, first))), ATTN_OK);
            attn_tape_reset(f->tape);
        }
        if (round > 0) assert_int_equal(attn_tape_allocations(f->tape), before);
    }
}

static void nothing_at_all_is_allowed(void **state) {
    struct fixture *f = *state;
    attn_tensor *none = attn_narrow(f->q, 1, 0, 0), *nobody = attn_narrow(f->q, 0, 0, 0), *no_keys = attn_narrow(f->k, 1, 0, 0);
    assert_int_equal(attn_count(attn_pointer_losses(none, f->k, f->v, keys, target)), 0);
    assert_int_equal(attn_count(attn_pointer_losses(nobody, attn_narrow(f->k, 0, 0, 0), f->v, NULL, target)), 0);
    assert_int_equal(attn_count(attn_pointer_logits(f->q, no_keys, f->v, NULL)), 0);
    attn_tensor *o = attn_pointer_attention(f->q, f->k, f->v, f->k, (const int32_t[]){0, 0, 0});
    for (int i = 0; i < B * M * D; i++) assert_true(attn_data(o)[i] == 0);
    assert_int_equal(attn_tape_backward(attn_sum_all(o)), ATTN_OK);
    for (int i = 0; i < B * M * D; i++) assert_true(attn_grad(f->q)[i] == 0);
}

static void expect(struct fixture *f, const attn_tensor *result, attn_status status, const char *part) {
    char text[1024];
    assert_null(result);
    assert_int_equal(attn_tape_status(f->tape), status);
    if (!strstr(attn_ctx_error(f->ctx, text, sizeof text), part)) fail_msg("\"%s\" lacks \"%s\"", text, part);
    attn_tape_reset(f->tape);
}

static void mistakes_are_named_with_what_was_found_and_needed(void **state) {
    struct fixture *f = *state;
    static const int32_t many[B] = {1, 6, 3}, negative[B] = {1, -1, 3}, beyond[B * M] = {0, 1};
    expect(f, attn_pointer_losses(f->q, f->q, f->q, NULL, target), ATTN_ESHAPE,
           "pointer losses: q [B, M, D], k [B, N, D], v [D] are needed; they are [3, 4, 7], [3, 4, 7], [3, 4, 7]");
    expect(f, attn_pointer_attention(f->q, f->k, f->v, f->q, NULL), ATTN_ESHAPE, "values [B, N, E] are needed; they are");
    expect(f, attn_pointer_logits(f->q, f->k, f->v, many), ATTN_EINVAL, "pointer logits: keys[1] is 6; there are 5 keys");
    expect(f, attn_pointer_logits(f->q, f->k, f->v, negative), ATTN_EINVAL, "keys[1] is -1");
    expect(f, attn_pointer_losses(f->q, f->k, f->v, keys, beyond), ATTN_EINVAL, "target 1 of sequence 0 is 1; the sequence has 1 keys");
    expect(f, attn_pointer_losses(f->q, f->k, f->v, keys, NULL), ATTN_EINVAL, "no targets");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(losses_and_glimpses_are_those_of_operators_on_numbers),
        TEST(nan_in_padding_and_in_queries_without_target_reaches_no_result),
        TEST(logits_beyond_the_keys_are_minus_infinity_and_take_no_gradient),
        TEST(a_loss_is_exact_where_the_probability_is_none),
        TEST(a_loss_with_one_key_is_zero_as_is_its_gradient),
        TEST(arrays_of_the_caller_may_change_before_backward),
        TEST(other_lengths_make_few_plans),
        TEST(nothing_at_all_is_allowed),
        TEST(mistakes_are_named_with_what_was_found_and_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
