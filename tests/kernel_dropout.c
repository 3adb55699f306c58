/* Dropout: rows of words equal single pairs, the rate is p, and offsets move the pattern with the indices. */
#include "base/random.h"
#include "kernel/kernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void words_equal_single_pairs(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 7);
    for (int round = 0; round < 200; round++) {
        const uint64_t seed = attn_random_below(&r, UINT64_MAX);
        const double p = attn_random_uniform(&r);
        const int64_t sequence = (int64_t)attn_random_below(&r, 100), i0 = (int64_t)attn_random_below(&r, 1000);
        const int64_t j0 = (int64_t)attn_random_below(&r, 1000), n = (int64_t)attn_random_below(&r, 20);
        const int32_t head = (int32_t)attn_random_below(&r, 50);
        const int lanes = 1 + (int)attn_random_below(&r, 32);
        uint32_t words[20];
        attn_dropout_words(seed, p, sequence, head, i0, lanes, j0, j0 + n, words);
        for (int64_t j = 0; j < n; j++)
            for (int lane = 0; lane < 32; lane++) {
                const bool keeps = lane < lanes && attn_dropout_keeps(seed, p, sequence, head, i0 + lane, j0 + j);
                assert_int_equal(words[j] >> lane & 1, keeps);
            }
    }
}

static void the_counter_is_row_quarter_key_head_sequence(void **state) {
    (void)state;
    const uint32_t key[2] = {0x89abcdef, 0x01234567}, counter[4] = {11, 5, 3, 2};
    uint32_t word[4];
    attn_philox(key, counter, word);
    for (int w = 0; w < 4; w++) {
        const double share = ldexp((double)word[w], -32);
        assert_true(attn_dropout_keeps(0x0123456789abcdef, share, 2, 3, 11, 20 + w));
        assert_false(attn_dropout_keeps(0x0123456789abcdef, nextafter(share + ldexp(1.0, -32), 1.0), 2, 3, 11, 20 + w));
    }
}

static void the_share_of_dropped_pairs_is_p(void **state) {
    (void)state;
    static const double ps[] = {0.0, 0.1, 0.5, 0.9};
    for (int n = 0; n < 4; n++) {
        int64_t kept = 0;
        for (int64_t i = 0; i < 200; i++)
            for (int64_t j = 0; j < 200; j++) kept += attn_dropout_keeps(42, ps[n], 0, 0, i, j);
        assert_true(fabs((double)kept / 40000 - (1.0 - ps[n])) <= 0.0125 * (ps[n] > 0.0)); /* five standard deviations at 1/2 */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_equal_single_pairs),
        cmocka_unit_test(the_counter_is_row_quarter_key_head_sequence),
        cmocka_unit_test(the_share_of_dropped_pairs_is_p),
    };
    return cmocka_run_group_tests_name("kernel: dropout", tests, NULL, NULL);
}
