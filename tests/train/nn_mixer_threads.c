/* Mixers in float: causal to the bit, the same bits on any number of threads, nothing allocated after the first step, and errors. */
#include "support/mixers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_ctx *context(int threads) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = threads;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static float *copy_of(const float *x, int64_t n) {
    float *y = malloc((size_t)n * sizeof *y + 1);
    assert_non_null(y);
    return memcpy(y, x, (size_t)n * sizeof *y);
}

static void every_kind_of_the_library_is_in_the_list(void **state) {
    (void)state;
    for (int i = 0; i < attn_mixer_count(); i++) {
        const char *name = attn_mixer_at(i)->name;
        int found = 0;
        for (int j = 0; j < test_mixers_count; j++)
            found += strcspn(test_mixers[j].text, ":") == strlen(name) && strncmp(test_mixers[j].text, name, strlen(name)) == 0;
        if (found == 0) fail_msg("no test of the mixer %s", name);
    }
}

/* What comes later, and which tokens, changes no bit of what came before. */
static void outputs_depend_on_no_later_token(void **state) {
    attn_ctx *ctx = context(2);
    (void)state;
    for (int i = 0; i < test_mixers_count; i++)
        for (int training = 0; training < 2; training++) {
            struct test_mixer_model m;
            if (test_mixer_looks_ahead(&test_mixers[i], training)) continue;
            test_mixer_open(&m, ctx, &test_mixers[i], 0.2);
            const int64_t tokens = m.what->length, width = m.what->width;
            float *before = copy_of(attn_data(test_mixer_output(&m, training, NULL)), attn_count(m.u));
            for (int64_t cut = tokens - 1; cut > 0; cut--) {
                for (int64_t b = 0; b < TEST_MIXER_BATCH; b++) {
                    m.tokens[b * tokens + cut] = 2;
                    for (int64_t c = 0; c < width; c++) attn_data(m.u)[(b * tokens + cut) * width + c] = (float)(3 * c - 7);
                }
                const float *after = attn_data(test_mixer_output(&m, training, NULL));
                for (int64_t b = 0; b < TEST_MIXER_BATCH; b++)
                    if (memcmp(before + b * tokens * width, after + b * tokens * width, (size_t)(cut * width) * sizeof *after) != 0)
                        fail_msg("%s: token %d changed what comes before it", m.what->text, (int)cut);
            }
            free(before);
            test_mixer_close(&m);
        }
    attn_ctx_destroy(ctx);
}

/* Output and gradients, one behind the other. */
static float *all_numbers(int threads, const struct test_mixer *what, int64_t *count) {
    attn_ctx *ctx = context(threads);
    struct test_mixer_model m;
    test_mixer_open(&m, ctx, what, 0.2);
    *count = attn_count(m.u) * 2 + attn_model_elements(m.model);
    float *all = malloc((size_t)*count * sizeof *all), *to = all;
    assert_non_null(all);
    attn_tensor *penalty, *y = test_mixer_output(&m, true, &penalty);
    attn_tensor *loss = attn_sum_all(attn_square(y));
    if (attn_tape_backward(penalty ? attn_add(loss, penalty) : loss)) fail_msg("%s: backward failed", what->text);
    memcpy(to, attn_data(y), (size_t)attn_count(y) * sizeof *to);
    to += attn_count(y);
    for (int64_t p = 0; p <= attn_model_count(m.model); p++) {
        attn_tensor *x = p < attn_model_count(m.model) ? attn_model_tensor(m.model, p) : m.u;
        memcpy(to, attn_grad(x), (size_t)attn_count(x) * sizeof *to);
        to += attn_count(x);
    }
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
    return all;
}

static void outputs_and_gradients_are_the_same_bits_on_1_2_3_and_7_threads(void **state) {
    static const int threads[] = {2, 3, 7};
    (void)state;
    for (int i = 0; i < test_mixers_count; i++) {
        struct test_mixer large = test_mixers[i]; /* enough for more than one piece of work */
        large.length = large.length > 1 ? 70 : 1;
        large.width *= 8;
        int64_t count, same;
        float *one = all_numbers(1, &large, &count);
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            float *more = all_numbers(threads[t], &large, &same);
            assert_int_equal(count, same);
            if (memcmp(one, more, (size_t)count * sizeof *one) != 0) fail_msg("%s: other bits on %d threads", large.text, threads[t]);
            free(more);
        }
        free(one);
    }
}

