/* Two layers of attention with set weights solve multi-query associative recall without training: task, kernels and operators are sound.
 *
 * Tokens and positions are random unit vectors. Layer 1, position looks for position: row i sees the token before it. Layer 2, token looks for the token
 * before: the row after the key's first place, which holds the value, is found, and its token is the answer. */
#include "attn_train.h"
#include "system/zoology/mqar.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WIDTH = 64, EXAMPLES = 25 };

/* Rows of unit length, kept. Two of them meet at a cosine of some 1 / 8, seldom above 0.6. */
static attn_tensor *directions(attn_tape *tape, int64_t rows, uint64_t seed) {
    attn_tensor *x = attn_parameter(tape, 2, (const int64_t[]){rows, WIDTH});
    assert_non_null(x);
    attn_fill_normal(x, 0, 1, seed);
    for (int64_t i = 0; i < rows; i++) {
        attn_real *row = attn_data(x) + i * WIDTH, square = 0;
        for (int c = 0; c < WIDTH; c++) square += row[c] * row[c];
        for (int c = 0; c < WIDTH; c++) row[c] /= sqrtf(square);
    }
    return x;
}

/* [N, WIDTH] as one sequence of one head. */
static attn_tensor *head(attn_tensor *x) {
    return attn_reshape(x, 4, (const int64_t[]){1, -1, 1, WIDTH});
}

/* What the rows of q find under keys k: cosines a tenth apart differ by a factor of 20,000 in weight. */
static attn_tensor *look_up(attn_tensor *q, attn_tensor *k, attn_tensor *v, const attn_mask *causal) {
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.scale = 100;
    config.mask = causal;
    return attn_reshape(attn_attention(head(q), head(k), head(v), &config), 2, (const int64_t[]){-1, WIDTH});
}

/* Right answers of one example. */
static int64_t solve(attn_tape *tape, attn_tensor *embedding, attn_tensor *positions, const struct attn_mqar *task, const int32_t *tokens,
                     const int32_t *labels, const attn_mask *causal) {
    int32_t before[1024], asked[1024];
    int64_t queries = 0, right = 0;
    attn_tape_reset(tape);
    attn_tensor *x = attn_rows(embedding, 1, &task->length, tokens);
    for (int32_t i = 0; i < task->length; i++) {
        before[i] = i; /* key of row i: the position of the row after it, so that row i + 1 finds it */
        if (labels[i] != ATTN_MQAR_NO_LABEL) asked[queries++] = i;
    }
    attn_tensor *here = attn_rows(positions, 1, &task->length, before);
    for (int32_t i = 0; i < task->length; i++) before[i] = i + 1;
    attn_tensor *previous = look_up(here, attn_rows(positions, 1, &task->length, before), x, causal);
    /* The first row sees itself alone; before it there is nothing. */
    previous = attn_concat(
        2, (attn_tensor *const[]){attn_constant(tape, 2, (const int64_t[]){1, WIDTH}, 0), attn_narrow(previous, 0, 1, task->length - 1)},
        0);
    attn_tensor *answer = attn_rows(look_up(x, previous, x, causal), 1, &queries, asked);
    attn_tensor *logits = attn_matmul(answer, false, embedding, true);
    if (!logits) fail_msg("the model does not run: %d", (int)attn_tape_status(tape));
    for (int64_t i = 0; i < queries; i++) {
        const float *row = attn_data(logits) + i * task->vocabulary;
        int32_t best = 0;
        for (int32_t t = 1; t < task->vocabulary; t++)
            if (row[t] > row[best]) best = t;
        right += best == labels[asked[i]];
    }
    return right;
}

static void set_weights_recall_every_value(void **state) {
    (void)state;
    static const struct attn_mqar tasks[] = {
        {8192, 64, 4, 1, 0.01, false}, {8192, 128, 8, 1, 0.01, false}, {8192, 256, 16, 1, 0.01, false}, {8192, 512, 64, 1, 0.01, false}};
    attn_ctx *ctx;
    attn_tape *tape;
    attn_mask *causal;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    assert_int_equal(attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &causal), ATTN_OK);
    attn_tape_record(tape, false);
    attn_tensor *embedding = directions(tape, 8192, 1), *positions = directions(tape, 513, 2);
    for (size_t n = 0; n < sizeof tasks / sizeof *tasks; n++) {
        int32_t tokens[1024], labels[1024];
        int64_t right = 0;
        void *scratch = malloc(attn_mqar_scratch(&tasks[n]));
        assert_non_null(scratch);
        for (uint64_t i = 0; i < EXAMPLES; i++) {
            attn_mqar_example(&tasks[n], 9, i, tokens, labels, scratch);
            right += solve(tape, embedding, positions, &tasks[n], tokens, labels, causal);
        }
        assert_int_equal(right, EXAMPLES * tasks[n].pairs);
        free(scratch);
    }
    attn_mask_destroy(causal);
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(set_weights_recall_every_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
