/* A tape whose parameters stay as they are: the bits of any other tape, nothing recorded, nothing allocated after the first pass. */
#include "base/random.h"
#include "support/training.h"
#include "tape/tape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_real *random_numbers(int64_t count, uint64_t seed) {
    struct attn_random random;
    attn_real *x = malloc((size_t)count * sizeof *x);
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < count; i++) x[i] = (attn_real)attn_random_normal(&random);
    return x;
}

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *w, *bias;
    int64_t n, k;
};

static struct fixture open_fixture(int threads, int64_t n, int64_t k) {
    struct fixture f = {.ctx = test_context(threads), .n = n, .k = k};
    assert_int_equal(attn_tape_create(f.ctx, &f.tape), ATTN_OK);
    f.w = attn_parameter(f.tape, 2, (const int64_t[]){n, k});
    f.bias = attn_parameter(f.tape, 1, &n);
    attn_real *w = random_numbers(n * k, 1), *bias = random_numbers(n, 2);
    memcpy(attn_data(f.w), w, (size_t)(n * k) * sizeof *w);
    memcpy(attn_data(f.bias), bias, (size_t)n * sizeof *bias);
    free(w);
    free(bias);
    return f;
}

static void close_fixture(struct fixture *f) {
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
}

/* y, of `rows` rows, into `to`. */
static void run(struct fixture *f, int64_t rows, const attn_real *x, bool bias, attn_real *to) {
    attn_tape_reset(f->tape);
    attn_tensor *y = attn_linear(attn_tensor_input(f->tape, 2, (const int64_t[]){rows, f->k}, x), f->w, bias ? f->bias : NULL);
    assert_non_null(y);
    memcpy(to, attn_data(y), (size_t)(rows * f->n) * sizeof *to);
}

static void linear_layers_have_the_same_bits(void **state) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 31, 7}, {1, 33, 128}, {3, 128, 300}, {12, 65, 513}, {13, 64, 64}, {1, 512, 1000}};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int threads = 1; threads < 3; threads++) {
            const int64_t rows = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            struct fixture f = open_fixture(threads, n, k);
            attn_real *x = random_numbers(rows * k, 3), *y = malloc((size_t)(4 * rows * n) * sizeof *y);
            for (int bias = 0; bias < 2; bias++) run(&f, rows, x, bias, y + bias * rows * n);
            attn_tape_freeze(f.tape);
            for (int bias = 0; bias < 2; bias++) run(&f, rows, x, bias, y + (2 + bias) * rows * n);
            if (memcmp(y, y + 2 * rows * n, (size_t)(2 * rows * n) * sizeof *y) != 0)
                fail_msg("%lld rows, %lld by %lld on %d threads", (long long)rows, (long long)n, (long long)k, threads);
            free(x);
            free(y);
            close_fixture(&f);
        }
}

static void views_of_a_parameter_are_multiplied_as_they_are(void **state) {
    struct fixture f = open_fixture(1, 6, 4);
    attn_real *x = random_numbers(4, 3);
    attn_real y[2][3];
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        if (frozen) attn_tape_freeze(f.tape);
        attn_tape_reset(f.tape);
        attn_tensor *out = attn_linear(attn_tensor_input(f.tape, 2, (const int64_t[]){1, 4}, x), attn_narrow(f.w, 0, 3, 3), NULL);
        assert_non_null(out);
        memcpy(y[frozen], attn_data(out), sizeof y[frozen]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    free(x);
    close_fixture(&f);
}

static void nothing_is_recorded_any_more(void **state) {
    struct fixture f = open_fixture(1, 6, 4);
    attn_real *x = random_numbers(4, 3);
    (void)state;
    attn_tape_freeze(f.tape);
    attn_tape_record(f.tape, true);
    attn_tensor *out = attn_linear(attn_tensor_input(f.tape, 2, (const int64_t[]){1, 4}, x), f.w, f.bias);
    assert_int_equal(attn_tape_backward(attn_mean_all(out)), ATTN_EINVAL);
    free(x);
    close_fixture(&f);
}

static void after_the_first_pass_nothing_is_allocated(void **state) {
    struct fixture f = open_fixture(1, 130, 200);
    attn_real *x = random_numbers(200, 3), y[130];
    (void)state;
    attn_tape_freeze(f.tape);
    for (int i = 0; i < 2; i++) run(&f, 1, x, true, y);
    const int64_t allocations = attn_tape_allocations(f.tape);
    for (int i = 0; i < 5; i++) run(&f, 1, x, true, y);
    assert_int_equal(attn_tape_allocations(f.tape), allocations);
    free(x);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_have_the_same_bits),
        cmocka_unit_test(views_of_a_parameter_are_multiplied_as_they_are),
        cmocka_unit_test(nothing_is_recorded_any_more),
        cmocka_unit_test(after_the_first_pass_nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
