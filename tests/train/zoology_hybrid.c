/* A convolution and attention behind it learn multi-query associative recall within a few hundred steps (Arora et al. 2023, sec. 5: a short convolution gives
 * attention the token before for nothing). */
#include "support/training.h"

#include "system/zoology/zoology.h"
#include "train/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_convolution_before_attention_learns_recall(void **state) {
    char folder[64];
    attn_ctx *ctx = test_context(2);
    struct attn_recipe *recipe =
        test_recipe(ctx, "mixer=baseconv+attention vocabulary=64 pairs=4 width=32 batch=64 train_examples=0 steps=500 state=none "
                         "decay=0 test_examples=640");
    struct attn_run_summary summary;
    (void)state;
    test_folder_make(folder);
    const struct attn_work work = {.task = &attn_zoology_mqar, .store = folder, .options = {.checkpoint_seconds = 1e9}};
    assert_int_equal(attn_work_one(ctx, &work, recipe, NULL, NULL, &summary), ATTN_OK);
    const double accuracy = attn_figures_get(&summary.figures, "accuracy");
    print_message("accuracy %.3f; a guess among an example's values is right in 0.25\n", accuracy);
    assert_true(accuracy >= 0.99);
    test_folder_remove(folder);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_convolution_before_attention_learns_recall)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
