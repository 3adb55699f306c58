/* Stacks of blocks: what they compute by loops in double, token by token against all at once, states, sizes of the paper, errors. */
#include "support/naive.h"
#include "support/training.h"
#include "system/aaren/stack.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, TOKENS = 7, WIDTH = 6, FFN = 10, LAYERS = 3, ROWS = BATCH * TOKENS, ALL = ROWS * WIDTH };
static const bool narrow = sizeof(attn_real) == sizeof(float);

/* ------------------------------------------------------------------------------------------------- a mixer of the test */

/* y[t] = u[0] + ... + u[t] */
static void sum_make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    (void)mixer, (void)model, (void)place, (void)option;
}
static attn_tensor *sum_mix(void *mixer, attn_mixer_call *call) {
    (void)mixer;
    attn_tensor *u = call->u;
    return attn_linear_recurrence(attn_affine(u, 0, 1), u);
}
static const attn_mixer_kind sum_kind = {
    .size = sizeof(attn_mixer_kind), .name = "sum", .summary = "sums", .bytes = 1, .make = sum_make, .mix = sum_mix};
static const attn_mixer_kind *const kinds[] = {&sum_kind};

/* ---------------------------------------------------------------------------------------------------------- a stack */

struct fixture {
    attn_ctx *ctx;
    attn_model *model;
    attn_tape *tape;
    struct attn_aaren_stack *stack;
    attn_real x[ALL], each[ALL];
};

static struct attn_aaren_stack_config config_of(const char *mixer) {
    return (struct attn_aaren_stack_config){
        .width = WIDTH, .ffn = FFN, .layers = LAYERS, .length = TOKENS, .mixer = mixer, .kinds = kinds, .kind_count = 1, .epsilon = 1e-5};
}

/* Parameters are moved, so that biases and gains have an effect. */
static void open_stack(struct fixture *f, const struct attn_aaren_stack_config *config) {
    struct attn_random random;
    f->ctx = test_context(2);
    assert_int_equal(attn_model_create(f->ctx, 3, &f->model), ATTN_OK);
    f->tape = attn_model_tape(f->model);
    f->stack = attn_aaren_stack_make(f->model, config);
    assert_non_null(f->stack);
    attn_random_init(&random, 7);
    for (int64_t p = 0; p < attn_model_count(f->model); p++) {
        attn_tensor *x = attn_model_tensor(f->model, p);
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] += (attn_real)(0.5 * attn_random_uniform(&random) - 0.25);
    }
    for (int i = 0; i < ALL; i++) f->x[i] = (attn_real)attn_random_normal(&random);
    for (int i = 0; i < ALL; i++) f->each[i] = (attn_real)attn_random_normal(&random);
}

static void close_stack(struct fixture *f) {
    attn_model_destroy(f->model);
    attn_ctx_destroy(f->ctx);
}

static attn_tensor *input(struct fixture *f, const attn_real *data) {
    return attn_tensor_input(f->tape, 3, (const int64_t[]){BATCH, TOKENS, WIDTH}, data);
}

static const attn_real *forward(struct fixture *f, bool each, bool training) {
    attn_tape_reset(f->tape);
    attn_tensor *y = attn_aaren_stack_forward(f->stack, input(f, f->x), each ? input(f, f->each) : NULL, training);
    assert_non_null(y);
    return attn_data(y);
}

/* ------------------------------------------------------------------------------------------------------ by definition */

