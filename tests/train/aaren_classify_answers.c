/* aaren/classify: streams, answers, pictures and saved models. */
#include "support/series.h"
#include "support/setting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------------------------------------------------- streams */

/* The rows of a case of the test's set, in the units of the file. */
static void row_of(const struct test_series_job *t, int64_t c, int64_t step, double *row) {
    const struct attn_aaren_classify_scale *scale = &t->task->data.kind.scale;
    const struct attn_aaren_classify_set *set = &t->task->data.test;
    for (int64_t d = 0; d < set->channels; d++)
        row[d] = (double)set->x[(c * set->length + step) * set->channels + d] * scale->deviation[d] + scale->mean[d];
}

/* Probabilities of the batch, of the first `steps` steps of a case. */
static void prefix(struct test_series_job *t, int64_t c, int64_t steps, double *probability) {
    struct attn_aaren_classify_set one = t->task->data.test;
    int32_t length = (int32_t)steps;
    attn_real *x = calloc((size_t)(one.length * one.channels), sizeof *x);
    assert_non_null(x);
    memcpy(x, one.x + c * one.length * one.channels, (size_t)(steps * one.channels) * sizeof *x);
    one.x = x;
    one.steps = &length;
    attn_tape_reset(attn_model_tape(t->job.model));
    attn_tensor *logits = attn_aaren_classify_logits(&t->task->model, &one, NULL, 0, 1, false);
    assert_non_null(logits);
    for (int64_t k = 0; k < t->task->model.classes; k++) probability[k] = (double)attn_data(logits)[k];
    attn_aaren_classify_probabilities(probability, t->task->model.classes);
    free(x);
}

static void rows_one_by_one_are_answered_as_prefixes_are(void **state) {
    static const char *const streams[] = {"", "head=mean", "head=last layers=2", "head=mean mixer=attention:heads=2",
                                          "mixer=aaren:heads=2+attention"};
    (void)state;
    for (size_t v = 0; v < sizeof streams / sizeof streams[0]; v++) {
        struct test_series_job t;
        struct attn_stream_face face;
        test_series_job_open(&t, 1, streams[v], NULL);
        test_series_descend(&t, 20);
        assert_int_equal(attn_aaren_classify.stream(&t.job, 11, &face), ATTN_OK);
        assert_int_equal(face.inputs, 2);
        assert_int_equal(face.outputs, 3);
        assert_string_equal(face.input_name[1], "channel_2");
        assert_string_equal(face.output_name[0], "chirp");
        assert_true(face.constant == (v == 1 || v == 2));
        for (int64_t c = 0; c < 3; c++) {
            attn_real *run = calloc((size_t)face.state, sizeof *run);
            assert_non_null(run);
            for (int64_t step = 0; step < 11; step++) {
                double row[2], got[3], wanted[3], sum = 0;
                row_of(&t, c, step, row);
                assert_int_equal(attn_aaren_classify.push(&t.job, run, 11, step, row, got), ATTN_OK);
                prefix(&t, c, step + 1, wanted);
                for (int k = 0; k < 3; k++) {
                    sum += got[k];
                    if (!(fabs(got[k] - wanted[k]) <= 1e-5))
                        fail_msg("%s, step %d, class %d: %.9g, of the prefix %.9g", streams[v], (int)step, k, got[k], wanted[k]);
                }
                assert_true(fabs(sum - 1) <= 1e-12);
            }
            free(run);
        }
        test_series_job_close(&t);
    }
}

