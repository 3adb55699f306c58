/* Saved models as streams: row by row as all at once, limits, streams beside each other, states saved and restored from any bytes. */
#include "base/random.h"
#include "support/failing_memory.h"
#include "support/setting.h"
#include "support/stream_task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 40, COLUMNS = TEST_STREAM_COLUMNS, ALL = ROWS * COLUMNS };
static const char *const mixers[] = {"aaren:heads=2", "attention:heads=2", "aaren:heads=4+attention:heads=2", "mamba", "retnet:heads=2"};
enum { MIXERS = sizeof mixers / sizeof mixers[0] };

static char path[128];
static double in[ALL];

static int set_up(void **state) {
    struct attn_random random;
    test_setting_open(state);
    snprintf(path, sizeof path, "%s/model.safetensors", test_folder);
    attn_random_init(&random, 5);
    for (int i = 0; i < ALL; i++) in[i] = attn_random_normal(&random);
    return 0;
}

static void expect(attn_status got, attn_status want, const char *piece) {
    char text[1024];
    attn_ctx_error(test_ctx, text, sizeof text);
    if (got != want || (got && !strstr(text, piece))) fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)got, text, (int)want, piece);
}

static attn_model_stream *open_stream(const char *words, int64_t tokens) {
    attn_model_stream *stream;
    test_stream_write(test_ctx, words, 7, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, tokens, &stream), ATTN_OK, "");
    return stream;
}

static attn_model_stream *open_mixer(const char *mixer, int64_t tokens) {
    char words[128];
    snprintf(words, sizeof words, "mixer=%s", mixer);
    return open_stream(words, tokens);
}

static void push_rows(attn_model_stream *stream, int from, int to, double *out) {
    for (int i = from; i < to; i++) expect(attn_model_stream_push(stream, in + i * COLUMNS, out + i * COLUMNS), ATTN_OK, "");
}

static void rows_one_by_one_are_all_at_once(void **state) {
    double one[ALL], all[ALL];
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        attn_model_stream *stream = open_mixer(mixers[m], ROWS);
        test_stream_batch(stream, ROWS, in, all);
        push_rows(stream, 0, ROWS, one);
        for (int i = 0; i < ALL; i++)
            if (!(fabs(one[i] - all[i]) <= 1e-5 * fmax(1, fabs(all[i]))))
                fail_msg("%s: number %d is %.9g, all at once %.9g", mixers[m], i, one[i], all[i]);
        attn_model_stream_close(stream);
    }
}

static void what_comes_later_changes_no_bit_of_an_answer(void **state) {
    double one[ALL], two[ALL], other[COLUMNS] = {77, -5};
    attn_model_stream *stream = open_stream("", 0);
    (void)state;
    push_rows(stream, 0, ROWS, one);
    attn_model_stream_reset(stream);
    push_rows(stream, 0, ROWS / 2, two);
    expect(attn_model_stream_push(stream, other, other), ATTN_OK, "");
    assert_memory_equal(one, two, ALL / 2 * sizeof *one);
    attn_model_stream_close(stream);
}

static void the_state_of_aaren_is_the_same_after_any_number_of_rows(void **state) {
    attn_model_stream *stream = open_stream("", 0);
    const size_t bytes = attn_model_stream_state_bytes(stream);
    double out[COLUMNS];
    (void)state;
    assert_int_equal(bytes, 3 * (2 * 8 + 3 * 2) * sizeof(attn_real));
    assert_int_equal(attn_model_stream_limit(stream), 0);
    for (int i = 0; i < 5 * TEST_STREAM_LENGTH; i++) expect(attn_model_stream_push(stream, in, out), ATTN_OK, "");
    assert_int_equal(attn_model_stream_rows(stream), 5 * TEST_STREAM_LENGTH);
    assert_int_equal(attn_model_stream_state_bytes(stream), bytes);
    attn_model_stream_close(stream);
    stream = open_stream("", 10); /* a limit that the model has no need of */
    assert_int_equal(attn_model_stream_limit(stream), 0);
    assert_int_equal(attn_model_stream_state_bytes(stream), bytes);
    attn_model_stream_close(stream);
}

static void a_cache_of_keys_needs_a_limit_and_keeps_it(void **state) {
    attn_model_stream *stream;
    double out[ALL];
    (void)state;
    test_stream_write(test_ctx, "mixer=attention:heads=2", 7, path);
    char piece[64];
    snprintf(piece, sizeof piece, "about %d bytes for each row", (int)(3 * 2 * 8 * sizeof(attn_real)));
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 0, &stream), ATTN_EINVAL, piece);
    assert_null(stream);
    test_stream_write(test_ctx, "dropout=0.9", 7, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 0, &stream), ATTN_EINVAL,
           "this model reads series of a greatest length, and");
    test_stream_write(test_ctx, "mixer=attention:heads=2", 7, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, -3, &stream), ATTN_EINVAL, "a limit of -3 rows");
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 9, &stream), ATTN_OK, "");
    assert_int_equal(attn_model_stream_state_bytes(stream), 9 * 3 * 2 * 8 * sizeof(attn_real));
    push_rows(stream, 0, 9, out);
    expect(attn_model_stream_push(stream, in, out), ATTN_ESHAPE, "it has taken its 9 rows");
    assert_int_equal(attn_model_stream_rows(stream), 9);
    attn_model_stream_close(stream);
}

