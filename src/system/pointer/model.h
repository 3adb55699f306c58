/* The three models of the paper: LSTM encoder and decoder, and what the decoder's state is turned into.
 *
 * Of points P[1 .. n] the encoder's states are e[1 .. n]; the decoder begins with the encoder's last state, takes the start symbol and then the coordinates of each
 * point that was pointed at, and has states d[1], d[2], ...
 *   ATTN_PTRNET     p(C[i] = j) = softmax over j = 0 .. n of v . tanh(W1 e[j] + W2 d[i]), e[0] a learned vector that stands for the end (eq. 3);
 *                   without an end slot j = 1 .. n alone, and answers end by closing (problem.h: closing_ends)
 *   ATTN_SEQ2SEQ    logits[i] = W d[i] + b over a dictionary of as many positions as training's longest example has points, and the end (eq. 1)
 *   ATTN_ATTENDING  the same of [d[i]; d'[i]], d'[i] the sum of e[j] with the weights that eq. 3 gives to j = 1 .. n, which the next step takes as well (eq. 2) */
#ifndef ATTN_SYSTEM_POINTER_MODEL_H
#define ATTN_SYSTEM_POINTER_MODEL_H

#include "system/pointer/batch.h"
#include "system/pointer/transformer.h"

enum attn_pointer_net { ATTN_PTRNET, ATTN_SEQ2SEQ, ATTN_ATTENDING };

struct attn_pointer_config {
    enum attn_pointer_net net;
    int64_t hidden, dictionary; /* dictionary: positions; not of ATTN_PTRNET */
    double range;               /* every parameter begins uniform in [-range, range] */
    bool feed_words;            /* a learned vector of the last token is fed in the place of coordinates; not of ATTN_PTRNET */
    bool learned_start;         /* the encoder begins with learned states, not zeros */
    bool tied_end;              /* e[0] is the learned first state h; needs learned_start */
    bool no_end;                /* there is no e[0]: points alone are pointed at; of ATTN_PTRNET, without tied_end */
};

struct attn_pointer_model {
    struct attn_pointer_config config;
    attn_tape *tape;
    attn_recurrent_weights encoder, decoder;
    attn_tensor *start;             /* [2]: what the decoder takes first */
    attn_tensor *end;               /* e[0], [H]; NULL: no end */
    attn_tensor *first_h, *first_c; /* [H]; NULL: zeros */
    attn_tensor *w1, *w2, *v;       /* [H, H], [H, H], [H] */
    attn_tensor *words;             /* [dictionary + 2, H], the start's behind all others; NULL: coordinates are fed */
    attn_tensor *out, *out_bias;    /* [dictionary + 1, H or 2 H], [dictionary + 1] */
    /* Of the transformer: answers are the shortest of greedy tours of so many symmetries of the points; 0: as they are decoded */
    int64_t augment;
    const struct attn_transformer *transformer; /* another model, of which nothing above but the tape is used; NULL: one of the three */
};

/* Makes its parameters. */
void attn_pointer_model_make(attn_model *model, const struct attn_pointer_config *config, struct attn_pointer_model *out);

/* Minus the log probability of the targets, summed over tokens and examples; recorded where the tape records. NULL: the tape says why. Of the transformer tours count that
 * visit every point, of batches of equal lengths; that they close and end is certain. */
attn_tensor *attn_pointer_model_loss(const struct attn_pointer_model *m, const struct attn_pointer_batch *batch);

/* What a decoder works with, by step: logits for one more token of each of R = B x beams answers. */
struct attn_pointer_encoding {
    int64_t batch, points, beams;  /* B, N */
    const int32_t *length, *slots; /* [B]: points, and those with the end */
    attn_tensor *encoded;          /* [B, N, H] */
    attn_tensor *keys;             /* [B, N + 1, H], or [B, N, H] of ATTN_ATTENDING and without an end, through W1; NULL of ATTN_SEQ2SEQ */
};
struct attn_pointer_states {
    attn_tensor *h, *c;   /* [R, H] */
    attn_tensor *glimpse; /* [R, H]: d'; NULL but of ATTN_ATTENDING */
};

/* Encodes the batch's points; states are the first answers', one for each example. */
void attn_pointer_encode(const struct attn_pointer_model *m, const struct attn_pointer_batch *batch, struct attn_pointer_encoding *out,
                         struct attn_pointer_states *states);

/* Logits [B, beams, N + 1] of what comes after `last` [R] (tokens; -1: nothing yet), whose coordinates are x [R, 2]; -inf beyond an example's points and the
 * dictionary, and of an end that there is not. states are brought up to date. Nothing is recorded. (decode.h takes steps.h for ATTN_PTRNET, which is tested against this.) */
attn_tensor *attn_pointer_step(const struct attn_pointer_model *m, const struct attn_pointer_encoding *encoding, const int32_t *last,
                               const attn_real *x, struct attn_pointer_states *states);

#endif
