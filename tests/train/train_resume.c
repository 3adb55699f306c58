/* A training that was stopped and resumed gives the bits of one that was not: weights, optimiser, lines, for every mixer and every setting of the
 * trainer that keeps something between steps; and any number of threads gives the same model. */
#include "support/counts.h"
#include "support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Trains to `stop_at`, or to the end. */
static void advance(int threads, const char *words, char folder[TEST_PATH], int64_t stop_at) {
    attn_ctx *ctx = test_context(threads);
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct test_training training = {.stop_at = stop_at};
    enum attn_train_end end;
    char text[1024];
    const attn_status status = test_train(ctx, recipe, test_folder, folder, &training, &end);
    if (status) fail_msg("%s: %s", words, attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(end, stop_at > 0 ? ATTN_TRAIN_STOPPED : ATTN_TRAIN_DONE);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

/* 40 steps at once against 13 and 27; then one more, and the model. */
static void check(int threads, const char *words) {
    char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
    advance(threads, words, whole, 40);
    advance(threads, words, parts, 13);
    advance(threads, words, parts, 40);
    test_same_checkpoint(whole, parts);
    advance(threads, words, whole, 0);
    advance(threads, words, parts, 0);
    test_same_file(whole, parts, ATTN_MODEL_FILE);
    char *a = test_lines(whole), *b = test_lines(parts);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void every_mixer_goes_on_bit_for_bit(void **state) {
    (void)state;
    for (int i = 0; i < attn_mixer_count(); i++)
        for (int threads = test_thinned() ? 2 : 1; threads <= 2; threads++) {
            char words[256];
            snprintf(words, sizeof words, "steps=41 mixer=%s", attn_mixer_at(i)->name);
            check(threads, words);
            snprintf(words, sizeof words,
                     "steps=41 mixer=%s state=mlp dropout=0.1 ema=0.9 patience=100 eval_every=6 micro_batches=4 clip=1 warmup=5",
                     attn_mixer_at(i)->name);
            check(threads, words);
        }
}

static void every_optimiser_goes_on_bit_for_bit(void **state) {
    static const char *const optimizers[] = {"sgd", "sgd momentum=0.9", "adam", "adamw", "radam", "adafactor", "adafactor beta1=0"};
    (void)state;
    for (size_t i = 0; i < sizeof optimizers / sizeof optimizers[0]; i++) {
        char words[256];
        snprintf(words, sizeof words, "steps=41 micro_batches=2 mixer=attention+baseconv untied=true norm=rms optimizer=%s", optimizers[i]);
        check(2, words);
    }
}

static void every_schedule_goes_on_bit_for_bit(void **state) {
    static const char *const schedules[] = {
        "constant", "cosine", "cosine_epoch period=7", "inverse_root warmup=9", "steps period=11", "linear hold=0.4 warmup=3"};
    (void)state;
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        char words[256];
        snprintf(words, sizeof words, "steps=41 schedule=%s", schedules[i]);
        check(1, words);
    }
}

/* Of a data set that is cut into passes, of fresh examples, and of a mixture of lengths. */
static void every_order_of_the_data_goes_on_bit_for_bit(void **state) {
    (void)state;
    check(1, "steps=41 train_examples=0");
    check(1, "steps=41 train_examples=20");
    check(2, "steps=41 train_examples=0 mixture=8:1:30+16:3:50 test_mixture=16:2:9+8:1:5 eval_every=10");
}

static void a_place_between_two_lines_is_kept(void **state) {
    char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
    const char *const words = "steps=4000 vocabulary=16 length=8 pairs=1 width=4 layers=1 batch=1 train_examples=0 test_examples=4";
    (void)state; /* a line every 4 steps */
    advance(1, words, whole, 1501);
    advance(1, words, parts, 101);
    advance(1, words, parts, 1402);
    advance(1, words, parts, 1501);
    test_same_checkpoint(whole, parts);
    char *a = test_lines(whole), *b = test_lines(parts);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void the_model_is_the_same_bytes_on_1_2_and_3_threads(void **state) {
    (void)state;
    for (int i = 0; i < attn_mixer_count(); i++) {
        char words[256], first[TEST_PATH] = "";
        snprintf(words, sizeof words, "steps=12 width=32 batch=16 dropout=0.1 state=mlp micro_batches=2 mixer=%s", attn_mixer_at(i)->name);
        for (int threads = 1; threads <= 3; threads++) {
            char folder[TEST_PATH] = "";
            advance(threads, words, folder, 0);
            if (threads == 1) memcpy(first, folder, sizeof first);
            test_same_file(first, folder, ATTN_MODEL_FILE);
        }
    }
}

/* Patience ends a training in the same step, with the same weights, wherever it was stopped. */
static void patience_is_remembered(void **state) {
    char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
    const char *const words = "steps=200 lr=0 eval_every=5 patience=4";
    (void)state; /* figures never change: the first is the best */
    advance(1, words, whole, 0);
    advance(1, words, parts, 7);
    advance(1, words, parts, 21);
    advance(1, words, parts, 0);
    test_same_file(whole, parts, ATTN_MODEL_FILE);
    char *a = test_lines(whole), *b = test_lines(parts);
    assert_string_equal(a, b);
    assert_non_null(strstr(a, "{\"event\":\"evaluation\",\"step\":25,"));
    assert_null(strstr(a, "\"step\":26"));
    free(a);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mixer_goes_on_bit_for_bit),
        cmocka_unit_test(every_optimiser_goes_on_bit_for_bit),
        cmocka_unit_test(every_schedule_goes_on_bit_for_bit),
        cmocka_unit_test(every_order_of_the_data_goes_on_bit_for_bit),
        cmocka_unit_test(a_place_between_two_lines_is_kept),
        cmocka_unit_test(the_model_is_the_same_bytes_on_1_2_and_3_threads),
        cmocka_unit_test(patience_is_remembered),
    };
    return cmocka_run_group_tests_name("train: resuming", tests, test_setting_open, test_setting_close);
}
