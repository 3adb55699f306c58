/* Ptr-Net (model.h: ATTN_PTRNET) where nothing is recorded: the encoder, and the decoder a token at a time. Weights are packed once for all steps, an encoder's state becomes
 * its key while it is in the cache, and of some answers gates, query and logits are made one after the other. What attn_pointer_encode and attn_pointer_step say
 * is computed, within rounding.
 *
 * Numbers of one answer depend on no answer beside it where our own loops multiply (tape/product.h), and in BLAS within rounding. */
#ifndef ATTN_SYSTEM_POINTER_STEPS_H
#define ATTN_SYSTEM_POINTER_STEPS_H

#include "system/pointer/model.h"
#include "tape/lstm_states.h"
#include "tape/packing.h"

struct attn_pointer_steps {
    attn_ctx *ctx;
    int64_t points, hidden, first; /* first: the slot that comes first, 0 the end's, or 1, where there is no end */
    const attn_real *v;
    struct attn_lstm_states encoder, decoder;
    struct attn_packed w1, w2;
    struct attn_packing packing;
    const attn_real *x;   /* [B, N, 2] */
    attn_real *h, *c;     /* [B, H]: the encoder's last states, the decoder's first */
    attn_real *keys;      /* [B, N + 1, H]: W1 e, or where there are powers e^(2 W1 e); slots from `first` on */
    bool *powers;         /* [B, N + 1] */
    attn_real *state[3];  /* of the encoder, by position: h before and behind a token, c */
    bool learned;         /* the encoder's first h is not zeros */
    attn_real *room;      /* for each worker */
    int64_t room_of_each; /* numbers */
};

/* Encodes a batch; all is of the tape's step. False: the tape says why. */
bool attn_pointer_steps_open(const struct attn_pointer_model *m, const struct attn_pointer_batch *batch, struct attn_pointer_steps *out);

/* The next token of each of R answers. */
struct attn_pointer_tokens {
    int64_t count;                     /* R */
    const int32_t *example;            /* [R] */
    const int32_t *slots;              /* [R]: what may be pointed at, the end's among them whether there is one or not */
    const attn_real *x, *h, *c;        /* [R, 2], the start's at first; [R, H] */
    attn_real *new_h, *new_c, *logits; /* [R, H]; [R, N + 1], -inf beyond the slots and before the first */
};
void attn_pointer_steps_run(const struct attn_pointer_steps *steps, const struct attn_pointer_tokens *tokens);

#endif