static void long_streams_keep_their_state_and_allocate_nothing(void **state) {
    struct test_series_job t;
    struct attn_stream_face face, longer;
    double row[2] = {0.5, -1}, out[3];
    (void)state;
    test_series_job_open(&t, 1, "head=mean", NULL);
    attn_tape *tape = attn_model_tape(t.job.model);
    assert_int_equal(attn_aaren_classify.stream(&t.job, 11, &face), ATTN_OK);
    assert_int_equal(attn_aaren_classify.stream(&t.job, INT64_C(1) << 40, &longer), ATTN_OK);
    assert_true(face.constant);
    assert_int_equal(face.state, longer.state);
    attn_real *run = calloc((size_t)face.state, sizeof *run);
    assert_non_null(run);
    int64_t allocations = 0;
    for (int64_t position = 0; position < 2000; position++) {
        row[0] = sin((double)position);
        assert_int_equal(attn_aaren_classify.push(&t.job, run, INT64_C(1) << 40, position, row, out), ATTN_OK);
        assert_true(isfinite(out[0]));
        if (position == 1) allocations = attn_tape_allocations(tape);
    }
    assert_int_equal(attn_tape_allocations(tape), allocations);
    free(run);
    test_series_job_close(&t);
}

/* At first the mean of training, then the value before; a row that is refused changes nothing. */
static void missing_values_are_those_before_and_those_that_are_too_great_are_refused(void **state) {
    struct test_series_job t;
    struct attn_stream_face face;
    (void)state;
    test_series_job_open(&t, 1, "head=last", NULL);
    assert_int_equal(attn_aaren_classify.stream(&t.job, 11, &face), ATTN_OK);
    const double *mean = t.task->data.kind.scale.mean;
    const double holes[3][2] = {{(double)NAN, 2}, {0.5, (double)NAN}, {(double)NAN, (double)NAN}},
                 full[3][2] = {{mean[0], 2}, {0.5, 2}, {0.5, 2}};
    const double infinite[2] = {1, (double)INFINITY}, far[2] = {mean[0] - 1.001e12 * t.task->data.kind.scale.deviation[0], 1};
    attn_real *a = calloc((size_t)face.state, sizeof *a), *b = calloc((size_t)face.state, sizeof *b);
    assert_true(a && b);
    for (int64_t step = 0; step < 3; step++) {
        double x[3], y[3];
        char sentence[1024];
        assert_int_equal(attn_aaren_classify.push(&t.job, a, 11, step, infinite, x), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), "channel 2: found an infinite value"));
        assert_int_equal(attn_aaren_classify.push(&t.job, a, 11, step, far, x), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), "within 1e+12 deviations of training's mean"));
        assert_int_equal(attn_aaren_classify.push(&t.job, a, 11, step, holes[step], x), ATTN_OK);
        assert_int_equal(attn_aaren_classify.push(&t.job, b, 11, step, full[step], y), ATTN_OK);
        assert_memory_equal(x, y, sizeof x);
        assert_memory_equal(a, b, (size_t)face.state * sizeof *a);
    }
    free(a);
    free(b);
    test_series_job_close(&t);
}

static void models_that_are_no_streams_say_so(void **state) {
    static const struct {
        const char *words, *sentence;
    } wrong[] = {{"padding=circular", "padding=circular: each step sees the one behind it"},
                 {"per_case=true", "per_case=true: cases are standardised as a whole"}};
    struct test_series_job t;
    struct attn_stream_face face;
    char sentence[1024];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        test_series_job_open(&t, 1, wrong[i].words, NULL);
        assert_int_equal(attn_aaren_classify.stream(&t.job, 11, &face), ATTN_EUNSUPPORTED);
        assert_non_null(strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), wrong[i].sentence));
        test_series_job_close(&t);
    }
    test_series_job_open(&t, 1, "head=flatten", NULL);
    assert_int_equal(attn_aaren_classify.stream(&t.job, 20, &face), ATTN_OK);
    double row[2] = {0, 0}, out[3];
    attn_real *run = calloc((size_t)face.state, sizeof *run);
    assert_non_null(run);
    assert_int_equal(attn_aaren_classify.push(&t.job, run, 20, 11, row, out), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(attn_ctx_error(t.ctx, sentence, sizeof sentence), "row 12: head=flatten has weights for 11 steps"));
    free(run);
    test_series_job_close(&t);
}

/* --------------------------------------------------------------------------------------------- answers and pictures */

