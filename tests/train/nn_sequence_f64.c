/* Models over tokens: hidden rows against their definition in loops, gradients against differences, token by token against all at once. */
#include "support/naive.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, TOKENS = 5, WIDTH = 6, VOCABULARY = 11, LAYERS = 3 };

static const int32_t tokens[BATCH * TOKENS] = {3, 0, 10, 3, 7, 1, 1, 4, 9, 2};

struct made {
    attn_ctx *ctx;
    struct test_mixer_model m; /* of which the model is used, to find parameters by name */
    attn_sequence *sequence;
    attn_sequence_config config;
};

/* A model of LAYERS layers; its parameters are moved from where they begin by uniform numbers in [-move, move). */
static void open_model(struct made *made, const attn_sequence_config *of, double move) {
    static const struct test_mixer what = {"sequence model", WIDTH, TOKENS, 0, LAYERS};
    struct attn_random random;
    char text[512];
    made->config = *of;
    made->config.vocabulary = VOCABULARY;
    made->config.width = WIDTH;
    made->config.layers = LAYERS;
    made->config.length = TOKENS + 2;
    made->m = (struct test_mixer_model){.what = &what};
    assert_int_equal(attn_ctx_create(NULL, &made->ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_model_create(made->ctx, 5, &made->m.model), ATTN_OK);
    made->sequence = attn_sequence_make(made->m.model, &made->config);
    if (!made->sequence) fail_msg("%s", attn_ctx_error(made->ctx, text, sizeof text));
    attn_random_init(&random, 17);
    for (int64_t i = 0; i < attn_model_count(made->m.model); i++) {
        attn_tensor *p = attn_model_tensor(made->m.model, i);
        for (int64_t j = 0; j < attn_count(p); j++) attn_data(p)[j] += move * (2 * attn_random_uniform(&random) - 1);
    }
}

static void close_model(struct made *made) {
    attn_model_destroy(made->m.model);
    attn_ctx_destroy(made->ctx);
}

static attn_tensor *hidden_of(struct made *made, bool training) {
    attn_tape_reset(attn_model_tape(made->m.model));
    attn_tensor *hidden = attn_sequence_hidden(made->sequence, BATCH, TOKENS, tokens, training, NULL);
    assert_non_null(hidden);
    return hidden;
}

static attn_sequence_config config_of(attn_state_mixer state, bool positions, bool rms, bool untied) {
    attn_sequence_config config;
    attn_sequence_config_init(&config);
    config.mixer = "shortconv:kernel=2";
    config.state = state;
    config.positions = positions;
    config.rms = rms;
    config.untied = untied;
    return config;
}

/* ------------------------------------------------------------------------------------------------- the definition */

/* "blocks.LAYER.NAME" */
static const char *in_block(char text[64], int layer, const char *name) {
    snprintf(text, 64, "blocks.%d.%s", layer, name);
    return text;
}

static double *normed(const struct made *made, const char *name, const double *r) {
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const double *gain = test_naive_parameter(&made->m, weight), *shift = made->config.rms ? NULL : test_naive_parameter(&made->m, bias);
    double *y = test_naive_memory(&made->m, TOKENS * WIDTH);
    for (int64_t i = 0; i < TOKENS * WIDTH; i += WIDTH) {
        double mean = 0, variance = 0;
        for (int64_t c = 0; c < WIDTH && !made->config.rms; c++) mean += r[i + c] / WIDTH;
        for (int64_t c = 0; c < WIDTH; c++) variance += (r[i + c] - mean) * (r[i + c] - mean) / WIDTH;
        for (int64_t c = 0; c < WIDTH; c++) y[i + c] = (r[i + c] - mean) / sqrt(variance + 1e-5) * gain[c] + (shift ? shift[c] : 0);
    }
    return y;
}

static const double *state_of(const struct made *made, int layer, const double *x) {
    char name[64];
    const int64_t hidden = made->config.state == ATTN_STATE_MLP ? 4 * WIDTH : 16; /* 8 / 3 of 6 */
    if (made->config.state == ATTN_STATE_IDENTITY) return x;
    double *in = test_naive_project(&made->m, in_block(name, layer, "state.in"), TOKENS, x);
    if (made->config.state == ATTN_STATE_MLP)
        for (int64_t i = 0; i < TOKENS * hidden; i++) in[i] *= erfc(-in[i] / sqrt(2)) / 2;
    else {
        const double *gate = test_naive_project(&made->m, in_block(name, layer, "state.gate"), TOKENS, x);
        for (int64_t i = 0; i < TOKENS * hidden; i++) in[i] *= gate[i] * test_naive_sigmoid(gate[i]);
    }
    return test_naive_project(&made->m, in_block(name, layer, "state.out"), TOKENS, in);
}

/* Of one sequence: r = embedding + positions; r += mixer(norm(r)), r += state(norm(r)) in each block; norm(r). */
static const double *define(const struct made *made, const int32_t *token) {
    char name[64];
    double *r = test_naive_memory(&made->m, TOKENS * WIDTH);
    const double *table = test_naive_parameter(&made->m, "embedding.weight");
    const double *place = made->config.positions ? test_naive_parameter(&made->m, "positions.weight") : NULL;
    for (int64_t i = 0; i < TOKENS * WIDTH; i++) r[i] = table[token[i / WIDTH] * WIDTH + i % WIDTH] + (place ? place[i] : 0);
    for (int layer = 0; layer < LAYERS; layer++) {
        const double *u = normed(made, in_block(name, layer, "mixer_norm"), r);
        const double *w = test_naive_parameter(&made->m, in_block(name, layer, "mixer.conv.weight"));
        const double *bias = test_naive_parameter(&made->m, in_block(name, layer, "mixer.conv.bias"));
        const double *mixed = test_naive_convolve(&made->m, TOKENS, WIDTH, u, 2, w, bias);
        for (int64_t i = 0; i < TOKENS * WIDTH; i++) r[i] += mixed[i];
        if (made->config.state == ATTN_STATE_NONE) continue;
        const double *more = state_of(made, layer, normed(made, in_block(name, layer, "state_norm"), r));
        for (int64_t i = 0; i < TOKENS * WIDTH; i++) r[i] += more[i];
    }
    return normed(made, "norm", r);
}

static void compare_with_definition(struct made *made) {
    attn_tensor *hidden = hidden_of(made, true), *logits = attn_sequence_logits(made->sequence, hidden);
    const double *head = test_naive_parameter(&made->m, made->config.untied ? "head.weight" : "embedding.weight");
    assert_non_null(logits);
    for (int64_t b = 0; b < BATCH; b++) {
        const double *want = define(made, tokens + b * TOKENS);
        for (int64_t i = 0; i < TOKENS * WIDTH; i++) assert_true(fabs(attn_data(hidden)[b * TOKENS * WIDTH + i] - want[i]) <= 1e-12);
        for (int64_t i = 0; i < TOKENS * VOCABULARY; i++) {
            double logit = 0;
            for (int64_t c = 0; c < WIDTH; c++) logit += want[i / VOCABULARY * WIDTH + c] * head[i % VOCABULARY * WIDTH + c];
            assert_true(fabs(attn_data(logits)[b * TOKENS * VOCABULARY + i] - logit) <= 1e-11);
        }
    }
}

static void hidden_rows_and_logits_are_those_of_the_definition(void **state) {
    (void)state;
    for (int i = 0; i < 32; i++) {
        const attn_sequence_config config = config_of((attn_state_mixer)(i / 8), i & 1, i & 2, i & 4);
        struct made made;
        open_model(&made, &config, 0.4);
        compare_with_definition(&made);
        close_model(&made);
    }
}

/* ------------------------------------------------------------------------------------------------------- gradients */

static attn_tensor *loss_of(struct made *made) {
    static const int32_t label[BATCH * TOKENS] = {1, -1, 2, 10, 0, 5, -1, 7, 3, 3};
    return attn_cross_entropy(attn_sequence_logits(made->sequence, hidden_of(made, true)), label);
}

static double value_of(struct made *made) {
    return attn_data(loss_of(made))[0];
}

static void compare_gradient(struct made *made, int64_t index) {
    const double h = 2e-6;
    attn_tensor *p = attn_model_tensor(made->m.model, index);
    double greatest = 0;
    for (int64_t i = 0; i < attn_count(p); i++) {
        assert_int_equal(attn_tape_backward(loss_of(made)), ATTN_OK);
        const double gradient = attn_grad(p)[i], before = attn_data(p)[i];
        attn_data(p)[i] = before + h;
        const double above = value_of(made);
        attn_data(p)[i] = before - h;
        const double difference = (above - value_of(made)) / (2 * h);
        attn_data(p)[i] = before;
        greatest = fmax(greatest, fabs(difference));
        if (!(fabs(gradient - difference) <= 1e-9))
            fail_msg("%s[%d]: gradient %.12g, difference %.12g", attn_model_name(made->m.model, index), (int)i, gradient, difference);
    }
    if (!(greatest > 1e-4)) fail_msg("%s: no difference is greater than %g", attn_model_name(made->m.model, index), greatest);
}

static void gradients_of_every_parameter_are_their_differences(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        const attn_sequence_config config = config_of((attn_state_mixer)i, i != 1, i & 1, i & 2);
        struct made made;
        open_model(&made, &config, 0.4);
        for (int64_t p = 0; p < attn_model_count(made.m.model); p++) compare_gradient(&made, p);
        close_model(&made);
    }
}

