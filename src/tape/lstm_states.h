/* LSTMs of which states alone are wanted, and no gradients: the gates' sums of a slice of the hidden numbers are made, used and forgotten, so that they never leave
 * the first caches. For layers of few inputs, which are added number by number.
 *
 * A row's numbers depend on no row beside it where our own loops multiply (product.h), and in BLAS within rounding. */
#ifndef ATTN_TAPE_LSTM_STATES_H
#define ATTN_TAPE_LSTM_STATES_H

#include "tape/blas.h"
#include "tape/functions.h"
#include "tape/tape.h"

/* FEW inputs are added to the gates number by number: a product of so few columns takes longer. */
enum { ATTN_LSTM_FEW = 4 };

struct attn_lstm_states {
    int64_t hidden, in, slice; /* slice: hidden numbers at a time, of which there is a whole number in hidden */
    const struct attn_functions *functions;
    struct attn_packed u;
    const attn_real *inputs; /* of each slice [in + 1, 4 slice]: W^T and, last, the bias */
};

/* Weights of at most ATTN_LSTM_FEW inputs, contiguous; what it takes is of the tape's step. False: the tape is spoiled. */
bool attn_lstm_states_open(attn_tape *tape, const attn_recurrent_weights *w, struct attn_lstm_states *out);

/* Numbers of room for `rows` rows. */
static inline int64_t attn_lstm_states_room(const struct attn_lstm_states *n, int64_t rows) {
    return rows * ATTN_LSTM_GATES * n->slice;
}

/* A token of each of rows->rows sequences, on the calling thread; rows->gate is not used. h [rows, H] before it, in rows of rows->step, not where the new one goes; NULL:
 * zeros. */
void attn_lstm_states_step(const struct attn_lstm_states *n, const struct attn_lstm_rows *rows, const attn_real *h, attn_real *room);

#endif