static void streams_beside_each_other_are_as_if_alone(void **state) {
    double alone[ALL], first[ALL], second[ALL];
    attn_model_stream *a = open_stream("", 0), *b, *c;
    (void)state;
    push_rows(a, 0, ROWS, alone);
    attn_model_stream_reset(a);
    expect(attn_model_stream_open_beside(a, &b), ATTN_OK, "");
    push_rows(b, 0, 3, second);
    for (int i = 0; i < ROWS; i++) {
        push_rows(a, i, i + 1, first);
        if (i >= 3) push_rows(b, i, i + 1, second);
    }
    assert_memory_equal(alone, first, sizeof alone);
    assert_memory_equal(alone, second, sizeof alone);
    attn_model_stream_close(a); /* the model stays with b */
    expect(attn_model_stream_open_beside(b, &c), ATTN_OK, "");
    push_rows(c, 0, ROWS, first);
    assert_memory_equal(alone, first, sizeof alone);
    attn_model_stream_close(b);
    attn_model_stream_close(c);
}

static void a_state_that_is_saved_goes_on_bit_for_bit(void **state) {
    double whole[ALL], parts[ALL];
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        attn_model_stream *a = open_mixer(mixers[m], ROWS), *b;
        const size_t bytes = attn_model_stream_save_bytes(a);
        uint8_t *saved = malloc(bytes);
        expect(attn_model_stream_open_beside(a, &b), ATTN_OK, "");
        push_rows(a, 0, ROWS, whole);
        push_rows(b, 0, 17, parts);
        expect(attn_model_stream_save(b, saved, bytes), ATTN_OK, "");
        attn_model_stream_close(a);
        attn_model_stream_close(b);
        a = open_mixer(mixers[m], ROWS);
        expect(attn_model_stream_restore(a, saved, bytes), ATTN_OK, "");
        assert_int_equal(attn_model_stream_rows(a), 17);
        push_rows(a, 17, ROWS, parts);
        assert_memory_equal(whole, parts, sizeof whole);
        attn_model_stream_close(a);
        free(saved);
    }
}

/* The bytes are refused, and the stream is as it was. */
static void refused(attn_model_stream *stream, const uint8_t *bytes, size_t count, const char *piece) {
    const size_t all = attn_model_stream_save_bytes(stream);
    uint8_t *before = malloc(2 * all);
    expect(attn_model_stream_save(stream, before, all), ATTN_OK, "");
    expect(attn_model_stream_restore(stream, bytes, count), ATTN_EINVAL, piece);
    expect(attn_model_stream_save(stream, before + all, all), ATTN_OK, "");
    assert_memory_equal(before, before + all, all);
    free(before);
}

static void any_bytes_may_be_restored_from(void **state) {
    double out[ALL];
    attn_model_stream *stream = open_stream("", 0);
    const size_t bytes = attn_model_stream_save_bytes(stream);
    uint8_t *saved = malloc(bytes + 1), *copy = malloc(bytes + 1);
    (void)state;
    push_rows(stream, 0, 5, out);
    saved[bytes] = 0;
    expect(attn_model_stream_save(stream, saved, bytes), ATTN_OK, "");
    for (size_t n = 0; n < bytes; n++) refused(stream, saved, n, n < 48 ? "do not begin" : "found");
    refused(stream, saved, bytes + 1, "found");
    for (size_t n = 0; n < bytes; n++)
        for (int bit = 0; bit < 8; bit += 3) {
            memcpy(copy, saved, bytes);
            copy[n] ^= (uint8_t)(1 << bit);
            refused(stream, copy, bytes, "stream: ");
        }
    expect(attn_model_stream_restore(stream, NULL, bytes), ATTN_EINVAL, "from is NULL");
    free(saved);
    free(copy);
    attn_model_stream_close(stream);
}

static void the_state_of_another_model_is_refused(void **state) {
    double out[ALL];
    attn_model_stream *a = open_stream("", 0), *b;
    const size_t bytes = attn_model_stream_save_bytes(a);
    uint8_t *saved = malloc(bytes);
    (void)state;
    push_rows(a, 0, 5, out);
    expect(attn_model_stream_save(a, saved, bytes), ATTN_OK, "");
    attn_model_stream_close(a);
    test_stream_write(test_ctx, "", 8, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 0, &b), ATTN_OK, "");
    refused(b, saved, bytes, "another model's");
    attn_model_stream_close(b);
    b = open_stream("lr=0.5", 0); /* the same weights of another recipe */
    refused(b, saved, bytes, "another model's");
    attn_model_stream_close(b);
    free(saved);
}