/* -------------------------------------------------------------------------------------------------- token by token */

static void token_by_token_gives_what_all_at_once_gives(void **state) {
    attn_sequence_config config = config_of(ATTN_STATE_MLP, true, false, false);
    struct made made;
    (void)state;
    config.mixer = "attention+baseconv+mamba"; /* states of three sizes */
    open_model(&made, &config, 0.4);
    attn_tape *tape = attn_model_tape(made.m.model);
    const int64_t size = attn_sequence_state(made.sequence, TOKENS);
    double *all = test_naive_memory(&made.m, BATCH * TOKENS * WIDTH), *numbers = test_naive_memory(&made.m, BATCH * size);
    memcpy(all, attn_data(hidden_of(&made, false)), BATCH * TOKENS * WIDTH * sizeof *all);
    for (int64_t t = 0; t < TOKENS; t++) {
        const int32_t token[BATCH] = {tokens[t], tokens[TOKENS + t]};
        attn_tape_reset(tape);
        attn_tensor *one = attn_sequence_step(made.sequence, BATCH, token, numbers, TOKENS, t);
        assert_non_null(one);
        for (int64_t i = 0; i < BATCH * WIDTH; i++)
            assert_true(fabs(attn_data(one)[i] - all[(i / WIDTH * TOKENS + t) * WIDTH + i % WIDTH]) <= 1e-12);
        assert_int_equal(attn_tape_backward(attn_sum_all(one)), ATTN_EINVAL); /* nothing was recorded */
    }
    attn_tape_reset(tape); /* the model is made for two tokens more, this state is not */
    assert_null(attn_sequence_step(made.sequence, BATCH, tokens, numbers, TOKENS, TOKENS));
    assert_int_equal(attn_tape_status(tape), ATTN_ESHAPE);
    close_model(&made);
}