/* What predict writes to these series; freed by free. */
static char *answers(struct test_series_job *t, const char *series, bool check, struct attn_picture *picture, attn_status wanted) {
    const struct attn_predict_options options = {.input = "series", .check = check, .picture = picture};
    char *text = NULL, sentence[1024];
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)series, strlen(series), "rb"), *out = open_memstream(&text, &bytes);
    assert_true(in && out);
    const attn_status status = attn_aaren_classify.predict(&t->job, &options, in, out);
    fclose(in);
    fclose(out);
    if (status != wanted) fail_msg("status %d: %s", (int)status, attn_ctx_error(t->ctx, sentence, sizeof sentence));
    return text;
}

static void series_are_answered_by_a_line_of_csv_each(void **state) {
    struct test_series_job t;
    double p[3];
    int at = 0, number;
    char word[16], label[16];
    (void)state;
    test_series_job_open(&t, 1, "head=mean", NULL);
    test_series_descend(&t, 3);
    char *text = answers(&t, "@data\n1,2:0.5,-1\n3:4\n", false, NULL, ATTN_OK);
    assert_int_equal(strncmp(text, "case,predicted,chirp,step,burst\n1,", 34), 0);
    for (int c = 1; c <= 2; c++) {
        const char *line = c == 1 ? strchr(text, '\n') + 1 : strchr(strchr(text, '\n') + 1, '\n') + 1;
        assert_int_equal(sscanf(line, "%d,%15[^,],%lf,%lf,%lf", &number, word, &p[0], &p[1], &p[2]), 5);
        assert_int_equal(number, c);
        assert_true(fabs(p[0] + p[1] + p[2] - 1) <= 1e-5);
        for (int k = 0; k < 3; k++) at = p[k] > p[at] ? k : at;
        assert_string_equal(word, t.task->data.kind.name[at]);
    }
    free(text);
    text = answers(&t, "@classLabel true step walk\n@data\n1,2:0.5,-1:walk\n3:4:?\n", true, NULL, ATTN_OK);
    assert_int_equal(strncmp(text, "case,predicted,label,chirp,step,burst\n1,", 40), 0);
    assert_int_equal(sscanf(strchr(text, '\n') + 1, "%d,%15[^,],%15[^,],", &number, word, label), 3);
    assert_string_equal(label, "walk");
    assert_int_equal(sscanf(strchr(strchr(text, '\n') + 1, '\n') + 1, "%d,%15[^,],%15[^,],", &number, word, label), 3);
    assert_string_equal(label, "?");
    free(text);
    free(answers(&t, "@data\n1:0.5\n", true, NULL, ATTN_EUNSUPPORTED)); /* nothing to set beside it */
    free(answers(&t, "@data\n1,2\n", false, NULL, ATTN_EINVAL));        /* one dimension */
    free(answers(&t, "@data\n1,x:1,2\n", false, NULL, ATTN_EINVAL));
    free(answers(&t, "@data\n1,2,3,4,5,6,7,8,9,0,1,2:1\n", false, NULL, ATTN_EUNSUPPORTED)); /* 12 steps */
    test_series_job_close(&t);
}

static void pictures_show_confusion_and_probabilities_over_time(void **state) {
    struct test_series_job t;
    struct attn_picture p = {.points = 0};
    double wanted[3];
    (void)state;
    test_series_job_open(&t, 1, "head=mean", NULL);
    test_series_descend(&t, 3);
    assert_int_equal(attn_aaren_classify.picture(&t.job, 0, &p), ATTN_OK);
    assert_int_equal(p.rows, 3);
    assert_int_equal(p.columns, 3);
    assert_string_equal(p.label[4], "step");
    for (int k = 0; k < 3; k++) assert_true(fabs(p.cell[3 * k] + p.cell[3 * k + 1] + p.cell[3 * k + 2] - 1) <= 1e-12);
    attn_picture_free(t.ctx, &p);
    assert_int_equal(attn_aaren_classify.picture(&t.job, 2, &p), ATTN_OK); /* of the second class: the second case */
    assert_int_equal(p.rows, 2 + 3);
    assert_int_equal(p.columns, 11);
    for (int64_t step = 0; step < 11; step++) {
        prefix(&t, 1, step + 1, wanted);
        for (int k = 0; k < 3; k++) assert_true(fabs(p.cell[(2 + k) * 11 + step] - wanted[k]) <= 1e-5);
        for (int d = 0; d < 2; d++) assert_true(p.cell[d * 11 + step] >= 0 && p.cell[d * 11 + step] <= 1);
    }
    attn_picture_free(t.ctx, &p);
    assert_int_equal(attn_aaren_classify.picture(&t.job, 3, &p), ATTN_OK);
    assert_true(attn_picture_empty(&p));
    char *text = answers(&t, "@data\n1,2:0.5,-1\n", false, &p, ATTN_OK);
    assert_int_equal(p.columns, 2);
    attn_picture_free(t.ctx, &p);
    free(text);
    test_series_job_close(&t);
}

