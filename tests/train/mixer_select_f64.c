/* Selection of positions: how many, which ones, what depends on what, the penalty, and what is refused. */
#include "support/mixers.h"

#include "base/random.h"
#include "nn/mixer/selection.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------------------------ choices alone */

static void the_greatest_are_those_with_fewer_greater_ones_before_or_behind(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 3);
    for (int round = 0; round < 2000; round++) {
        enum { MOST = 12 };
        double x[MOST];
        bool selected[MOST];
        const int64_t n = attn_random_between(&random, 0, MOST), count = attn_random_between(&random, 0, n);
        for (int64_t i = 0; i < n; i++) { /* many are equal, some no numbers: the least */
            const int64_t value = attn_random_between(&random, -1, 4);
            x[i] = value < 0 ? (double)NAN : (double)value;
        }
        attn_select_greatest(n, x, count, selected);
        for (int64_t i = 0; i < n; i++) {
            int64_t before = 0;
            for (int64_t j = 0; j < n; j++) {
                const double a = isnan(x[j]) ? -1 : x[j], b = isnan(x[i]) ? -1 : x[i];
                before += a > b || (a == b && j < i);
            }
            assert_int_equal(selected[i], before < count);
        }
    }
}

/* Of 20000 choices of 5 of 17 positions each position is in 5 / 17, within five standard deviations; so is each of two neighbours together. */
static void random_choices_are_as_many_as_asked_for_and_favour_no_position(void **state) {
    enum { TOKENS = 17, COUNT = 5, ROUNDS = 20000 };
    int64_t single[TOKENS] = {0}, both = 0;
    const double share = (double)COUNT / TOKENS, pair = share * (COUNT - 1) / (TOKENS - 1);
    (void)state;
    for (int32_t round = 0; round < ROUNDS; round++) {
        bool selected[TOKENS];
        int32_t token[TOKENS] = {round};
        int64_t count = 0;
        attn_select_random(TOKENS, COUNT, 11, TOKENS, token, selected);
        for (int i = 0; i < TOKENS; i++) {
            count += selected[i];
            single[i] += selected[i];
        }
        both += selected[7] && selected[8];
        assert_int_equal(count, COUNT);
    }
    for (int i = 0; i < TOKENS; i++) assert_true(fabs((double)single[i] - ROUNDS * share) < 5 * sqrt(ROUNDS * share * (1 - share)));
    assert_true(fabs((double)both - ROUNDS * pair) < 5 * sqrt(ROUNDS * pair * (1 - pair)));
}

static void a_random_choice_depends_on_no_later_token(void **state) {
    enum { TOKENS = 40 };
    bool all[TOKENS], some[TOKENS];
    int32_t token[TOKENS], changed = 0;
    (void)state;
    for (int32_t i = 0; i < TOKENS; i++) token[i] = i % 7;
    attn_select_random(TOKENS, 9, 5, TOKENS, token, all);
    for (int64_t cut = 0; cut < TOKENS; cut++) {
        int32_t other[TOKENS];
        memcpy(other, token, sizeof other);
        other[cut] = 99;
        attn_select_random(TOKENS, 9, 5, TOKENS, other, some);
        assert_memory_equal(all, some, (size_t)cut * sizeof *all);
        changed += memcmp(all, some, sizeof all) != 0;
        attn_select_random(TOKENS, 9, 5, cut, token, some); /* asked for fewer */
        assert_memory_equal(all, some, (size_t)cut * sizeof *all);
    }
    assert_true(changed > TOKENS / 2);
    attn_select_random(TOKENS, 9, 6, TOKENS, token, some);
    assert_memory_not_equal(all, some, sizeof all);
    attn_select_random(TOKENS, TOKENS, 6, TOKENS, token, some);
    for (int i = 0; i < TOKENS; i++) assert_true(some[i]);
}

static void tokens_repeat_from_their_second_time_on(void **state) {
    static const int32_t token[] = {'a', 'b', 'c', 'a', 'b', 'd', 'b'};
    static const bool want[] = {false, false, false, true, true, false, true};
    (void)state;
    for (int64_t i = 0; i < 7; i++) assert_int_equal(attn_select_repeat(token, i), want[i]);
}

/* ---------------------------------------------------------------------------------------------------- the mixer */

static attn_ctx *context(void) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

/* Output, share and penalty. */
static attn_tensor *call(struct test_mixer_model *m, bool tokens, bool training, double *share, double *penalty) {
    attn_tape_reset(attn_model_tape(m->model));
    attn_mixer_call c = {.u = m->u, .tokens = tokens ? m->tokens : NULL, .training = training, .share = (double)NAN};
    attn_tensor *y = attn_mix(m->mixer, &c);
    *share = c.share;
    *penalty = c.penalty ? attn_data(c.penalty)[0] : 0;
    return y;
}

/* Rows of y that are not those of u. */
static int64_t changed_rows(struct test_mixer_model *m, attn_tensor *y, int64_t sequence) {
    const int64_t tokens = m->what->length, width = m->what->width;
    int64_t count = 0;
    for (int64_t i = sequence * tokens; i < (sequence + 1) * tokens; i++)
        count += memcmp(attn_data(y) + i * width, attn_data(m->u) + i * width, (size_t)width * sizeof(double)) != 0;
    return count;
}

