/* What a model of events answers: streams against the whole sequence at once, tables of predictions against its own mixtures, pictures, and what is refused. */
#include "support/events.h"
#include "system/aaren/aaren.h"
#include "system/aaren/events_forecast.h"
#include "system/aaren/events_loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A model that does not record what it does. */
static void open_job(struct test_events *o, const char *words) {
    char all[256];
    snprintf(all, sizeof all, "train_sequences=16 test_sequences=4 horizon=30%s%s", words[0] ? " " : "", words);
    test_events_open(o, all, NULL);
    attn_tape_record(attn_model_tape(o->job.model), false);
}

/* ------------------------------------------------------------------------------------------------------------- streams */

/* What the model says at once behind each of n events, [n][outputs], as push gives it. */
static void say_at_once(struct test_events *o, const struct attn_events *e, int64_t first, int64_t n, double *out) {
    struct attn_event_task *s = o->task;
    const int64_t outputs = 2 + s->marks.count;
    for (int64_t i = 0; i < n; i++) {
        const attn_real *times;
        attn_tensor *marks;
        struct attn_log_normals mixture;
        struct attn_event_forecast f;
        assert_int_equal(attn_event_batch_begin(test_ctx, &s->batch, &s->model.code, 1, i + 1), ATTN_OK);
        attn_event_batch_ask(&s->batch, 0, &s->model.code, e, first, i + 1);
        assert_int_equal(attn_event_say(&o->job, &times, &marks), ATTN_OK);
        attn_event_mixture(s->model.components, times, &mixture);
        attn_event_forecast_of(&mixture, &s->model.code.clock, 0, &f);
        out[i * outputs] = e->time[first + i] + f.mean;
        out[i * outputs + 1] = e->time[first + i] + f.median;
        attn_event_shares(attn_data(marks), s->marks.count, out + i * outputs + 2);
    }
}

static void events_one_by_one_are_the_sequence_at_once(void **state) {
    static const char *const ways[] = {"", "mixer=attention:heads=2", "encoder=gru", "mixer=aaren:heads=2+mamba encode=span",
                                       "process=sine encode=both"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        struct test_events o;
        struct attn_stream_face face;
        open_job(&o, ways[w]);
        const struct attn_events *e = &o.task->events[2];
        const int64_t first = e->first[0], n = e->first[1] - first - 1;
        assert_true(n > 4);
        assert_int_equal(o.job.task->stream(&o.job, n, &face), ATTN_OK);
        assert_int_equal(face.inputs, 2);
        assert_int_equal(face.outputs, 2 + o.task->marks.count);
        assert_string_equal(face.input_name[1], "mark");
        assert_string_equal(face.output_name[0], "expected_time");
        assert_string_equal(face.output_name[2], "p_1");
        assert_int_equal(face.constant, w != 1);
        attn_real *state_numbers = calloc((size_t)face.state, sizeof *state_numbers);
        double *at_once = malloc((size_t)(n * face.outputs) * sizeof *at_once), *out = malloc((size_t)face.outputs * sizeof *out);
        assert_true(state_numbers && at_once && out);
        say_at_once(&o, e, first, n, at_once);
        for (int64_t i = 0; i < n; i++) {
            const double in[2] = {e->time[first + i], e->mark[first + i] + 1};
            assert_int_equal(o.job.task->push(&o.job, state_numbers, n, i, in, out), ATTN_OK);
            for (int c = 0; c < face.outputs; c++)
                if (!(fabs(out[c] - at_once[i * face.outputs + c]) <= 1e-5 * (1 + fabs(out[c]))))
                    fail_msg("%s: event %lld: %s is %.9g, at once %.9g", ways[w], (long long)i, face.output_name[c], out[c],
                             at_once[i * face.outputs + c]);
        }
        free(state_numbers);
        free(at_once);
        free(out);
        test_events_close(&o);
    }
}

/* Seconds since 1970 with their fractions, which a float has not. */
static void streams_lose_nothing_of_times_far_from_zero(void **state) {
    enum { EVENTS = 6 };
    struct test_events o;
    struct attn_stream_face face;
    double out[EVENTS][2 + 5], far[2 + 5];
    (void)state;
    open_job(&o, "");
    o.task->model.code.clock.absolute = false;
    assert_int_equal(o.job.task->stream(&o.job, EVENTS, &face), ATTN_OK);
    for (int pass = 0; pass < 2; pass++) {
        attn_real *numbers = calloc((size_t)face.state, sizeof *numbers);
        assert_non_null(numbers);
        for (int i = 0; i < EVENTS; i++) {
            const double in[2] = {(pass == 0 ? 0 : 1325376181.0) + 0.0078125 * i, 1 + i % 5};
            assert_int_equal(o.job.task->push(&o.job, numbers, EVENTS, i, in, pass == 0 ? out[i] : far), ATTN_OK);
            for (int c = 0; c < face.outputs && pass == 1; c++) assert_true(fabs(far[c] - (c < 2 ? 1325376181.0 : 0) - out[i][c]) < 1e-6);
        }
        free(numbers);
    }
    test_events_close(&o);
}

