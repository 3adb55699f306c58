/* Two layers of attention with set weights solve multi-query associative recall without training: task, kernels and operators are sound. */
#include "system/zoology/hand_built.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { EXAMPLES = 25 };

static void set_weights_recall_every_value(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {
        {8192, 1, 64, 4, 0.01, false}, {8192, 1, 128, 8, 0.01, false}, {8192, 1, 256, 16, 0.01, false}, {8192, 1, 512, 64, 0.01, false}};
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (size_t n = 0; n < sizeof tasks / sizeof *tasks; n++) {
        int64_t right, questions;
        assert_int_equal(attn_hand_built_recall(ctx, &tasks[n], 9, 0, EXAMPLES, &right, &questions), ATTN_OK);
        assert_int_equal(questions, EXAMPLES * tasks[n].pairs);
        assert_int_equal(right, questions);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(set_weights_recall_every_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
