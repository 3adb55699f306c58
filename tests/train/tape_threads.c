/* The same bits for any number of threads. */
#include "support/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 5, OPTIMIZED = 300 * 70 /* numbers */ };

/* Losses and parameters after some steps on so many threads. */
static void train(int threads, float loss[STEPS], attn_real **parameters, size_t *bytes) {
    attn_ctx_config config;
    attn_ctx *ctx;
    struct test_model m;
    attn_ctx_config_init(&config);
    config.threads = threads;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(test_model_open(&m, ctx), ATTN_OK);
    for (int i = 0; i < STEPS; i++) assert_int_equal(test_model_step(&m, (uint64_t)i, 0.5f, &loss[i]), ATTN_OK);
    *bytes = 0;
    for (int i = 0; i < TEST_PARAMETERS; i++) *bytes += (size_t)attn_count(m.parameter[i]) * sizeof(attn_real);
    *parameters = malloc(*bytes);
    assert_non_null(*parameters);
    for (int i = 0, at = 0; i < TEST_PARAMETERS; i++) {
        memcpy(*parameters + at, attn_data(m.parameter[i]), (size_t)attn_count(m.parameter[i]) * sizeof(attn_real));
        at += (int)attn_count(m.parameter[i]);
    }
    test_model_close(&m);
    attn_ctx_destroy(ctx);
}

static void training_gives_the_same_bits_on_1_2_3_and_7_threads(void **state) {
    static const int threads[] = {2, 3, 7};
    float one[STEPS], more[STEPS];
    attn_real *parameters, *others;
    size_t bytes, same;
    (void)state;
    train(1, one, &parameters, &bytes);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        train(threads[i], more, &others, &same);
        assert_int_equal(bytes, same);
        assert_memory_equal(one, more, sizeof one);
        assert_memory_equal(parameters, others, bytes);
        free(others);
    }
    free(parameters);
}

/* Parameters after some steps of an optimiser, gradients clipped, on so many threads. */
static void optimize(attn_optimizer_kind kind, int threads, attn_real to[OPTIMIZED]) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_tape *tape;
    attn_optimizer *optimizer;
    attn_optimizer_config how;
    attn_ctx_config_init(&config);
    attn_optimizer_config_init(&how);
    config.threads = threads;
    how.kind = kind;
    how.momentum = 0.9;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    attn_tensor *w = attn_parameter(tape, 2, (const int64_t[]){300, OPTIMIZED / 300});
    const attn_parameter_group group = {&w, 1, 1, 0.1};
    attn_fill_normal(w, 0, 1, 5);
    assert_int_equal(attn_optimizer_create(ctx, &how, &group, 1, &optimizer), ATTN_OK);
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(attn_tape_backward(attn_sum_all(attn_square(attn_sin(w)))), ATTN_OK);
        assert_true(attn_clip_norm(optimizer, 10) > 10);
        attn_optimizer_step(optimizer, 0.05);
        attn_tape_reset(tape);
    }
    memcpy(to, attn_data(w), sizeof(attn_real) * OPTIMIZED);
    attn_optimizer_destroy(optimizer);
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
}

static void optimizers_give_the_same_bits_on_1_2_3_and_7_threads(void **state) {
    static const int threads[] = {2, 3, 7};
    static attn_real one[OPTIMIZED], more[OPTIMIZED];
    (void)state;
    for (int kind = ATTN_SGD; kind <= ATTN_ADAFACTOR; kind++) {
        optimize((attn_optimizer_kind)kind, 1, one);
        for (int i = 0; i < 3; i++) {
            optimize((attn_optimizer_kind)kind, threads[i], more);
            assert_memory_equal(one, more, sizeof one);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(training_gives_the_same_bits_on_1_2_3_and_7_threads),
                                       cmocka_unit_test(optimizers_give_the_same_bits_on_1_2_3_and_7_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
