/* Mixers alone: a model that is one mixer, input rows and tokens. Every kind that the library has is in the list at least once. */
#ifndef TEST_TRAIN_SUPPORT_MIXERS_H
#define TEST_TRAIN_SUPPORT_MIXERS_H

#include "attn_train.h"

enum { TEST_MIXER_BATCH = 2 };

struct test_mixer {
    const char *text;
    int64_t width, length; /* D, T; the mixer is made for T + 3 tokens */
    int64_t layer, layers;
};
extern const struct test_mixer test_mixers[];
extern const int test_mixers_count;

/* By its paper's definition an output depends on later tokens too. */
bool test_mixer_looks_ahead(const struct test_mixer *what, bool training);

struct test_mixer_model {
    const struct test_mixer *what;
    attn_model *model;
    attn_mixer *mixer;
    attn_tensor *u;  /* a parameter [B, T, D], uniform in [-1.5, 1.5) */
    int32_t *tokens; /* [B, T], with repeats */
};

/* Parameters are moved from where they begin by uniform numbers in [-move, move). Fails the test. */
void test_mixer_open(struct test_mixer_model *m, attn_ctx *ctx, const struct test_mixer *what, double move);
void test_mixer_close(struct test_mixer_model *m);

/* The mixer's output [B, T, D], its penalty (NULL: none) in *penalty. The tape is reset before. Fails the test with the tape's sentence. */
attn_tensor *test_mixer_output(struct test_mixer_model *m, bool training, attn_tensor **penalty);

#endif
