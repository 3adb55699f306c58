/* The same bits for any number of threads. */
#include "support/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 5 };

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(training_gives_the_same_bits_on_1_2_3_and_7_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
