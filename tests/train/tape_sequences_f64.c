/* Operators along the tokens of sequences and layers in double: against loops, and their gradients against differences. */
#include "support/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void results_are_those_of_loops_by_definition(void **state) {
    (void)state;
    test_sequence_values(1e-10);
}

static void gradients_along_sequences_are_their_differences(void **state) {
    (void)state;
    for (int i = 0; test_sequence_at(i); i++) {
        const struct test_sequence *of = test_sequence_at(i);
        struct test_gradient_case c = {.name = of->name, .compute = of->compute};
        memcpy(c.size, of->size, sizeof c.size);
        if (of->differences) test_gradients(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_those_of_loops_by_definition),
        cmocka_unit_test(gradients_along_sequences_are_their_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
