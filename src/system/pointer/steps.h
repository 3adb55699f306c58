/* The decoder of Ptr-Net (model.h: ATTN_PTRNET) a token at a time, without the tape: weights are packed once for all steps, W1 e goes from the product to powers in the
 * cache, and some answers' gates, query and logits are made one after the other. What attn_pointer_step says is computed, within rounding.
 *
 * Numbers of one answer depend on no answer beside it where our own loops multiply (tape/product.h), and in BLAS within rounding. */
#ifndef ATTN_SYSTEM_POINTER_STEPS_H
#define ATTN_SYSTEM_POINTER_STEPS_H

#include "system/pointer/model.h"
#include "tape/lstm_states.h"

struct attn_pointer_steps {
    attn_ctx *ctx;
    int64_t batch, points, hidden;
    const attn_real *encoded, *end; /* [B, N, H]; e[0], [H] */
    struct attn_lstm_states lstm;
    struct attn_packed w1, w2;
    const attn_real *v;
    attn_real *end_key;  /* W1 e[0], [H] */
    attn_real *keys;     /* [B, N + 1, H]: W1 e, or of an example with `powers` e^(2 W1 e) */
    bool *powers;        /* [B] */
    attn_real *room;     /* for each worker */
    int64_t worker_room; /* numbers */
};

/* The next token of each of R answers. */
struct attn_pointer_tokens {
    int64_t count;                     /* R */
    const int32_t *example;            /* [R] */
    const int32_t *slots;              /* [R]: what may be pointed at */
    const attn_real *x, *h, *c;        /* [R, 2], the start's at first; [R, H] */
    attn_real *new_h, *new_c, *logits; /* [R, H]; [R, N + 1], -inf beyond the slots */
};

/* Of a batch that was encoded with attn_pointer_encode; all is of the tape's step. False: the tape says why. */
bool attn_pointer_steps_open(const struct attn_pointer_model *m, const struct attn_pointer_encoding *encoding,
                             struct attn_pointer_steps *out);

void attn_pointer_steps_run(const struct attn_pointer_steps *steps, const struct attn_pointer_tokens *tokens);

#endif