static void a_refused_row_leaves_the_stream_as_it_was(void **state) {
    const double none[] = {(double)NAN, 0}, some[] = {0.25, (double)NAN}, zero[] = {0.25, 0};
    double out[COLUMNS], same[COLUMNS];
    attn_model_stream *stream = open_stream("", 0);
    (void)state;
    refused(stream, (const uint8_t *)"", 0, "do not begin");
    expect(attn_model_stream_push(stream, none, out), ATTN_EINVAL, "a: found nothing");
    expect(attn_model_stream_push(stream, NULL, out), ATTN_EINVAL, "in is NULL");
    expect(attn_model_stream_push(stream, some, NULL), ATTN_EINVAL, "out is NULL");
    assert_int_equal(attn_model_stream_rows(stream), 0);
    expect(attn_model_stream_push(stream, some, out), ATTN_OK, "");
    attn_model_stream_reset(stream);
    expect(attn_model_stream_push(stream, zero, same), ATTN_OK, "");
    assert_memory_equal(out, same, sizeof out);
    attn_model_stream_close(stream);
}

static void after_another_failure_it_waits_to_be_reset(void **state) {
    const double failing[] = {999, 0};
    double out[COLUMNS];
    attn_model_stream *stream = open_stream("", 0);
    uint8_t *saved = malloc(attn_model_stream_save_bytes(stream));
    (void)state;
    expect(attn_model_stream_push(stream, failing, out), ATTN_ENOMEM, "");
    expect(attn_model_stream_push(stream, in, out), ATTN_EINVAL, "a failure has broken it");
    expect(attn_model_stream_save(stream, saved, attn_model_stream_save_bytes(stream)), ATTN_EINVAL, "no state to save");
    attn_model_stream_reset(stream);
    expect(attn_model_stream_push(stream, in, out), ATTN_OK, "");
    free(saved);
    attn_model_stream_close(stream);
}

static void columns_have_names(void **state) {
    attn_model_stream *stream = open_stream("", 0);
    (void)state;
    assert_int_equal(attn_model_stream_inputs(stream), 2);
    assert_int_equal(attn_model_stream_outputs(stream), 2);
    assert_string_equal(attn_model_stream_input_name(stream, 1), "b");
    assert_string_equal(attn_model_stream_output_name(stream, 0), "y,1");
    assert_null(attn_model_stream_input_name(stream, 2));
    assert_null(attn_model_stream_output_name(stream, -1));
    attn_model_stream_close(stream);
    attn_model_stream_close(NULL);
    assert_int_equal(attn_model_stream_inputs(NULL), 0);
    assert_int_equal(attn_model_stream_rows(NULL), 0);
    assert_int_equal(attn_model_stream_push(NULL, NULL, NULL), ATTN_EINVAL);
}

static void what_is_no_stream_is_refused(void **state) {
    attn_model_stream *stream;
    (void)state;
    test_stream_write(test_ctx, "none ", 7, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, NULL, 0, 0, &stream), ATTN_EUNSUPPORTED,
           "models of test/none are no streams");
    test_stream_write(test_ctx, "mixer=whole", 7, path);
    expect(attn_model_stream_find(test_ctx, test_stream_find, path, test_stream_kinds, 1, 8, &stream), ATTN_EUNSUPPORTED,
           "no form that goes row by row");
    expect(attn_model_stream_open(test_ctx, path, 0, &stream), ATTN_EINVAL, "test/stream"); /* no task of a system */
    expect(attn_model_stream_open(test_ctx, NULL, 0, &stream), ATTN_EINVAL, "path is NULL");
    expect(attn_model_stream_open(test_ctx, "/nowhere/model", 0, &stream), ATTN_EINVAL, "/nowhere/model");
    assert_null(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_one_by_one_are_all_at_once),
        cmocka_unit_test(what_comes_later_changes_no_bit_of_an_answer),
        cmocka_unit_test(the_state_of_aaren_is_the_same_after_any_number_of_rows),
        cmocka_unit_test(a_cache_of_keys_needs_a_limit_and_keeps_it),
        cmocka_unit_test(streams_beside_each_other_are_as_if_alone),
        cmocka_unit_test(a_state_that_is_saved_goes_on_bit_for_bit),
        cmocka_unit_test(any_bytes_may_be_restored_from),
        cmocka_unit_test(the_state_of_another_model_is_refused),
        cmocka_unit_test(a_refused_row_leaves_the_stream_as_it_was),
        cmocka_unit_test(after_another_failure_it_waits_to_be_reset),
        cmocka_unit_test(columns_have_names),
        cmocka_unit_test(what_is_no_stream_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, test_setting_close);
}
