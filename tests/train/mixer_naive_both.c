/* Mixers in float and in double: what they compute is their papers' formula. */
#include "support/naive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double bound = sizeof(attn_real) == sizeof(float) ? 1e-5 : 1e-10;

static void attention_is_softmax_over_the_keys_that_a_token_sees(void **state) {
    (void)state;
    test_naive_mixers(test_naive_attention, test_naive_attention_count, bound);
}

static void linear_attention_has_the_weights_of_its_feature_map(void **state) {
    (void)state;
    test_naive_mixers(test_naive_linear, test_naive_linear_count, bound);
}

static void retention_decays_and_turns_with_the_distance(void **state) {
    (void)state;
    test_naive_mixers(test_naive_retnet, test_naive_retnet_count, bound);
}

static void selected_positions_and_no_others_get_attention(void **state) {
    (void)state;
    test_naive_mixers(test_naive_select, test_naive_select_count, bound);
}

static void aaren_is_the_recurrence_of_one_query(void **state) {
    (void)state;
    test_naive_mixers(test_naive_aaren, test_naive_aaren_count, bound);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_softmax_over_the_keys_that_a_token_sees),
        cmocka_unit_test(linear_attention_has_the_weights_of_its_feature_map),
        cmocka_unit_test(retention_decays_and_turns_with_the_distance),
        cmocka_unit_test(selected_positions_and_no_others_get_attention),
        cmocka_unit_test(aaren_is_the_recurrence_of_one_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
