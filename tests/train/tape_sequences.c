/* Operators along the tokens of sequences and layers in float, against loops in double. */
#include "support/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void results_are_those_of_loops_by_definition(void **state) {
    (void)state;
    test_sequence_values(1e-5); /* of exponents near 60, as in RWKV of very far keys, float keeps 4e-6 */
}

static void gradients_are_the_differences_of_the_definition(void **state) {
    (void)state;
    test_sequence_gradients(1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_those_of_loops_by_definition),
        cmocka_unit_test(gradients_are_the_differences_of_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
