/* aaren/classify as C: the written program's probabilities are the model's, on this machine and on a Cortex-M4F, and what cannot be written is refused. */
#include "support/counts.h"
#include "support/exports.h"
#include "support/series.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 70, CHANNELS = 2, CLASSES = 3 };

static const struct test_trial trials[] = {{"head=mean", false, false},
                                           {"head=last layers=2 mixer=aaren:heads=2+aaren:heads=4", false, true},
                                           {"head=mean width=10 ffn=3 mixer=aaren", true, false},
                                           {"head=last", true, true}};
enum { TRIALS = sizeof trials / sizeof trials[0] };

/* A number that is not known here and there. */
static void make_rows(float in[ROWS * CHANNELS]) {
    struct attn_random random;
    attn_random_init(&random, 4);
    for (int i = 0; i < ROWS * CHANNELS; i++) in[i] = attn_random_below(&random, 15) == 0 ? NAN : (float)(2 * attn_random_normal(&random));
}

static void compare(const struct test_trial *trial, enum test_machine machine) {
    static const double scale[CLASSES] = {1, 1, 1};
    struct test_series_job t;
    float in[ROWS * CHANNELS];
    test_series_job_open(&t, 1, trial->words, NULL);
    attn_tape_record(attn_model_tape(t.job.model), false);
    test_export_stir(&t.job, 2, 0.2);
    make_rows(in);
    test_export_agree(&t.job, trial, machine, ROWS, in, scale);
    test_series_job_close(&t);
}

static void the_written_program_has_the_models_probabilities(void **state) {
    (void)state;
    for (int i = 0; i < TRIALS; i++) compare(&trials[i], i % 2 == 0 ? TEST_DESK : TEST_DESK_SLOW);
}

static void on_a_cortex_m4f_too(void **state) {
    (void)state;
    for (int i = 0; i < (test_thinned() ? 1 : TRIALS); i++) compare(&trials[i], TEST_BOARD);
}

static void numbers_that_are_too_great_are_not_known(void **state) {
    struct test_series_job t;
    float in[ROWS * CHANNELS];
    (void)state;
    test_series_job_open(&t, 1, "head=mean", NULL);
    make_rows(in);
    test_export_infinite(&t.job, ROWS, in);
    test_series_job_close(&t);
}

static void models_that_need_whole_series_are_refused(void **state) {
    static const struct {
        const char *words, *piece;
    } cases[] = {{"head=flatten", "head=flatten has weights for 11 steps and ends there"},
                 {"head=mean padding=circular", "padding=circular"},
                 {"head=mean per_case=true", "per_case=true"},
                 {"head=mean mixer=attention:heads=2", "block 0 has the mixer 'attention'"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_series_job t;
        struct attn_export_report report;
        char error[1024];
        test_series_job_open(&t, 1, cases[i].words, NULL);
        const struct attn_export_options options = {.folder = test_folder, .name = "refused"};
        assert_int_equal(attn_export(&t.job, &options, &report), ATTN_EUNSUPPORTED);
        attn_ctx_error(t.ctx, error, sizeof error);
        if (!strstr(error, cases[i].piece)) fail_msg("%s: %s", cases[i].words, error);
        test_series_job_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_written_program_has_the_models_probabilities),
        cmocka_unit_test(on_a_cortex_m4f_too),
        cmocka_unit_test(numbers_that_are_too_great_are_not_known),
        cmocka_unit_test(models_that_need_whole_series_are_refused),
    };
    return cmocka_run_group_tests_name("aaren: classifiers as C", tests, test_setting_open, test_setting_close);
}
