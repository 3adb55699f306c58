/* LSTMs of sequences with lengths of their own: what holds beyond single results (support/recurrent.c compares those). */
#include "attn_train.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { B = 37, T = 6, D = 3, H = 5, PARAMETERS = 6 };
#define SIZES(...)                                                                                                                         \
    (const int64_t[]) {                                                                                                                    \
        __VA_ARGS__                                                                                                                        \
    }

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *x, *h, *c, *w, *u, *bias;
    int32_t lengths[B];
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    if (attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape)) return 1;
    f.x = attn_parameter(f.tape, 3, SIZES(B, T, D));
    f.h = attn_parameter(f.tape, 2, SIZES(B, H));
    f.c = attn_parameter(f.tape, 2, SIZES(B, H));
    f.w = attn_parameter(f.tape, 2, SIZES(4 * H, D));
    f.u = attn_parameter(f.tape, 2, SIZES(4 * H, H));
    f.bias = attn_parameter(f.tape, 1, SIZES(4 * H));
    attn_tensor *const all[] = {f.x, f.h, f.c, f.w, f.u, f.bias};
    for (int i = 0; i < PARAMETERS; i++) attn_fill_normal(all[i], 0, 0.5, (uint64_t)i);
    for (int b = 0; b < B; b++) f.lengths[b] = (T + 3 * b) % (T + 1);
    return f.bias == NULL;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

static attn_recurrent_weights weights(const struct fixture *f) {
    return (attn_recurrent_weights){f->w, f->u, f->bias, NULL};
}

/* The loss weighs every number in its own way: it is the sum over sequences of what each makes alone. */
static attn_tensor *loss_of(attn_tensor *y, attn_tensor *h, attn_tensor *c) {
    return attn_add(attn_sum_all(attn_sin(y)), attn_add(attn_sum_all(attn_square(h)), attn_sum_all(attn_exp(c))));
}

static void take(struct fixture *f, attn_tensor *loss, attn_real *to) {
    attn_tensor *const all[] = {f->x, f->h, f->c, f->w, f->u, f->bias};
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    for (int i = 0; i < PARAMETERS; to += attn_count(all[i]), i++) memcpy(to, attn_grad(all[i]), (size_t)attn_count(all[i]) * sizeof *to);
    attn_tape_reset(f->tape);
}
enum { ROOM = B * T * D + 2 * B * H + 4 * H * (D + H + 1) };

/* Each sequence as one of a batch of one, all its tokens and no more. */
static void a_batch_is_its_sequences_one_by_one(void **state) {
    struct fixture *f = *state;
    const attn_recurrent_weights w = weights(f);
    const double bound = 500 * (sizeof(attn_real) == sizeof(double) ? DBL_EPSILON : (double)FLT_EPSILON); /* sums of B T terms below 2 */
    attn_tensor *h, *c, *total = NULL;
    static attn_real together[ROOM], alone[ROOM], states[B * T * H];
    attn_tensor *y = attn_lstm_lengths(f->x, f->h, f->c, &w, f->lengths, &h, &c);
    memcpy(states, attn_data(y), sizeof states);
    take(f, loss_of(y, h, c), together);
    for (int b = 0; b < B; b++) {
        const int32_t n = f->lengths[b];
        attn_tensor *x = attn_narrow(attn_narrow(f->x, 0, b, 1), 1, 0, n);
        y = attn_lstm(x, attn_narrow(f->h, 0, b, 1), attn_narrow(f->c, 0, b, 1), &w, &h, &c);
        for (int i = 0; i < n * H; i++) assert_true(fabs((double)(attn_data(y)[i] - states[b * T * H + i])) <= bound);
        for (int i = n * H; i < T * H; i++) assert_true(states[b * T * H + i] == 0);
        attn_tensor *part = n > 0 ? loss_of(y, h, c) : attn_add(attn_sum_all(attn_square(h)), attn_sum_all(attn_exp(c)));
        total = total ? attn_add(total, part) : part;
    }
    take(f, total, alone);
    for (int i = 0; i < ROOM; i++)
        if (!(fabs((double)(together[i] - alone[i])) <= bound * fmax(1, fabs((double)alone[i]))))
            fail_msg("gradient %d is %.17g, alone %.17g", i, (double)together[i], (double)alone[i]);
}

static void lengths_of_all_tokens_change_no_bit(void **state) {
    struct fixture *f = *state;
    const attn_recurrent_weights w = weights(f);
    int32_t all[B];
    attn_tensor *h, *c;
    static attn_real with[ROOM], without[ROOM];
    for (int b = 0; b < B; b++) all[b] = T;
    attn_tensor *y = attn_lstm_lengths(f->x, f->h, f->c, &w, all, &h, &c), *loss = loss_of(y, h, c);
    memset(all, 0, sizeof all); /* copied */
    take(f, loss, with);
    y = attn_lstm(f->x, f->h, f->c, &w, &h, &c);
    take(f, loss_of(y, h, c), without);
    assert_memory_equal(with + B * T * D, without + B * T * D, sizeof with - sizeof(attn_real) * B * T * D);
}

/* y [B, T, H], h and c [B, H]. */
static void copy_results(attn_tensor *y, attn_tensor *h, attn_tensor *c, attn_real *to) {
    attn_tensor *const all[] = {attn_contiguous(y), attn_contiguous(h), attn_contiguous(c)};
    for (int i = 0; i < 3; to += attn_count(all[i]), i++) memcpy(to, attn_data(all[i]), (size_t)attn_count(all[i]) * sizeof *to);
}

