/* A model's parameters by name: what is entered is left again, names are checked, and seeds and factors belong to a name. */
#include "attn_train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct made {
    attn_ctx *ctx;
    attn_model *model;
};

static struct made make(uint64_t seed) {
    struct made made;
    assert_int_equal(attn_ctx_create(NULL, &made.ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_model_create(made.ctx, seed, &made.model), ATTN_OK);
    return made;
}

static void unmake(struct made *made) {
    attn_model_destroy(made->model);
    attn_ctx_destroy(made->ctx);
}

static attn_tensor *add(struct made *made, const char *name) {
    return attn_model_parameter(made->model, name, 1, (const int64_t[]){3});
}

static void leaving_takes_back_all_that_was_entered(void **state) {
    struct made made = make(1);
    (void)state;
    for (int i = 0; i < 100; i++) { /* as many as a name has no room for, one in the other */
        attn_model_enter(made.model, "blocks.%d", i);
        attn_model_enter(made.model, "mixer");
        assert_non_null(add(&made, "w"));
        attn_model_leave(made.model);
        assert_non_null(add(&made, "w"));
        attn_model_leave(made.model);
    }
    attn_model_leave(made.model); /* nothing is left to leave */
    assert_non_null(add(&made, "w"));
    assert_string_equal(attn_model_name(made.model, 0), "blocks.0.mixer.w");
    assert_string_equal(attn_model_name(made.model, 1), "blocks.0.w");
    assert_string_equal(attn_model_name(made.model, 198), "blocks.99.mixer.w");
    assert_string_equal(attn_model_name(made.model, 200), "w");
    assert_int_equal(attn_model_count(made.model), 201);
    assert_int_equal(attn_model_elements(made.model), 603);
    assert_null(attn_model_name(made.model, 201));
    unmake(&made);
}

static void what_was_entered_in_vain_is_left_too(void **state) {
    struct made made = make(1);
    char text[1024];
    (void)state;
    attn_model_enter(made.model, "a");
    for (int i = 0; i < 100; i++) attn_model_enter(made.model, "b");
    assert_int_equal(attn_tape_status(attn_model_tape(made.model)), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(made.ctx, text, sizeof text), "more than 64 deep"));
    for (int i = 0; i < 100; i++) attn_model_leave(made.model);
    attn_model_enter(made.model, "%0300d", 0);
    attn_model_leave(made.model);
    attn_tape_reset(attn_model_tape(made.model));
    assert_non_null(add(&made, "w"));
    assert_string_equal(attn_model_name(made.model, 0), "a.w");
    unmake(&made);
}

static void names_are_plain_words_each_once(void **state) {
    static const char *const wrong[] = {"", "w", "a b", "a/b", "a\"b", "\xc3\xa4"};
    struct made made = make(1);
    (void)state;
    assert_non_null(add(&made, "w"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(add(&made, wrong[i]));
        assert_int_equal(attn_tape_status(attn_model_tape(made.model)), ATTN_EINVAL);
        attn_tape_reset(attn_model_tape(made.model));
    }
    assert_int_equal(attn_model_count(made.model), 1);
    unmake(&made);
}

static void a_seed_is_of_the_models_seed_and_of_the_name_alone(void **state) {
    struct made one = make(1), more = make(1), other = make(2);
    (void)state;
    add(&one, "w");
    add(&more, "v");
    const uint64_t of_v = attn_model_seed(more.model);
    add(&more, "w");
    add(&other, "w");
    assert_true(attn_model_seed(one.model) == attn_model_seed(more.model));
    assert_true(attn_model_seed(one.model) != of_v);
    assert_true(attn_model_seed(one.model) != attn_model_seed(other.model));
    unmake(&one);
    unmake(&more);
    unmake(&other);
}

/* A step of SGD at rate 1 with gradient 1 and decay 0.5 of numbers that are 4: 4 - rate (1 + decay 4). */
static void factors_of_rate_and_decay_are_those_of_the_newest_parameter(void **state) {
    struct made made = make(1);
    attn_optimizer_config config;
    attn_optimizer *optimizer;
    attn_tensor *x[3];
    (void)state;
    x[0] = add(&made, "plain");
    x[1] = add(&made, "slow");
    attn_model_scale(made.model, 0.25, 1);
    x[2] = add(&made, "kept");
    attn_model_scale(made.model, 1, 0);
    for (int i = 0; i < 3; i++) attn_fill(x[i], 4);
    attn_optimizer_config_init(&config);
    config.kind = ATTN_SGD;
    assert_int_equal(attn_model_optimizer(made.model, &config, 0.5, &optimizer), ATTN_OK);
    assert_int_equal(attn_tape_backward(attn_sum_all(attn_add(attn_add(x[0], x[1]), x[2]))), ATTN_OK);
    attn_optimizer_step(optimizer, 1);
    assert_true(attn_data(x[0])[1] == 4 - (1 + 0.5f * 4));
    assert_true(attn_data(x[1])[1] == 4 - 0.25f * (1 + 0.5f * 4));
    assert_true(attn_data(x[2])[1] == 4 - 1);
    attn_optimizer_destroy(optimizer);
    unmake(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_takes_back_all_that_was_entered),
        cmocka_unit_test(what_was_entered_in_vain_is_left_too),
        cmocka_unit_test(names_are_plain_words_each_once),
        cmocka_unit_test(a_seed_is_of_the_models_seed_and_of_the_name_alone),
        cmocka_unit_test(factors_of_rate_and_decay_are_those_of_the_newest_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