static void rows_that_cannot_follow_are_refused(void **state) {
    static const struct {
        double in[2];
        const char *sentence;
    } bad[] = {{{0.5, 1}, "found the time 0.5 behind 1, expected times that never fall"},
               {{(double)NAN, 1}, "expected a number within 1e30"},
               {{2, (double)NAN}, "expected one of the 5 that the model has learned"},
               {{2, 6}, "found the mark 6, expected one of the 5"},
               {{2, 1.5}, "found the mark 1.5"},
               {{HUGE_VAL, 1}, "expected a number within 1e30"}};
    struct test_events o;
    struct attn_stream_face face;
    double out[7];
    char text[1024];
    (void)state;
    open_job(&o, "");
    assert_int_equal(o.job.task->stream(&o.job, 10, &face), ATTN_OK);
    attn_real *numbers = calloc((size_t)face.state, sizeof *numbers);
    assert_non_null(numbers);
    assert_int_equal(o.job.task->push(&o.job, numbers, 10, 0, (double[]){1, 1}, out), ATTN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(o.job.task->push(&o.job, numbers, 10, 1, bad[i].in, out), ATTN_EINVAL);
        if (!strstr(attn_ctx_error(test_ctx, text, sizeof text), bad[i].sentence)) fail_msg("%s, expected %s", text, bad[i].sentence);
    }
    free(numbers);
    test_events_close(&o);
}

static void pushing_allocates_nothing_after_the_first(void **state) {
    struct test_events o;
    struct attn_stream_face face;
    double out[7];
    int64_t before = 0;
    (void)state;
    open_job(&o, "");
    assert_int_equal(o.job.task->stream(&o.job, 100, &face), ATTN_OK);
    attn_real *numbers = calloc((size_t)face.state, sizeof *numbers);
    assert_non_null(numbers);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(o.job.task->push(&o.job, numbers, 100, i, (double[]){i, 1 + i % 5}, out), ATTN_OK);
        if (i == 1) before = attn_tape_allocations(attn_model_tape(o.job.model));
    }
    assert_int_equal(attn_tape_allocations(attn_model_tape(o.job.model)), before);
    free(numbers);
    test_events_close(&o);
}

/* --------------------------------------------------------------------------------------------------------- predictions */

static char *say(struct test_events *o, bool check, const char *input, struct attn_picture *picture, attn_status *status) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)input, strlen(input), "r"), *out = open_memstream(&text, &bytes);
    assert_true(in && out);
    *status =
        o->job.task->predict(&o->job, &(struct attn_predict_options){.check = check, .input = "the input", .picture = picture}, in, out);
    fclose(in);
    fclose(out);
    return text;
}

static const char table[] = "sequence_id,time,mark\n\"a,b\",0.5,1\n\"a,b\",1.25,3\n\"a,b\",2,\nc,1,5\nc,1,2\nc,3.5,2\nd,1,1\n";