static void as_many_positions_as_said_are_changed_and_the_share_says_so(void **state) {
    static const struct {
        struct test_mixer what;
        int64_t rows;
        bool training;
    } cases[] = {
        {{"select:selector=random", 6, 50, 0, 1}, 8, true},
        {{"select:selector=random:k=3", 6, 50, 0, 1}, 3, false},
        {{"select:selector=random:k=49", 6, 50, 0, 1}, 49, true},
        {{"select:selector=random:k=99", 6, 50, 0, 1}, 50, true},
        {{"select", 6, 50, 0, 1}, 8, false},
        {{"select:selector=two_way:k=30", 6, 50, 0, 1}, 30, false},
        {{"select:selector=softmax:k=1", 6, 50, 0, 1}, 1, false},
        {{"select:selector=full", 6, 50, 0, 1}, 50, false},
    };
    attn_ctx *ctx = context();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_mixer_model m;
        double share, penalty;
        test_mixer_open(&m, ctx, &cases[i].what, 0.4);
        attn_tensor *y = call(&m, true, cases[i].training, &share, &penalty);
        assert_non_null(y);
        for (int64_t b = 0; b < TEST_MIXER_BATCH; b++) assert_int_equal(changed_rows(&m, y, b), cases[i].rows);
        assert_true(share == (double)cases[i].rows / 50);
        assert_true(penalty == 0);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

/* p is 1/2 where the weights are 0: 0.3 (1/2 - 4/16), and with k = 9 nothing is too much. */
static void the_penalty_is_what_the_mean_exceeds_the_share_by(void **state) {
    static const struct {
        struct test_mixer what;
        double penalty;
    } cases[] = {
        {{"select:penalty=0.3", 6, 16, 0, 1}, 0.075},
        {{"select:penalty=0.3:k=9", 6, 16, 0, 1}, 0},
        {{"select:penalty=0.3:k=2", 6, 16, 0, 1}, 0.3 * (0.5 - 0.125)},
    };
    attn_ctx *ctx = context();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_mixer_model m;
        double share, penalty;
        test_mixer_open(&m, ctx, &cases[i].what, 0);
        for (int64_t p = 0; p < attn_model_count(m.model); p++)
            if (strcmp(attn_model_name(m.model, p), "select.weight") == 0) attn_fill(attn_model_tensor(m.model, p), 0);
        assert_non_null(call(&m, true, true, &share, &penalty));
        assert_true(share == 0.5);
        assert_true(fabs(penalty - cases[i].penalty) < 1e-15);
        assert_non_null(call(&m, true, false, &share, &penalty));
        assert_true(penalty == 0);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

static void without_tokens_what_compares_them_is_refused_and_the_rest_runs(void **state) {
    static const struct test_mixer needs = {"select:selector=programmatic", 6, 9, 0, 1}, random = {"select:selector=random", 6, 9, 0, 1};
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    double share, penalty;
    char text[512];
    (void)state;
    test_mixer_open(&m, ctx, &needs, 0.4);
    assert_null(call(&m, false, true, &share, &penalty));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "mixer select: selector=programmatic compares tokens, and was given rows without their tokens");
    assert_non_null(call(&m, true, true, &share, &penalty));
    test_mixer_close(&m);
    test_mixer_open(&m, ctx, &random, 0.4);
    attn_tensor *y = call(&m, false, true, &share, &penalty);
    assert_non_null(y);
    assert_int_equal(changed_rows(&m, y, 0), 3);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void learned_selections_have_no_form_that_goes_token_by_token(void **state) {
    static const struct test_mixer what = {"select:selector=two_way", 6, 9, 0, 1};
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    double number = 0;
    char text[512];
    (void)state;
    test_mixer_open(&m, ctx, &what, 0.4);
    assert_int_equal(attn_mixer_state(m.mixer, 9), -1);
    attn_mixer_call c = {.u = attn_narrow(m.u, 1, 0, 1)};
    assert_null(attn_mixer_step(m.mixer, &c, &number, 9, 0));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "mixer select: selector=two_way chooses among all tokens, and has no form that goes token by token");
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

/* Token 1 has been there at position 2 of the first sequence, not of the second. */
static void one_step_says_how_many_of_its_tokens_it_selects(void **state) {
    static const struct test_mixer what = {"select:selector=programmatic", 6, 3, 0, 1};
    static const int32_t token[][TEST_MIXER_BATCH] = {{1, 1}, {0, 0}, {1, 2}};
    static const double share[] = {0, 0, 0.5};
    attn_ctx *ctx = context();
    struct test_mixer_model m;
    double kept[TEST_MIXER_BATCH * 13 * 3] = {0};
    (void)state;
    test_mixer_open(&m, ctx, &what, 0.4);
    for (int64_t i = 0; i < 3; i++) {
        attn_tape_reset(attn_model_tape(m.model));
        attn_mixer_call c = {.u = attn_contiguous(attn_narrow(m.u, 1, i, 1)), .tokens = token[i], .share = (double)NAN};
        assert_non_null(attn_mixer_step(m.mixer, &c, kept, 3, i));
        assert_true(c.share == share[i]);
    }
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greatest_are_those_with_fewer_greater_ones_before_or_behind),
        cmocka_unit_test(random_choices_are_as_many_as_asked_for_and_favour_no_position),
        cmocka_unit_test(a_random_choice_depends_on_no_later_token),
        cmocka_unit_test(tokens_repeat_from_their_second_time_on),
        cmocka_unit_test(as_many_positions_as_said_are_changed_and_the_share_says_so),
        cmocka_unit_test(the_penalty_is_what_the_mean_exceeds_the_share_by),
        cmocka_unit_test(without_tokens_what_compares_them_is_refused_and_the_rest_runs),
        cmocka_unit_test(learned_selections_have_no_form_that_goes_token_by_token),
        cmocka_unit_test(one_step_says_how_many_of_its_tokens_it_selects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
