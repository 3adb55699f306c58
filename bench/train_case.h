/* One training step as a subject of measuring: a model with its optimiser (AdamW, decay 0.1 of everything) and one batch, which every step sees. */
#ifndef ATTN_BENCH_TRAIN_CASE_H
#define ATTN_BENCH_TRAIN_CASE_H

#include "attn_train.h"

enum attn_train_model { ATTN_TRAIN_SEQUENCE, ATTN_TRAIN_LSTM, ATTN_TRAIN_IMAGES, ATTN_TRAIN_POINTER };

struct attn_train_shape {
    const char *name;
    enum attn_train_model model;
    bool positions, mlp; /* of a sequence model */
    const char *mixer;   /* of a sequence model; NULL of others */
    int64_t batch, length, width, layers, heads, vocabulary;
    int64_t steps;        /* of a pointer network: targets of a sequence */
    int64_t pairs;        /* of recall (MQAR): logits at the labelled rows only; 0: a language model, labels everywhere */
    const char *contents; /* in words, for the help */
};

/* The cases of the suite, those of recall at the width and batch that they are usually measured at. */
extern const struct attn_train_shape attn_train_shapes[];
extern const int attn_train_shape_count;

/* Weights of a pointer network. */
struct attn_train_pointer {
    attn_recurrent_weights encoder, decoder;
    attn_tensor *start, *end, *w1, *w2, *v;
};

struct attn_train_case {
    attn_ctx *ctx;
    struct attn_train_shape shape;
    attn_model *model;
    attn_optimizer *optimizer;
    attn_sequence *sequence;
    attn_recurrent_weights lstm;
    attn_projection conv[2], head;
    struct attn_train_pointer pointer;
    float *x, *fed;               /* [B, T, D], points [B, N, 2] or images [B, 32, 32, 3]; NULL of sequence models. fed: train_pointer.h */
    int32_t *token, *row, *label; /* row: the labelled ones, NULL: all */
    int64_t labels;
    double loss, norm; /* of the newest step, the norm only of the first */
};

/* The same numbers for the same seed. attn_train_case_close is always called. */
attn_status attn_train_case_open(struct attn_train_case *c, attn_ctx *ctx, const struct attn_train_shape *shape, uint64_t seed);
void attn_train_case_close(struct attn_train_case *c);

/* Forward and backward from the weights as they are, and the gradient's norm. */
attn_status attn_train_case_first(struct attn_train_case *c);
/* A whole step. */
attn_status attn_train_case_step(struct attn_train_case *c);

/* Tokens, or images, of a batch. */
double attn_train_case_items(const struct attn_train_shape *shape);

#endif
