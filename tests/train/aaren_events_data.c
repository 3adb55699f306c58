/* What the task aaren/events learns from, and what it refuses. */
#include "support/events.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------------------------------------- data */

static void every_event_but_the_first_is_predicted_once(void **state) {
    (void)state;
    for (int64_t length = 2; length <= 12; length++) {
        char words[192];
        struct test_events o;
        test_events_put_small();
        snprintf(words, sizeof words, "data=%s split=order length=%lld", test_events_path, (long long)length);
        test_events_open(&o, words, NULL);
        const struct attn_events *e = &o.task->events[0];
        int32_t seen[80] = {0};
        assert_true(e->events <= 80 && e->sequences == 8);
        for (int part = 0; part < ATTN_EVENT_PARTS; part++)
            for (int64_t p = 0; p < o.task->part[part].pieces; p++) {
                const struct attn_event_piece *piece = &o.task->part[part].piece[p];
                assert_true(piece->count >= 2 && piece->count <= length);
                assert_int_equal(piece->sequence < 4 ? 0 : piece->sequence < 6 ? 1 : 2, part); /* of 8: 4, 2, 2 */
                for (int64_t i = 1; i < piece->count; i++) seen[piece->first + i]++;
                const bool ends = piece->first + piece->count == e->first[piece->sequence + 1];
                const enum attn_event_target last = attn_event_target_of(&o.task->part[part], piece, piece->count - 1, o.task->last);
                assert_int_equal(piece->last, ends);
                assert_int_equal(last, ends ? ATTN_EVENT_SURVIVAL : ATTN_EVENT_DENSITY);
            }
        for (int64_t s = 0; s < e->sequences; s++)
            for (int64_t i = e->first[s]; i < e->first[s + 1]; i++) assert_int_equal(seen[i], i > e->first[s]);
        test_events_close(&o);
    }
}

static void sequences_are_split_by_the_last_digits_of_their_names(void **state) {
    char words[192];
    struct test_events o;
    (void)state;
    FILE *out = fopen(test_events_path, "w");
    assert_non_null(out);
    fputs("sequence_id,time,mark\n", out);
    for (int s = 0; s < 30; s++) fprintf(out, "%d,1,a\n%d,2.5,a\n%d,4,a\n", s, s, s);
    assert_int_equal(fclose(out), 0);
    snprintf(words, sizeof words, "data=%s split=mod10", test_events_path);
    test_events_open(&o, words, NULL);
    for (int part = 0; part < ATTN_EVENT_PARTS; part++) {
        assert_int_equal(o.task->part[part].pieces, part == 0 ? 24 : 3);
        for (int64_t p = 0; p < o.task->part[part].pieces; p++) {
            const int64_t digit = o.task->part[part].piece[p].sequence % 10;
            assert_int_equal(digit < 8 ? 0 : digit - 7, part);
        }
    }
    test_events_close(&o);
}

/* Each epoch has all pieces; the order is the seed's and the epoch's. */
static void an_epoch_has_every_piece(void **state) {
    struct test_events o;
    int64_t first[32] = {0};
    (void)state;
    test_events_open(&o, "train_sequences=24 batch=8", NULL);
    assert_int_equal(o.job.epoch_steps, 3);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        int seen[32] = {0};
        attn_tape_reset(attn_model_tape(o.job.model));
        assert_non_null(o.job.task->loss(&o.job, 3 * epoch, 0, 1));
        for (int i = 0; i < 24; i++) seen[o.task->order[i]]++;
        for (int i = 0; i < 24; i++) assert_int_equal(seen[i], 1);
        if (epoch == 0) memcpy(first, o.task->order, 24 * sizeof *first);
        if (epoch == 1) assert_memory_not_equal(first, o.task->order, 24 * sizeof *first);
    }
    attn_tape_reset(attn_model_tape(o.job.model));
    assert_non_null(o.job.task->loss(&o.job, 0, 0, 1));
    assert_memory_equal(first, o.task->order, 24 * sizeof *first);
    test_events_close(&o);
}

static void facts_are_those_of_trainings_times(void **state) {
    char words[192];
    struct test_events o;
    double logs = 0, sum = 0, least = HUGE_VAL;
    int apart = 0, targets = 0, densities = 0, marks[2] = {1, 1};
    (void)state;
    test_events_put_small();
    snprintf(words, sizeof words, "data=%s", test_events_path);
    test_events_open(&o, words, NULL);
    const struct attn_events *e = &o.task->events[0];
    for (int64_t s = 0; s < 4; s++)
        for (int64_t i = e->first[s] + 1; i < e->first[s + 1]; i++) {
            const double span = e->time[i] - e->time[i - 1];
            const bool last = i + 1 == e->first[s + 1];
            sum += span;
            targets++;
            densities += !last;
            if (!last) marks[e->mark[i]]++;
            if (span == 0) continue;
            logs += log(span);
            least = fmin(least, span);
            apart++;
        }
    const struct attn_event_facts *f = &o.task->facts;
    assert_true(fabs(f->unit - exp(logs / apart)) < 1e-9 * f->unit && f->least == least);
    assert_true(fabs(f->mean - sum / targets) < 1e-9 * f->mean && fabs(f->rate - densities / sum) < 1e-12 * f->rate);
    for (int m = 0; m < 2; m++) assert_true(fabs(f->share[m] - (double)marks[m] / (marks[0] + marks[1])) < 1e-15);
    test_events_close(&o);
}