static void naive_norm(const struct test_mixer_model *m, const char *name, double *x) {
    char gain[64], bias[64];
    snprintf(gain, sizeof gain, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const double *g = test_naive_parameter(m, gain), *b = test_naive_parameter(m, bias);
    for (int row = 0; row < ROWS; row++, x += WIDTH) {
        double mean = 0, variance = 0;
        for (int i = 0; i < WIDTH; i++) mean += x[i] / WIDTH;
        for (int i = 0; i < WIDTH; i++) variance += (x[i] - mean) * (x[i] - mean) / WIDTH;
        for (int i = 0; i < WIDTH; i++) x[i] = (x[i] - mean) / sqrt(variance + 1e-5) * g[i] + b[i];
    }
}

/* One layer over r, each branch with its norm before it or behind the sum. */
static void naive_layer(const struct test_mixer_model *m, const struct attn_aaren_stack_config *c, int layer, double *r) {
    static double branch[ALL];
    char mixer_norm[64], ffn_norm[64], in[64], out[64];
    snprintf(mixer_norm, sizeof mixer_norm, "blocks.%d.mixer_norm", layer);
    snprintf(ffn_norm, sizeof ffn_norm, "blocks.%d.ffn_norm", layer);
    snprintf(in, sizeof in, "blocks.%d.ffn.in", layer);
    snprintf(out, sizeof out, "blocks.%d.ffn.out", layer);
    memcpy(branch, r, sizeof branch);
    if (c->pre_norm) naive_norm(m, mixer_norm, branch);
    for (int i = 0; i < ALL; i++)
        if (i % (TOKENS * WIDTH) >= WIDTH) branch[i] += branch[i - WIDTH];
    for (int i = 0; i < ALL; i++) r[i] += branch[i];
    if (!c->pre_norm) naive_norm(m, mixer_norm, r);
    memcpy(branch, r, sizeof branch);
    if (c->pre_norm) naive_norm(m, ffn_norm, branch);
    double *hidden = test_naive_project(m, in, ROWS, branch);
    for (int i = 0; i < ROWS * FFN; i++) hidden[i] = c->relu ? fmax(hidden[i], 0) : hidden[i] * erfc(-hidden[i] / sqrt(2)) / 2;
    const double *y = test_naive_project(m, out, ROWS, hidden);
    for (int i = 0; i < ALL; i++) r[i] += y[i];
    if (!c->pre_norm) naive_norm(m, ffn_norm, r);
}

static void check_definition(struct attn_aaren_stack_config config, bool each) {
    struct fixture f;
    static double r[ALL];
    open_stack(&f, &config);
    const struct test_mixer what = {"stack", WIDTH, TOKENS, 0, LAYERS};
    const struct test_mixer_model m = {.what = &what, .model = f.model};
    for (int i = 0; i < ALL; i++) r[i] = (double)f.x[i];
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int i = 0; each && i < ALL; i++) r[i] += (double)f.each[i];
        naive_layer(&m, &config, layer, r);
    }
    if (config.final_norm) naive_norm(&m, "norm", r);
    const attn_real *y = forward(&f, each, false);
    double most = 0;
    for (int i = 0; i < ALL; i++) most = fmax(most, fabs(r[i]));
    for (int i = 0; i < ALL; i++)
        if (!(fabs((double)y[i] - r[i]) <= (narrow ? 1e-5 : 1e-12) * most))
            fail_msg("pre_norm %d, relu %d, final_norm %d: number %d is %.9g, must be %.9g", config.pre_norm, config.relu,
                     config.final_norm, i, (double)y[i], r[i]);
    close_stack(&f);
}

static void blocks_are_norms_residuals_and_networks_in_their_order(void **state) {
    (void)state;
    for (int i = 0; i < 16; i++) {
        struct attn_aaren_stack_config config = config_of("sum");
        config.pre_norm = i & 1;
        config.relu = i & 2;
        config.final_norm = i & 4;
        check_definition(config, i & 8);
    }
}

/* ------------------------------------------------------------------------------------------------------ token by token */

/* One token of every sequence. */
static attn_tensor *token_of(struct fixture *f, const attn_real *data, int token) {
    attn_tensor *all = input(f, data);
    return attn_contiguous(attn_narrow(all, 1, token, 1));
}

/* From token `first` on, of `tokens` that the state is made for; y [B, T, D]. */
static void step_from(struct fixture *f, attn_real *state, int first, int64_t tokens, attn_real *y) {
    for (int t = first; t < TOKENS; t++) {
        attn_tape_reset(f->tape);
        attn_tensor *one = attn_aaren_stack_step(f->stack, token_of(f, f->x, t), token_of(f, f->each, t), state, tokens, t);
        assert_non_null(one);
        for (int b = 0; b < BATCH; b++) memcpy(y + (b * TOKENS + t) * WIDTH, attn_data(one) + b * WIDTH, WIDTH * sizeof *y);
    }
}

