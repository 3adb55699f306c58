/* A convolution and attention behind it learn multi-query associative recall within a few hundred steps (Arora et al. 2023, sec. 5: a short convolution gives
 * attention the token before for nothing). Without the convolution the same budget leaves attention at the guess among an example's values. */
#include "attn_train.h"
#include "system/zoology/mqar.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VOCABULARY = 64, LENGTH = 16, PAIRS = 4, WIDTH = 32, BATCH = 64, STEPS = 500, PARAMETERS = 11 };

enum { EMBEDDING, TAPS, TAPS_BIAS, GATE, GATE_BIAS, GAIN, SHIFT, PROJECTION, PROJECTION_BIAS, OUT, OUT_BIAS };

static const int64_t sizes[PARAMETERS][2] = {{VOCABULARY, WIDTH}, {3, WIDTH},     {WIDTH, 0}, {WIDTH, WIDTH},
                                             {WIDTH, 0},          {WIDTH, 0},     {WIDTH, 0}, {3 * WIDTH, WIDTH},
                                             {3 * WIDTH, 0},      {WIDTH, WIDTH}, {WIDTH, 0}};

struct model {
    attn_tape *tape;
    attn_mask *causal;
    attn_tensor *p[PARAMETERS];
    attn_optimizer *optimizer;
    bool convolution;
};

static void open_model(struct model *m, attn_ctx *ctx, bool convolution) {
    attn_optimizer_config config;
    *m = (struct model){.convolution = convolution};
    assert_int_equal(attn_tape_create(ctx, &m->tape), ATTN_OK);
    assert_int_equal(attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &m->causal), ATTN_OK);
    for (int i = 0; i < PARAMETERS; i++) {
        m->p[i] = attn_parameter(m->tape, sizes[i][1] > 0 ? 2 : 1, sizes[i]);
        assert_non_null(m->p[i]);
        if (i == GAIN)
            attn_fill(m->p[i], 1);
        else if (i == TAPS)
            attn_fill_uniform(m->p[i], -1 / sqrt(3), 1 / sqrt(3), (uint64_t)i);
        else if (sizes[i][1] > 0)
            attn_fill_normal(m->p[i], 0, 0.1, (uint64_t)i);
    }
    attn_optimizer_config_init(&config);
    const attn_parameter_group group = {m->p, PARAMETERS, 1, 0};
    assert_int_equal(attn_optimizer_create(ctx, &config, &group, 1, &m->optimizer), ATTN_OK);
}

static void close_model(struct model *m) {
    attn_optimizer_destroy(m->optimizer);
    attn_tape_destroy(m->tape);
    attn_mask_destroy(m->causal);
}

/* BaseConv: (u W + b) * conv(u) + u. */
static attn_tensor *convolve(const struct model *m, attn_tensor *u) {
    return attn_add(attn_mul(attn_linear(u, m->p[GATE], m->p[GATE_BIAS]), attn_short_convolution(u, m->p[TAPS], m->p[TAPS_BIAS])), u);
}

static attn_tensor *attend(const struct model *m, attn_tensor *u) {
    attn_tensor *piece[3];
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.mask = m->causal;
    attn_tensor *qkv = attn_reshape(attn_linear(u, m->p[PROJECTION], m->p[PROJECTION_BIAS]), 4, (const int64_t[]){BATCH, LENGTH, 3, WIDTH});
    for (int i = 0; i < 3; i++) piece[i] = attn_narrow(qkv, 2, i, 1);
    attn_tensor *o = attn_attention(piece[0], piece[1], piece[2], &config);
    return attn_linear(attn_reshape(o, 3, (const int64_t[]){BATCH, LENGTH, WIDTH}), m->p[OUT], m->p[OUT_BIAS]);
}

static attn_tensor *norm(const struct model *m, attn_tensor *x) {
    return attn_layer_norm(x, m->p[GAIN], m->p[SHIFT], 1e-5f);
}

/* Logits of the labelled rows; their labels in `label`. */
static attn_tensor *logits_of(const struct model *m, const struct attn_mqar *task, uint64_t first, int32_t *label) {
    int32_t tokens[BATCH * LENGTH], labels[BATCH * LENGTH], rows[BATCH * PAIRS];
    int64_t count = 0;
    void *scratch = malloc(attn_mqar_scratch(task));
    assert_non_null(scratch);
    for (uint64_t i = 0; i < BATCH; i++) attn_mqar_example(task, 1, first + i, tokens + i * LENGTH, labels + i * LENGTH, scratch);
    free(scratch);
    for (int32_t i = 0; i < BATCH * LENGTH; i++)
        if (labels[i] != ATTN_MQAR_NO_LABEL) {
            label[count] = labels[i];
            rows[count++] = i;
        }
    attn_tensor *r = attn_rows(m->p[EMBEDDING], 2, (const int64_t[]){BATCH, LENGTH}, tokens);
    if (m->convolution) r = attn_add(r, convolve(m, norm(m, r)));
    r = attn_add(r, attend(m, norm(m, r)));
    attn_tensor *asked = attn_rows(attn_reshape(norm(m, r), 2, (const int64_t[]){-1, WIDTH}), 1, &count, rows);
    return attn_linear(asked, m->p[EMBEDDING], NULL);
}

/* Share of right answers in examples that no step has seen. */
static double accuracy_of(const struct model *m, const struct attn_mqar *task) {
    int64_t right = 0;
    attn_tape_record(m->tape, false);
    for (uint64_t n = 0; n < 10; n++) {
        int32_t label[BATCH * PAIRS];
        attn_tensor *logits = logits_of(m, task, (1u << 30) + n * BATCH, label);
        assert_non_null(logits);
        for (int64_t i = 0; i < BATCH * PAIRS; i++) {
            const float *row = attn_data(logits) + i * VOCABULARY;
            int32_t best = 0;
            for (int32_t t = 1; t < VOCABULARY; t++)
                if (row[t] > row[best]) best = t;
            right += best == label[i];
        }
        attn_tape_reset(m->tape);
    }
    attn_tape_record(m->tape, true);
    return (double)right / (10 * BATCH * PAIRS);
}

static double train(bool convolution) {
    static const struct attn_mqar task = {VOCABULARY, LENGTH, PAIRS, 1, 0.01, false};
    attn_ctx *ctx;
    struct model m;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    open_model(&m, ctx, convolution);
    for (uint64_t step = 0; step < STEPS; step++) {
        int32_t label[BATCH * PAIRS];
        attn_tensor *logits = logits_of(&m, &task, step * BATCH, label);
        assert_non_null(logits);
        assert_int_equal(attn_tape_backward(attn_cross_entropy(logits, label)), ATTN_OK);
        attn_optimizer_step(m.optimizer, 5e-3);
        attn_tape_reset(m.tape);
    }
    const double accuracy = accuracy_of(&m, &task);
    close_model(&m);
    attn_ctx_destroy(ctx);
    return accuracy;
}

static void a_convolution_before_attention_learns_recall_and_attention_alone_does_not_at_this_budget(void **state) {
    (void)state;
    const double hybrid = train(true), alone = train(false);
    print_message("accuracy: hybrid %.3f, attention alone %.3f, guess among an example's values %.3f\n", hybrid, alone, 1.0 / PAIRS);
    assert_true(hybrid >= 0.99);
    assert_true(alone <= 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_before_attention_learns_recall_and_attention_alone_does_not_at_this_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