static void tokens_carry_the_encodings_of_their_times(void **state) {
    static const struct attn_event_clock clock = {.unit = 2, .least = 0.5};
    const struct attn_event_code time = {clock, 5, ATTN_CODE_TIME}, span = {clock, 5, ATTN_CODE_SPAN}, both = {clock, 7, ATTN_CODE_BOTH},
                                 log_span = {clock, 1, ATTN_CODE_LOG};
    attn_real x[7];
    (void)state;
    attn_event_encode(&time, 6, 1, x);
    for (int i = 0; i < 5; i++) {
        const double angle = 3 / pow(10000, 2 * floor(i / 2.0) / 5);
        assert_true(fabs((double)x[i] - (i % 2 == 0 ? sin(angle) : cos(angle))) < 1e-7);
    }
    attn_event_encode(&span, 6, 1, x);
    for (int i = 0; i < 5; i++) {
        const double angle = 0.5 / pow(10000, 2 * floor(i / 2.0) / 5);
        assert_true(fabs((double)x[i] - (i % 2 == 0 ? sin(angle) : cos(angle))) < 1e-7);
    }
    attn_event_encode(&both, 6, -1, x); /* a first event's span is none: sin 0, cos 0 */
    assert_true(fabs((double)x[0] - sin(3.0)) < 1e-7 && fabs((double)x[2] - sin(3 / pow(10000, 2.0 / 3))) < 1e-7);
    assert_true(x[3] == 0 && x[4] == 1 && x[5] == 0 && x[6] == 1);
    attn_event_encode(&log_span, 6, 0.25, x);
    assert_true(fabs((double)x[0] - log(0.25)) < 1e-7); /* events nearer than the least count as that */
    attn_event_encode(&log_span, 6, -1, x);
    assert_true(x[0] == 0);
}

/* ------------------------------------------------------------------------------------------------------------ refusals */

static void expect_refused(const char *words, const char *piece) {
    struct test_events o;
    char text[1024];
    if (!test_events_try(&o, words, NULL)) fail_msg("%s was taken", words);
    attn_ctx_error(test_ctx, text, sizeof text);
    if (!strstr(text, piece)) fail_msg("%s: \"%s\", expected \"%s\"", words, text, piece);
    test_events_close(&o);
}

static void recipes_that_contradict_themselves_are_refused(void **state) {
    (void)state;
    expect_refused("compat=true last=event", "compat=true with last=event: expected last=survival");
    expect_refused("split=mod10", "split=mod10 jitter=0 without data=: expected a file");
    expect_refused("jitter=1", "split=order jitter=1 without data=: expected a file");
    expect_refused("split=files", "split=files without files validation= and test=");
    expect_refused("validation=x.csv", "split=order with files validation= and test=: expected split=files");
    expect_refused("mark_bounds=7+6", "mark_bounds=7+6: expected at most 64 rising numbers");
    expect_refused("horizon=0.001", "horizon=0.001: found no event in it to learn from, expected a longer time");
    expect_refused("mixer=atention", "did you mean");
}

static void files_that_do_not_serve_are_refused(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "data=%s", test_events_path);
    test_events_put("sequence_id,time,mark\n1,1,a\n2,1,a\n3,1,a\n");
    expect_refused(words, "found 3 sequences and none for training, expected at least one with two rows");
    test_events_put("sequence_id,time,mark\n1,1,a\n1,1,a\n2,1,a\n2,1,a\n3,1,a\n3,1,a\n4,1,a\n4,2,a\n5,1,b\n5,2,a\n");
    expect_refused(words, "found no two events at different times to learn from");
    test_events_put("sequence_id,time,mark\n1,1,a\n1,2,a\n1,3,a\n");
    expect_refused(words, "found 1 sequences and none for training, expected at least one with two rows, or pieces of a smaller length=");
    test_events_put("sequence_id,time,mark\n1,2,a\n1,1,a\n");
    expect_refused(words, "events.csv: line 3, column 2: found '1', expected a time");
    snprintf(words, sizeof words, "data=%s split=mod10", test_events_path);
    test_events_put("sequence_id,time,mark\na,1,x\na,2,x\n");
    expect_refused(words, "found the sequence 'a', expected names that are whole numbers, as split=mod10");
    snprintf(words, sizeof words, "data=%s/none.csv", test_folder);
    expect_refused(words, "none.csv");
}

static void a_saved_text_that_no_training_wrote_is_refused(void **state) {
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"unit\":0,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\"],\"share\":[1]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[],\"share\":[]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\",\"a\"],\"share\":[0.5,0.5]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\"],\"share\":[2]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\",\"b\"],\"share\":[1]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":\"1\",\"marks\":[\"a\"],\"share\":[1]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct test_events o;
        char text[1024];
        assert_int_equal(test_events_try(&o, "", texts[i]), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(test_ctx, text, sizeof text), "attn_extra"));
        test_events_close(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_but_the_first_is_predicted_once),
        cmocka_unit_test(sequences_are_split_by_the_last_digits_of_their_names),
        cmocka_unit_test(an_epoch_has_every_piece),
        cmocka_unit_test(facts_are_those_of_trainings_times),
        cmocka_unit_test(tokens_carry_the_encodings_of_their_times),
        cmocka_unit_test(recipes_that_contradict_themselves_are_refused),
        cmocka_unit_test(files_that_do_not_serve_are_refused),
        cmocka_unit_test(a_saved_text_that_no_training_wrote_is_refused),
    };
    return cmocka_run_group_tests(tests, test_events_setting, test_setting_close);
}
