/* A small model with most operators: embedding, two heads of causal attention, norms, dropout, tied output. */
#ifndef TEST_TRAIN_SUPPORT_MODEL_H
#define TEST_TRAIN_SUPPORT_MODEL_H

#include "attn_train.h"

enum { TEST_VOCABULARY = 50, TEST_BATCH = 6, TEST_TOKENS = 40, TEST_WIDTH = 24, TEST_PARAMETERS = 8 };

struct test_model {
    attn_tape *tape;
    attn_mask *mask;
    attn_tensor *parameter[TEST_PARAMETERS];
};

/* NULL where the tape is spoiled; parameters are drawn from a fixed seed. */
attn_status test_model_open(struct test_model *m, attn_ctx *ctx);
void test_model_close(struct test_model *m);

/* The loss of tokens drawn from `seed`: the next one is the token three before, so that there is something to learn. */
attn_tensor *test_model_loss(struct test_model *m, uint64_t seed);

/* One step of gradient descent; *loss is the loss before it. The tape is reset. */
attn_status test_model_step(struct test_model *m, uint64_t seed, float rate, float *loss);

#endif
