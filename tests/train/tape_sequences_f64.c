/* Operators along the tokens of sequences in double: against loops, and their gradients against differences. */
#include "support/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void results_are_those_of_loops_over_all_pairs_of_tokens(void **state) {
    (void)state;
    test_sequence_values(1e-10);
}

static void gradients_along_sequences_are_their_differences(void **state) {
    (void)state;
    for (int i = 0; i < test_sequences_count; i++) {
        struct test_gradient_case c = {.name = test_sequences[i].name, .compute = test_sequences[i].compute};
        memcpy(c.size, test_sequences[i].size, sizeof c.size);
        if (test_sequences[i].differences) test_gradients(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_those_of_loops_over_all_pairs_of_tokens),
        cmocka_unit_test(gradients_along_sequences_are_their_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