/* ------------------------------------------------------------------------------------------------------ saved models */

static void a_saved_model_answers_without_its_files_and_evaluates_with_them(void **state) {
    static const char series[] = "@classLabel true a b\n@data\n1,2,3:a\n2,2,1:b\n0,9,1:b\n5,4:b\n1,1:a\n3,2,1:b\n7,7,7:a\n2,3:b\n1,0,0:b\n";
    char path[TEST_PATH], words[3 * TEST_PATH], *known;
    struct test_series_job t, saved;
    struct attn_figures before = {.count = 0}, after = {.count = 0};
    (void)state;
    test_series_file(test_folder, "train.ts", series, path);
    snprintf(words, sizeof words, "data=%s test=%s held_out=0.3", path, path);
    test_series_job_open(&t, 1, words, NULL);
    assert_int_equal(attn_aaren_classify.extra(&t.job, &known), ATTN_OK);
    attn_tape_record(attn_model_tape(t.job.model), false);
    assert_int_equal(attn_aaren_classify.evaluate(&t.job, NULL, &before), ATTN_OK);
    char *wanted = answers(&t, "@data\n1,2\n", false, NULL, ATTN_OK);
    remove(path);
    test_series_job_open(&saved, 1, words, known); /* the same seed: the same weights */
    attn_tape_record(attn_model_tape(saved.job.model), false);
    char *got = answers(&saved, "@data\n1,2\n", false, NULL, ATTN_OK);
    assert_string_equal(got, wanted);
    assert_int_equal(attn_aaren_classify.evaluate(&saved.job, NULL, &after), ATTN_EINVAL);
    test_series_file(test_folder, "train.ts", series, path);
    after.count = 0;
    assert_int_equal(attn_aaren_classify.evaluate(&saved.job, NULL, &after), ATTN_OK);
    assert_int_equal(after.count, before.count);
    for (int i = 0; i < before.count; i++) assert_true(after.at[i].value == before.at[i].value);
    test_series_job_close(&saved);
    test_series_file(test_folder, "train.ts", "@classLabel true b a\n@data\n1:a\n2:a\n3:b\n4:b\n", path);
    test_series_job_open(&saved, 1, words, known);
    assert_int_equal(attn_aaren_classify.evaluate(&saved.job, NULL, &after), ATTN_EINVAL);
    char sentence[1024];
    assert_non_null(strstr(attn_ctx_error(saved.ctx, sentence, sizeof sentence),
                           "found 1 dimensions, 2 classes and 1 steps, expected 1, 2 of the same names and at most 3 as in training"));
    free(got);
    free(wanted);
    attn_free(t.ctx, known);
    test_series_job_close(&saved);
    test_series_job_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_one_by_one_are_answered_as_prefixes_are),
        cmocka_unit_test(long_streams_keep_their_state_and_allocate_nothing),
        cmocka_unit_test(missing_values_are_those_before_and_those_that_are_too_great_are_refused),
        cmocka_unit_test(models_that_are_no_streams_say_so),
        cmocka_unit_test(series_are_answered_by_a_line_of_csv_each),
        cmocka_unit_test(pictures_show_confusion_and_probabilities_over_time),
        cmocka_unit_test_setup_teardown(a_saved_model_answers_without_its_files_and_evaluates_with_them, test_setting_open,
                                        test_setting_close),
    };
    return cmocka_run_group_tests_name("aaren: answers of the classifier", tests, NULL, NULL);
}