static attn_real *state_for(const struct fixture *f, int64_t tokens, size_t *bytes) {
    const int64_t numbers = attn_aaren_stack_state(f->stack, tokens);
    assert_true(numbers > 0);
    *bytes = (size_t)(BATCH * numbers) * sizeof(attn_real);
    attn_real *state = calloc(1, *bytes);
    assert_non_null(state);
    return state;
}

static void check_steps(const char *mixer, bool pre_norm) {
    struct attn_aaren_stack_config config = config_of(mixer);
    struct fixture f;
    size_t bytes;
    attn_real all[ALL], y[ALL], again[ALL];
    config.pre_norm = config.final_norm = pre_norm;
    config.dropout = 0.3;
    open_stack(&f, &config);
    memcpy(all, forward(&f, true, false), sizeof all);
    attn_real *state = state_for(&f, TOKENS, &bytes), *saved = malloc(bytes);
    assert_non_null(saved);
    step_from(&f, state, 0, TOKENS, y);
    double most = 0;
    for (int i = 0; i < ALL; i++) most = fmax(most, fabs((double)all[i]));
    for (int i = 0; i < ALL; i++)
        if (!(fabs((double)y[i] - (double)all[i]) <= (narrow ? 1e-5 : 1e-12) * most))
            fail_msg("%s: number %d is %.9g alone, %.9g among all", mixer, i, (double)y[i], (double)all[i]);
    memset(state, 0, bytes); /* a state that is put away after 3 tokens and taken out again */
    for (int t = 0; t < 3; t++) {
        attn_tape_reset(f.tape);
        assert_non_null(attn_aaren_stack_step(f.stack, token_of(&f, f.x, t), token_of(&f, f.each, t), state, TOKENS, t));
    }
    memcpy(saved, state, bytes);
    memset(state, 0xff, bytes);
    memcpy(again, y, sizeof again);
    step_from(&f, saved, 3, TOKENS, again);
    assert_memory_equal(again, y, sizeof y);
    free(state);
    free(saved);
    close_stack(&f);
}

static void token_by_token_gives_what_all_at_once_gives_and_goes_on_from_a_saved_state(void **state) {
    (void)state;
    static const char *const mixers[] = {"aaren", "aaren:heads=3", "attention:heads=2", "aaren+sliding:window=2+attention"};
    for (size_t i = 0; i < sizeof mixers / sizeof *mixers; i++)
        for (int pre_norm = 0; pre_norm < 2; pre_norm++) check_steps(mixers[i], pre_norm);
}