static int lines_of(const char *text) {
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void predictions_are_of_every_sequence(void **state) {
    struct test_events o;
    attn_status status;
    double n, last, mean, median, low, high, p[5];
    (void)state;
    open_job(&o, "");
    char *text = say(&o, false, table, NULL, &status);
    assert_int_equal(status, ATTN_OK);
    assert_int_equal(lines_of(text), 4);
    assert_int_equal(strncmp(text, "sequence_id,events,last_time,expected_time,median_time,low_time,high_time,p_1,p_2,p_3,p_4,p_5\n", 91),
                     0);
    const char *a = strstr(text, "\n\"a,b\",2,1.25,"), *c = strstr(text, "\nc,"), *d = strstr(text, "\nd,1,1,");
    assert_true(a && c && d);
    assert_int_equal(
        sscanf(c, "\nc,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &n, &last, &mean, &median, &low, &high, p, p + 1, p + 2, p + 3, p + 4),
        11);
    assert_true(n == 3 && last == 3.5 && low < median && median < high && low > last && mean > last);
    assert_true(fabs(p[0] + p[1] + p[2] + p[3] + p[4] - 1) < 1e-5);
    assert_int_equal(sscanf(a, "\n\"a,b\",2,1.25,%lf,%lf,%lf,%lf", &mean, &median, &low, &high), 4);
    assert_true(low > 2 && median > low && mean > 2); /* nothing has come until 2 */
    free(text);
    test_events_close(&o);
}

static void checks_are_of_every_event_but_the_first(void **state) {
    struct test_events o;
    attn_status status;
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        open_job(&o, cut ? "length=2" : "");
        char *text = say(&o, true, table, NULL, &status);
        assert_int_equal(status, ATTN_OK);
        assert_int_equal(lines_of(text), 4);
        assert_non_null(
            strstr(text, "sequence_id,event,time,mark,expected_time,median_time,low_time,high_time,inside,likeliest_mark,p_mark\n"));
        assert_true(strstr(text, "\n\"a,b\",2,1.25,3,") && strstr(text, "\nc,2,1,2,") && strstr(text, "\nc,3,3.5,2,"));
        free(text);
        test_events_close(&o);
    }
}

static void tables_that_do_not_fit_the_model_are_refused(void **state) {
    static const char *const bad[][2] = {
        {"", "the input: line 1: found the end of the file, expected a header"},
        {"sequence_id,time,mark\n1,2,9\n", "the input: line 2, column 3: found '9', expected one of 5 marks: 1, 2, 3, 4, 5"},
        {"sequence_id,time,mark\n1,2,1\n1,1,1\n", "the input: line 3, column 2: found '1', expected a time"}};
    struct test_events o;
    attn_status status;
    char text[1024];
    (void)state;
    open_job(&o, "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *said = say(&o, false, bad[i][0], NULL, &status);
        assert_int_equal(status, ATTN_EINVAL);
        if (!strstr(attn_ctx_error(test_ctx, text, sizeof text), bad[i][1])) fail_msg("%s, expected %s", text, bad[i][1]);
        assert_string_equal(said, "");
        free(said);
    }
    test_events_close(&o);
}

/* ------------------------------------------------------------------------------------------------------------ pictures */

static void pictures_show_the_models_intensity_and_the_true_one(void **state) {
    struct test_events o;
    (void)state;
    open_job(&o, "");
    for (int64_t i = 0; i < 4; i++) {
        struct attn_picture p = {.points = 0};
        assert_int_equal(o.job.task->picture(&o.job, i, &p), ATTN_OK);
        assert_int_equal(attn_picture_empty(&p), i == 3);
        if (i < 3) {
            assert_int_equal(p.lines, 2);
            assert_true(p.apart && p.points > 1 && p.line[0].role == ATTN_PICTURE_PREDICTED && p.line[1].role == ATTN_PICTURE_TRUTH);
            for (int64_t v = 0; v < p.vertices; v++) assert_true(p.vertex[2 * v + 1] > 0);
        }
        attn_picture_free(test_ctx, &p);
    }
    test_events_close(&o);
}

static void a_prediction_may_be_drawn(void **state) {
    struct test_events o;
    struct attn_picture p = {.points = 0};
    attn_status status;
    (void)state;
    open_job(&o, "encoder=gru");
    free(say(&o, false, table, &p, &status));
    assert_int_equal(status, ATTN_OK);
    assert_int_equal(p.lines, 1);
    assert_int_equal(p.points, 2);
    attn_picture_free(test_ctx, &p);
    test_events_close(&o);
}

static void generated_tables_are_read_again(void **state) {
    struct test_events o;
    struct attn_events again;
    struct attn_events_options options;
    char *text = NULL, error[1024];
    size_t bytes = 0;
    (void)state;
    open_job(&o, "");
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(o.job.task->generate(&o.job, 16, out), ATTN_OK);
    fclose(out);
    attn_events_options_init(&options);
    if (attn_events_parse(test_ctx, "generated", (const uint8_t *)text, bytes, &options, NULL, &again))
        fail_msg("%s", attn_ctx_error(test_ctx, error, sizeof error));
    const struct attn_events *e = &o.task->events[0];
    assert_int_equal(again.events, e->events);
    assert_memory_equal(again.time, e->time, (size_t)e->events * sizeof *e->time);
    assert_memory_equal(again.mark, e->mark, (size_t)e->events * sizeof *e->mark);
    attn_events_free(test_ctx, &again);
    free(text);
    test_events_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_one_by_one_are_the_sequence_at_once),
        cmocka_unit_test(streams_lose_nothing_of_times_far_from_zero),
        cmocka_unit_test(rows_that_cannot_follow_are_refused),
        cmocka_unit_test(pushing_allocates_nothing_after_the_first),
        cmocka_unit_test(predictions_are_of_every_sequence),
        cmocka_unit_test(checks_are_of_every_event_but_the_first),
        cmocka_unit_test(tables_that_do_not_fit_the_model_are_refused),
        cmocka_unit_test(pictures_show_the_models_intensity_and_the_true_one),
        cmocka_unit_test(a_prediction_may_be_drawn),
        cmocka_unit_test(generated_tables_are_read_again),
    };
    return cmocka_run_group_tests(tests, test_setting_open, test_setting_close);
}
