/* Random numbers: known answers of the generator, ranges and moments of what is drawn from it. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Known-answer vectors published with Salmon et al. 2011 (Random123, kat_vectors, philox4x32 10). */
static void philox_gives_the_published_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint32_t out[4];
        attn_philox(known[i].key, known[i].counter, out);
        assert_memory_equal(out, known[i].out, sizeof(out));
    }
}

static void the_sequence_is_the_blocks_of_philox_in_order(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 0x123456789abcdef0u);
    const uint32_t key[2] = {0x9abcdef0u, 0x12345678u};
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = {block, 0, 0, 0};
        uint32_t out[4];
        attn_philox(key, counter, out);
        for (int i = 0; i < 4; i++) assert_int_equal(attn_random_u32(&r), out[i]);
    }
}

static void below_stays_below_and_reaches_every_value(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 1);
    int count[7] = {0};
    for (int i = 0; i < 7000; i++) {
        const uint64_t x = attn_random_below(&r, 7);
        assert_true(x < 7);
        count[x]++;
    }
    for (int i = 0; i < 7; i++) assert_in_range(count[i], 850, 1150); /* five standard deviations around 1000 */
    assert_int_equal(attn_random_below(&r, 1), 0);
}

static void moments(int64_t n, const float *x, double *mean, double *variance) {
    *mean = *variance = 0.0;
    for (int64_t i = 0; i < n; i++) *mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) *variance += ((double)x[i] - *mean) * ((double)x[i] - *mean) / (double)n;
}

static void normal_numbers_have_mean_0_and_the_variance_asked_for(void **state) {
    (void)state;
    enum { N = 20001 };
    static float x[N];
    struct attn_random r;
    attn_random_init(&r, 2);
    attn_random_fill_normal(&r, x, N, 3.0f);
    double mean, variance;
    moments(N, x, &mean, &variance);
    assert_true(fabs(mean) < 0.1 && fabs(variance - 9.0) < 0.5);
    for (int i = 0; i < N; i++) x[i] = (float)attn_random_normal(&r);
    moments(N, x, &mean, &variance);
    assert_true(fabs(mean) < 0.035 && fabs(variance - 1.0) < 0.055);
}

static void uniform_numbers_lie_in_the_unit_interval(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 3);
    double sum = 0.0;
    for (int i = 0; i < 10000; i++) {
        const double x = attn_random_uniform(&r);
        assert_true(x >= 0.0 && x < 1.0);
        sum += x;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.015);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(the_sequence_is_the_blocks_of_philox_in_order),
        cmocka_unit_test(below_stays_below_and_reaches_every_value),
        cmocka_unit_test(normal_numbers_have_mean_0_and_the_variance_asked_for),
        cmocka_unit_test(uniform_numbers_lie_in_the_unit_interval),
    };
    return cmocka_run_group_tests_name("base: random numbers", tests, NULL, NULL);
}