static void states_of_aaren_have_one_size_for_any_number_of_tokens(void **state) {
    static const struct {
        const char *mixer;
        bool constant;
        int64_t of_1, of_1000;
    } cases[] = {
        {"aaren:heads=2", true, LAYERS * (2 * WIDTH + 6), LAYERS * (2 * WIDTH + 6)},
        {"attention", false, LAYERS * 2 * WIDTH, LAYERS * 2 * WIDTH * 1000},
        {"sliding:window=4", true, LAYERS * 2 * WIDTH, LAYERS * 2 * WIDTH * 4},
        {"aaren+attention", false, 2 * (2 * WIDTH + 3) + 2 * WIDTH, 2 * (2 * WIDTH + 3) + 2 * WIDTH * 1000},
        {"sum", false, -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct attn_aaren_stack_config config = config_of(cases[i].mixer);
        struct fixture f;
        open_stack(&f, &config);
        assert_int_equal(attn_aaren_stack_constant(f.stack), cases[i].constant);
        assert_int_equal(attn_aaren_stack_state(f.stack, 1), cases[i].of_1);
        assert_int_equal(attn_aaren_stack_state(f.stack, 1000), cases[i].of_1000);
        close_stack(&f);
    }
}

static void steps_go_on_beyond_the_length_and_allocate_nothing(void **state) {
    const struct attn_aaren_stack_config config = config_of("aaren");
    struct fixture f;
    size_t bytes;
    int64_t allocations = 0;
    (void)state;
    open_stack(&f, &config);
    attn_real *numbers = state_for(&f, 1, &bytes);
    for (int t = 0; t < 5 * TOKENS; t++) {
        attn_tape_reset(f.tape);
        if (t == 1) allocations = attn_tape_allocations(f.tape);
        assert_non_null(attn_aaren_stack_step(f.stack, token_of(&f, f.x, t % TOKENS), NULL, numbers, INT64_MAX, t));
    }
    assert_int_equal(attn_tape_allocations(f.tape), allocations);
    free(numbers);
    close_stack(&f);
}

/* ---------------------------------------------------------------------------------------------------------- training */

static void dropout_is_of_training_alone_and_of_its_seed(void **state) {
    (void)state;
    for (int pre_norm = 0; pre_norm < 2; pre_norm++) {
        struct attn_aaren_stack_config config = config_of("aaren");
        struct fixture f;
        attn_real plain[ALL], dropped[ALL];
        config.pre_norm = pre_norm;
        config.dropout = 0.4;
        open_stack(&f, &config);
        memcpy(plain, forward(&f, false, false), sizeof plain);
        memcpy(dropped, forward(&f, false, true), sizeof dropped);
        assert_memory_not_equal(plain, dropped, sizeof plain);
        assert_memory_equal(dropped, forward(&f, false, true), sizeof dropped);
        attn_tape_seed(f.tape, 9);
        assert_memory_not_equal(dropped, forward(&f, false, true), sizeof dropped);
        assert_memory_equal(plain, forward(&f, false, false), sizeof plain);
        close_stack(&f);
    }
}

/* Feng et al. 2024, app.: one layer of width 512. */
static void one_layer_has_the_parameters_of_the_paper(void **state) {
    static const struct {
        const char *mixer;
        int64_t numbers;
    } cases[] = {{"attention:heads=8", 3152384}, {"aaren:heads=8", 3152896}};
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct attn_aaren_stack_config config = {
            .width = 512, .ffn = 2048, .layers = 1, .length = 8, .mixer = cases[i].mixer, .epsilon = 1e-5};
        attn_model *model;
        assert_int_equal(attn_model_create(ctx, 1, &model), ATTN_OK);
        assert_non_null(attn_aaren_stack_make(model, &config));
        assert_int_equal(attn_model_elements(model), cases[i].numbers);
        attn_model_destroy(model);
    }
    attn_ctx_destroy(ctx);
}

/* ------------------------------------------------------------------------------------------------------------ errors */

static void what_does_not_fit_is_said(void **state) {
    struct attn_aaren_stack_config config = config_of("aaren:heads=4");
    struct fixture f;
    char text[512];
    (void)state;
    f.ctx = test_context(1);
    assert_int_equal(attn_model_create(f.ctx, 1, &f.model), ATTN_OK);
    assert_null(attn_aaren_stack_make(f.model, &config));
    assert_non_null(strstr(attn_ctx_error(f.ctx, text, sizeof text), "mixer aaren: heads=4 must divide the width, 6"));
    close_stack(&f);
    config = config_of("aaren");
    open_stack(&f, &config);
    attn_tape_reset(f.tape);
    assert_null(attn_aaren_stack_forward(f.stack, attn_constant(f.tape, 3, (const int64_t[]){1, TOKENS + 1, WIDTH}, 1), NULL, false));
    assert_non_null(strstr(attn_ctx_error(f.ctx, text, sizeof text), "8 tokens; the model was made for at most 7"));
    close_stack(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_norms_residuals_and_networks_in_their_order),
        cmocka_unit_test(token_by_token_gives_what_all_at_once_gives_and_goes_on_from_a_saved_state),
        cmocka_unit_test(states_of_aaren_have_one_size_for_any_number_of_tokens),
        cmocka_unit_test(steps_go_on_beyond_the_length_and_allocate_nothing),
        cmocka_unit_test(dropout_is_of_training_alone_and_of_its_seed),
        cmocka_unit_test(one_layer_has_the_parameters_of_the_paper),
        cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