static void steps_after_the_first_allocate_nothing(void **state) {
    attn_ctx *ctx = context(2);
    (void)state;
    for (int i = 0; i < test_mixers_count; i++) {
        struct test_mixer_model m;
        int64_t first = 0;
        test_mixer_open(&m, ctx, &test_mixers[i], 0.2);
        for (int step = 0; step < 4; step++) {
            assert_int_equal(attn_tape_backward(attn_sum_all(test_mixer_output(&m, true, NULL))), ATTN_OK);
            if (step == 1) first = attn_tape_allocations(attn_model_tape(m.model));
            if (step > 1 && attn_tape_allocations(attn_model_tape(m.model)) != first)
                fail_msg("%s: allocates in step %d", m.what->text, step);
        }
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

static void a_wrong_text_is_refused_with_what_would_do(void **state) {
    static const struct {
        const char *text, *sentence;
    } wrong[] = {
        {"atention", "there is no mixer 'atention'; did you mean 'attention'?"},
        {"", "there is no mixer ''"},
        {"attention+", "there is no mixer ''"},
        {"attention:head=2", "mixer attention has no option 'head'; did you mean 'heads'?"},
        {"attention:heads=two", "mixer attention: heads=two: expected a whole number from 1 to 1024"},
        {"attention:heads", "mixer attention: heads=: expected a whole number from 1 to 1024"},
        {"attention:heads=1.5", "mixer attention: heads=1.5: expected a whole number from 1 to 1024"},
        {"attention:heads=3", "mixer attention: heads=3 must divide the width, 8"},
        {"attention:dropout=1", "mixer attention: dropout=1: expected a number from 0 to 0.99"},
        {"sliding:window=0", "mixer sliding: window=0: expected a whole number from 1 to 1e+06"},
        {"blocked:heads=3", "mixer blocked: heads=3 must divide the width, 8"},
        {"based:heads=3", "mixer based: heads=3 must divide the width, 8"},
        {"linear:map=exp", "mixer linear: map=exp: expected one of taylor, elu, relu, square, softmax, performer, cosformer, polynomial"},
        {"retnet:heads=8", "mixer retnet: heads=8 must divide the width, 8, into even parts"},
        {"select:selector=topk", "mixer select: selector=topk: expected one of full, random, programmatic, sigmoid, softmax, two_way"},
    };
    attn_ctx *ctx = context(1);
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[512];
        attn_model *model;
        assert_int_equal(attn_model_create(ctx, 0, &model), ATTN_OK);
        const attn_mixer_place place = {8, 16, strchr(wrong[i].text, '+') != NULL, 2};
        assert_null(attn_mixer_make(model, wrong[i].text, &place, NULL, 0));
        assert_string_equal(attn_ctx_error(ctx, text, sizeof text), wrong[i].sentence);
        attn_model_destroy(model);
    }
    attn_ctx_destroy(ctx);
}

/* Whatever the kind: rows of another width, several tokens at once, and a position that the state has no room for. */
static void calls_of_other_shapes_are_refused(void **state) {
    attn_ctx *ctx = context(1);
    char text[512];
    (void)state;
    for (int i = 0; i < test_mixers_count; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &test_mixers[i], 0);
        attn_tape *tape = attn_model_tape(m.model);
        const int64_t width = m.what->width, tokens = m.what->length, state_size = attn_mixer_state(m.mixer, tokens);
        attn_mixer_call wide = {.u = attn_constant(tape, 3, (const int64_t[]){1, tokens, width + 1}, 0)};
        assert_null(attn_mix(m.mixer, &wide));
        assert_int_equal(attn_tape_status(tape), ATTN_ESHAPE);
        assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "u must be [B, T, "));
        float *numbers = calloc((size_t)(state_size > 0 ? state_size : 0) + 1, sizeof *numbers);
        assert_non_null(numbers);
        const int64_t calls[][3] = {{1, width, tokens}, {1, width, -1}, {2, width, 0}, {1, width + 1, 0}}; /* tokens, width, position */
        for (size_t c = 0; c < sizeof calls / sizeof *calls && state_size >= 0; c++) {
            attn_tape_reset(tape);
            attn_mixer_call call = {.u = attn_constant(tape, 3, (const int64_t[]){1, calls[c][0], calls[c][1]}, 0), .tokens = m.tokens};
            assert_null(attn_mixer_step(m.mixer, &call, numbers, tokens, calls[c][2]));
            assert_int_equal(attn_tape_status(tape), ATTN_ESHAPE);
        }
        free(numbers);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

static void a_kind_is_found_however_many_there_are(void **state) {
    enum { COUNT = 100 };
    static attn_mixer_kind kind[COUNT];
    static char name[COUNT][16];
    const attn_mixer_kind *list[COUNT];
    attn_ctx *ctx = context(1);
    attn_model *model;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        kind[i] = *attn_mixer_at(0);
        kind[i].name = name[i];
        snprintf(name[i], sizeof name[i], "m%d", i);
        list[i] = &kind[i];
    }
    assert_int_equal(attn_model_create(ctx, 0, &model), ATTN_OK);
    attn_mixer *mixer = attn_mixer_make(model, "m99", &(attn_mixer_place){8, 16, 0, 1}, list, COUNT);
    assert_non_null(mixer);
    assert_ptr_equal(attn_mixer_kind_of(mixer), list[99]);
    attn_model_destroy(model);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_the_library_is_in_the_list),
        cmocka_unit_test(outputs_depend_on_no_later_token),
        cmocka_unit_test(outputs_and_gradients_are_the_same_bits_on_1_2_3_and_7_threads),
        cmocka_unit_test(steps_after_the_first_allocate_nothing),
        cmocka_unit_test(a_wrong_text_is_refused_with_what_would_do),
        cmocka_unit_test(calls_of_other_shapes_are_refused),
        cmocka_unit_test(a_kind_is_found_however_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