/* ------------------------------------------------------------------------------------------------ beginning, errors */

static double deviation_of(const struct made *made, const char *name, int64_t count) {
    const double *x = test_naive_parameter(&made->m, name);
    double squares = 0;
    for (int64_t i = 0; i < count; i++) squares += x[i] * x[i];
    return sqrt(squares / (double)count);
}

/* Four deviations of an estimate from n numbers are 4 / sqrt(2 n) of it. */
static void near(const struct made *made, const char *name, int64_t count, double want) {
    const double got = deviation_of(made, name, count);
    if (!(fabs(got / want - 1) <= 4 / sqrt(2 * (double)count))) fail_msg("%s: deviation %g, must be about %g", name, got, want);
}

static void parameters_begin_as_the_paper_says(void **state) {
    const attn_sequence_config config = config_of(ATTN_STATE_MLP, true, false, true);
    struct made made;
    (void)state;
    open_model(&made, &config, 0);
    near(&made, "embedding.weight", VOCABULARY * WIDTH, 0.02);
    near(&made, "head.weight", VOCABULARY * WIDTH, 0.02);
    near(&made, "positions.weight", (TOKENS + 2) * WIDTH, 0.02);
    near(&made, "blocks.0.state.in.weight", 4 * WIDTH * WIDTH, 0.02);
    near(&made, "blocks.2.state.out.weight", 4 * WIDTH * WIDTH, 0.02 / sqrt(2 * LAYERS));
    for (int64_t c = 0; c < WIDTH; c++) {
        assert_true(test_naive_parameter(&made.m, "blocks.1.mixer_norm.weight")[c] == 1);
        assert_true(test_naive_parameter(&made.m, "blocks.1.mixer_norm.bias")[c] == 0);
        assert_true(test_naive_parameter(&made.m, "blocks.1.state.out.bias")[c] == 0);
    }
    close_model(&made);
}

static void dropout_is_of_training_alone(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        attn_sequence_config config = config_of((attn_state_mixer)i, false, false, false);
        struct made made, other;
        open_model(&made, &config, 0.4);
        config.dropout = 0.5;
        open_model(&other, &config, 0.4);
        const size_t bytes = BATCH * TOKENS * WIDTH * sizeof(double);
        const double *without = attn_data(hidden_of(&made, true));
        assert_memory_equal(without, attn_data(hidden_of(&other, false)), bytes);
        assert_memory_not_equal(without, attn_data(hidden_of(&other, true)), bytes);
        close_model(&made);
        close_model(&other);
    }
}

static void more_tokens_than_the_model_is_made_for_are_refused(void **state) {
    const attn_sequence_config config = config_of(ATTN_STATE_IDENTITY, false, false, false);
    static const int32_t many[TOKENS + 3];
    struct made made;
    char text[512];
    (void)state;
    open_model(&made, &config, 0);
    assert_null(attn_sequence_hidden(made.sequence, 1, TOKENS + 3, many, false, NULL));
    assert_string_equal(attn_ctx_error(made.ctx, text, sizeof text), "sequence model: 8 tokens; it was made for at most 7");
    close_model(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_rows_and_logits_are_those_of_the_definition),
        cmocka_unit_test(gradients_of_every_parameter_are_their_differences),
        cmocka_unit_test(token_by_token_gives_what_all_at_once_gives),
        cmocka_unit_test(parameters_begin_as_the_paper_says),
        cmocka_unit_test(dropout_is_of_training_alone),
        cmocka_unit_test(more_tokens_than_the_model_is_made_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
