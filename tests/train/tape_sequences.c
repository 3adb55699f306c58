/* Operators along the tokens of sequences in float, against loops in double. */
#include "support/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void results_are_those_of_loops_over_all_pairs_of_tokens(void **state) {
    (void)state;
    test_sequence_values(1e-4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(results_are_those_of_loops_over_all_pairs_of_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
