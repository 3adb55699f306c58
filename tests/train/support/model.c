#include "support/model.h"

#include "base/random.h"

enum { EMBEDDING, POSITION, PROJECTION, OUT, WIDEN, NARROW, GAIN, BIAS };

static const int64_t sizes[TEST_PARAMETERS][2] = {
    {TEST_VOCABULARY, TEST_WIDTH},
    {TEST_TOKENS, TEST_WIDTH},
    {3 * TEST_WIDTH, TEST_WIDTH},
    {TEST_WIDTH, TEST_WIDTH},
    {2 * TEST_WIDTH, TEST_WIDTH},
    {TEST_WIDTH, 2 * TEST_WIDTH},
    {TEST_WIDTH, 0},
    {TEST_WIDTH, 0},
};

attn_status test_model_open(struct test_model *m, attn_ctx *ctx) {
    struct attn_random random;
    *m = (struct test_model){.tape = NULL};
    attn_random_init(&random, 11);
    attn_status status = attn_tape_create(ctx, &m->tape);
    if (!status) status = attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &m->mask);
    for (int i = 0; i < TEST_PARAMETERS && !status; i++) {
        m->parameter[i] = attn_parameter(m->tape, sizes[i][1] > 0 ? 2 : 1, sizes[i]);
        if (!m->parameter[i]) return attn_tape_status(m->tape);
        for (int64_t n = 0; n < attn_count(m->parameter[i]); n++)
            attn_data(m->parameter[i])[n] = (attn_real)(i == GAIN ? 1 : 0.1 * attn_random_normal(&random));
    }
    return status;
}

void test_model_close(struct test_model *m) {
    attn_tape_destroy(m->tape);
    attn_mask_destroy(m->mask);
}

static attn_tensor *attend(struct test_model *m, attn_tensor *x) {
    attn_tensor *piece[3];
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.mask = m->mask;
    config.dropout = 0.1;
    attn_tensor *qkv =
        attn_reshape(attn_linear(x, m->parameter[PROJECTION], NULL), 4, (const int64_t[]){TEST_BATCH, TEST_TOKENS, 6, TEST_WIDTH / 2});
    for (int i = 0; i < 3; i++) piece[i] = attn_narrow(qkv, 2, 2 * i, 2);
    attn_tensor *o = attn_attention(piece[0], piece[1], piece[2], &config);
    return attn_linear(attn_reshape(o, 3, (const int64_t[]){TEST_BATCH, TEST_TOKENS, TEST_WIDTH}), m->parameter[OUT], NULL);
}

attn_tensor *test_model_loss(struct test_model *m, uint64_t seed) {
    int32_t token[TEST_BATCH * TEST_TOKENS], next[TEST_BATCH * TEST_TOKENS];
    struct attn_random random;
    attn_tensor *const *p = m->parameter;
    attn_random_init(&random, seed);
    for (int i = 0; i < TEST_BATCH * TEST_TOKENS; i++) token[i] = (int32_t)attn_random_below(&random, TEST_VOCABULARY);
    for (int i = 0; i < TEST_BATCH * TEST_TOKENS; i++) next[i] = i % TEST_TOKENS < 3 ? -1 : token[i - 3];
    attn_tape_seed(m->tape, seed);
    attn_tensor *x = attn_add(attn_rows(p[EMBEDDING], 2, (const int64_t[]){TEST_BATCH, TEST_TOKENS}, token), p[POSITION]);
    x = attn_add(x, attend(m, attn_layer_norm(attn_dropout(x, 0.1), p[GAIN], p[BIAS], (attn_real)1e-5)));
    x = attn_add(x, attn_linear(attn_gelu(attn_linear(attn_rms_norm(x, p[GAIN], (attn_real)1e-5), p[WIDEN], NULL)), p[NARROW], NULL));
    return attn_cross_entropy(attn_linear(x, p[EMBEDDING], NULL), next);
}

attn_status test_model_step(struct test_model *m, uint64_t seed, float rate, float *loss) {
    attn_tensor *l = test_model_loss(m, seed);
    const attn_status status = l ? attn_tape_backward(l) : attn_tape_status(m->tape);
    if (!status) {
        *loss = (float)*attn_data(l);
        for (int i = 0; i < TEST_PARAMETERS; i++)
            for (int64_t n = 0; n < attn_count(m->parameter[i]); n++)
                attn_data(m->parameter[i])[n] -= (attn_real)rate * attn_grad(m->parameter[i])[n];
    }
    attn_tape_reset(m->tape);
    return status;
}