/* Few inputs and many, which take different loops, with and without lengths and first states. */
static void what_is_not_recorded_is_the_same_bits(void **state) {
    enum { MANY = 6, RESULTS = B * T * H + 2 * B * H };
    struct fixture *f = *state;
    attn_tensor *wide = attn_parameter(f->tape, 3, SIZES(B, T, MANY)), *w = attn_parameter(f->tape, 2, SIZES(4 * H, MANY));
    static attn_real want[RESULTS], got[RESULTS];
    attn_fill_normal(wide, 0, 0.5, 7);
    attn_fill_normal(w, 0, 0.5, 8);
    for (int i = 0; i < 8; i++) {
        const attn_recurrent_weights few = weights(f), many = {w, f->u, NULL, f->bias};
        for (int record = 1; record >= 0; record--) {
            attn_tensor *h, *c;
            attn_tape_record(f->tape, record);
            attn_tensor *y = attn_lstm_lengths(i & 1 ? wide : f->x, i & 2 ? f->h : NULL, i & 2 ? f->c : NULL, i & 1 ? &many : &few,
                                               i & 4 ? f->lengths : NULL, &h, &c);
            copy_results(y, h, c, record ? want : got);
            attn_tape_reset(f->tape);
        }
        assert_memory_equal(got, want, sizeof want);
    }
}

/* Where nothing is recorded hidden numbers are made in slices, if they are a multiple of 32; fewer sequences than a strip has, as many, and more. */
static void sequences_of_any_size_are_the_same_bits_not_recorded(void **state) {
    static const int64_t batch[] = {1, 9, 64, 70}, length[] = {3, 1, 0}, hidden[] = {32, 64, 70}, in[] = {2, 1, 4};
    struct fixture *f = *state;
    for (int i = 0; i < 36; i++) {
        const int64_t b = batch[i % 4], t = length[i / 4 % 3], n = hidden[i / 12], d = in[i % 3], results = b * t * n + 2 * b * n;
        attn_tape *tape;
        assert_int_equal(attn_tape_create(f->ctx, &tape), ATTN_OK);
        attn_tensor *all[] = {attn_parameter(tape, 3, SIZES(b, t, d)),  attn_parameter(tape, 2, SIZES(b, n)),
                              attn_parameter(tape, 2, SIZES(b, n)),     attn_parameter(tape, 2, SIZES(4 * n, d)),
                              attn_parameter(tape, 2, SIZES(4 * n, n)), attn_parameter(tape, 1, SIZES(4 * n))};
        attn_real *want = calloc((size_t)results, sizeof *want), *got = calloc((size_t)results, sizeof *got);
        assert_true(want && got);
        for (int k = 0; k < PARAMETERS; k++) attn_fill_normal(all[k], 0, 0.5, (uint64_t)k);
        const attn_recurrent_weights w = {all[3], all[4], i & 1 ? all[5] : NULL, i & 2 ? all[5] : NULL};
        for (int record = 1; record >= 0; record--) {
            attn_tensor *h, *c;
            attn_tape_record(tape, record);
            attn_tensor *y = attn_lstm(all[0], i % 5 ? all[1] : NULL, i % 5 ? all[2] : NULL, &w, &h, &c);
            assert_int_equal(attn_tape_status(tape), ATTN_OK);
            copy_results(y, h, c, record ? want : got);
            attn_tape_reset(tape);
        }
        assert_memory_equal(got, want, (size_t)results * sizeof *want);
        free(want);
        free(got);
        attn_tape_destroy(tape);
    }
}

static void nan_in_padding_reaches_nothing(void **state) {
    struct fixture *f = *state;
    const attn_recurrent_weights w = weights(f);
    attn_tensor *h, *c;
    static attn_real clean[ROOM], spoiled[ROOM];
    attn_tensor *y = attn_lstm_lengths(f->x, f->h, f->c, &w, f->lengths, &h, &c);
    take(f, loss_of(y, h, c), clean);
    for (int i = 0; i < B * T * D; i++)
        if (i / D % T >= f->lengths[i / (T * D)]) attn_data(f->x)[i] = (attn_real)NAN;
    y = attn_lstm_lengths(f->x, f->h, f->c, &w, f->lengths, &h, &c);
    take(f, loss_of(y, h, c), spoiled);
    assert_memory_equal(clean, spoiled, sizeof clean);
    for (int i = 0; i < ROOM; i++) assert_true(isfinite((double)clean[i]));
}

static void lengths_out_of_range_are_named(void **state) {
    struct fixture *f = *state;
    const attn_recurrent_weights w = weights(f);
    char text[1024];
    for (int round = 0; round < 2; round++) {
        f->lengths[2] = round ? -1 : T + 1;
        assert_null(attn_lstm_lengths(f->x, NULL, NULL, &w, f->lengths, NULL, NULL));
        assert_int_equal(attn_tape_status(f->tape), ATTN_EINVAL);
        assert_non_null(
            strstr(attn_ctx_error(f->ctx, text, sizeof text), round ? "LSTM: lengths[2] is -1" : "lengths[2] is 7; there are 6 tokens"));
        attn_tape_reset(f->tape);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_its_sequences_one_by_one),   TEST(lengths_of_all_tokens_change_no_bit),
        TEST(what_is_not_recorded_is_the_same_bits), TEST(sequences_of_any_size_are_the_same_bits_not_recorded),
        TEST(nan_in_padding_reaches_nothing),        TEST(lengths_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
