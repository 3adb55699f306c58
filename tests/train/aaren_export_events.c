/* aaren/events as C: the written program expects the next event when the model does, on this machine and on a Cortex-M4F. */
#include "support/counts.h"
#include "support/exports.h"

#include "base/random.h"
#include "system/aaren/aaren.h"
#include "system/aaren/events_task.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60, TIMES = 2 /* outputs that are times */ };

static const char small[] =
    "train_sequences=24 test_sequences=6 horizon=20 width=16 ffn=16 batch=8 epochs=4 eval_every=0 patience=0 dropout=0 mixer=aaren:heads=2";

static void open_job(struct test_job *t, const char *words) {
    char all[1024];
    snprintf(all, sizeof all, "%s%s%s", small, words[0] ? " " : "", words);
    test_job_open(t, test_ctx, &attn_aaren_events, all);
}

/* Rows of the program, spans and numbers of marks, and the same as times and marks of the stream. */
static void make_rows(const struct attn_event_task *s, int64_t inputs, float *program, double *model) {
    struct attn_random random;
    double time = s->model.code.clock.absolute ? 0 : 3e8; /* where a stream begins is nothing to it */
    attn_random_init(&random, 12);
    for (int64_t i = 0; i < ROWS; i++) {
        program[i * inputs] = (float)(-s->model.code.clock.unit * log1p(-attn_random_uniform(&random)));
        if (i == 0 && !s->model.code.clock.absolute) program[0] = 0;
        if (i % 9 == 8) program[i * inputs] = 0; /* at once */
        time += (double)program[i * inputs];
        model[i * inputs] = time;
        if (inputs == 1) continue;
        program[i * inputs + 1] = (float)(1 + attn_random_below(&random, (uint64_t)s->marks.count));
        model[i * inputs + 1] = (double)program[i * inputs + 1];
    }
}

/* Of times the sizes are compared. */
static void compare(const struct test_trial *trial, enum test_machine machine) {
    struct test_job t;
    struct attn_export_report report;
    open_job(&t, trial->words);
    const struct attn_event_task *s = t.job.self;
    test_export_stir(&t.job, 6, 0.1);
    test_export_write(&t.job, trial->int8, trial->no_libm, &report);
    const int64_t inputs = report.inputs, outputs = report.outputs;
    double *rows = calloc((size_t)(ROWS * inputs), sizeof *rows), *want = calloc((size_t)(ROWS * outputs), sizeof *want),
           *scale = calloc((size_t)outputs, sizeof *scale);
    float *in = calloc((size_t)(ROWS * inputs), sizeof *in), *got = calloc((size_t)(ROWS * outputs), sizeof *got);
    assert_true(rows && want && scale && in && got);
    make_rows(s, inputs, in, rows);
    test_export_push(&t.job, ROWS, rows, want);
    test_export_run(machine, &report, trial->no_libm, ROWS, in, got);
    for (int64_t k = 0; k < outputs; k++) scale[k] = 1;
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t k = 0; k < TIMES; k++) {
            double *time = want + i * outputs + k;
            *time -= rows[i * inputs];
            const double size = fmax(*time, s->model.code.clock.unit);
            got[i * outputs + k] = (float)((double)got[i * outputs + k] / size);
            *time /= size;
        }
    test_export_compare(trial->words, ROWS, outputs, want, got, scale);
    test_export_print(&report);
    free(rows);
    free(want);
    free(scale);
    free(in);
    free(got);
    test_job_close(&t);
}

static const struct test_trial trials[] = {{"", false, false},
                                           {"encode=both origin=file width=18 layers=3", false, true},
                                           {"encode=span marks=3 ffn=30", true, false},
                                           {"process=sine encode=both width=10", true, true}};
enum { TRIALS = sizeof trials / sizeof trials[0] };

static void the_written_program_expects_what_the_model_does(void **state) {
    (void)state;
    for (int i = 0; i < TRIALS; i++) compare(&trials[i], i % 2 == 0 ? TEST_DESK : TEST_DESK_SLOW);
}

static void on_a_cortex_m4f_too(void **state) {
    (void)state;
    for (int i = 0; i < (test_thinned() ? 1 : TRIALS); i++) compare(&trials[i], TEST_BOARD);
}

/* Of a file: marks have names, and times count from a sequence's first event. */
static void of_a_file_too(void **state) {
    char path[96], words[160];
    (void)state;
    snprintf(path, sizeof path, "%s/events.csv", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("sequence_id,time,mark\n", file);
    for (int s = 0; s < 10; s++)
        for (int i = 0; i < 12; i++) fprintf(file, "%d,%d,%s\n", s, 1400000000 + 3600 * (i * i / 3 + s), i % 3 == 0 ? "a" : "b");
    assert_int_equal(fclose(file), 0);
    snprintf(words, sizeof words, "data=%s encode=both", path);
    compare(&(struct test_trial){words, false, false}, TEST_DESK);
}

/* Rows that the stream refuses leave the program as it was: those behind them are answered as if they had not come. */
static void rows_that_are_none_are_passed_over(void **state) {
    struct test_job t;
    struct attn_export_report report;
    (void)state;
    open_job(&t, "marks=2");
    test_export_write(&t.job, false, false, &report);
    const float with[][2] = {{0, 1}, {1, 2}, {-1, 1}, {NAN, 1}, {INFINITY, 2}, {1, 0}, {1, 3}, {1, 1.5f}, {1, NAN}, {2, 1}},
                without[][2] = {{0, 1}, {1, 2}, {2, 1}};
    enum { WITH = sizeof with / sizeof with[0], WITHOUT = sizeof without / sizeof without[0], OUTPUTS = TIMES + 2 };
    float a[WITH * OUTPUTS], b[WITHOUT * OUTPUTS];
    assert_int_equal(report.outputs, OUTPUTS);
    test_export_run(TEST_DESK, &report, false, WITH, with[0], a);
    test_export_run(TEST_DESK, &report, false, WITHOUT, without[0], b);
    assert_memory_equal(a + (WITH - 1) * OUTPUTS, b + (WITHOUT - 1) * OUTPUTS, OUTPUTS * sizeof *a);
    test_job_close(&t);
}

static void recurrent_encoders_are_refused(void **state) {
    struct test_job t;
    struct attn_export_report report;
    char error[1024];
    (void)state;
    open_job(&t, "encoder=gru");
    assert_int_equal(attn_export(&t.job, &(struct attn_export_options){.folder = test_folder, .name = "refused"}, &report),
                     ATTN_EUNSUPPORTED);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "encoder=gru cannot be written as C"));
    test_job_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_written_program_expects_what_the_model_does),
        cmocka_unit_test(of_a_file_too),
        cmocka_unit_test(rows_that_are_none_are_passed_over),
        cmocka_unit_test(recurrent_encoders_are_refused),
        cmocka_unit_test(on_a_cortex_m4f_too),
    };
    return cmocka_run_group_tests_name("aaren: events as C", tests, test_setting_open, test_setting_close);
}
