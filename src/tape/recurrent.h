/* What the recurrent layers LSTM and GRU share: their tensors, the products of inputs with the input's weights, the gradients of what does
 * not depend on the gates' formulas.
 *
 * Inside, time comes first (packing.h): the hidden states of one token lie together, and those of all tokens are one matrix. Sequences do not depend
 * on each other: strips of some are shared out, each of which goes through all tokens by itself.
 */
#ifndef ATTN_TAPE_RECURRENT_H
#define ATTN_TAPE_RECURRENT_H

#include "tape/blas.h"
#include "tape/packing.h"

struct attn_recurrent {
    attn_tensor *x, *h; /* [B, T, D] or [B, D]; [B, H] or NULL: zeros */
    attn_recurrent_weights w;
    int64_t batch, length, in, hidden, gates; /* gates: rows of the weights, a multiple of hidden */
    struct attn_packing packing;
    /* Gates and states are those of one token at a time, by position: nothing is kept for backward, and all of a strip stays in the
     * cache */
    bool rolls;
    struct attn_packed input; /* W */
    attn_real *inputs;        /* [rows, D] */
    attn_real *gate;          /* [rows, gates], in backward their gradients; [B, gates] where it rolls */
    attn_real *state;         /* [rows + B, H]: h before each token, and at the end; [B, H] where it rolls */
};

/* Where the gates and the state before a row's token are, and the state behind token t. */
static inline int64_t attn_recurrent_at(const struct attn_recurrent *r, int64_t row, int64_t position) {
    return r->rolls ? position : row;
}
static inline int64_t attn_recurrent_behind(const struct attn_recurrent *r, int64_t t, int64_t position) {
    return r->rolls ? position : attn_packing_behind(&r->packing, t, position);
}

/* Checks and fills in all but the arrays; inputs are listed for attn_recording, with `more` behind the usual ones if it is not NULL.
 * blocks: gates for each of the hidden. lengths [B]: NULL, all tokens. False: the sentence is written. */
enum { ATTN_RECURRENT_INPUTS = 7 };
bool attn_recurrent_open(struct attn_recurrent *r, const char *name, int blocks, attn_tensor *x, attn_tensor *h,
                         const attn_recurrent_weights *w, attn_tensor *more, const int32_t *lengths,
                         attn_tensor *inputs[ATTN_RECURRENT_INPUTS], int *count);

/* Takes the arrays, copies x and the first state, and packs W. False: the tape is spoiled. */
bool attn_recurrent_begin(struct attn_recurrent *r);
/* gate [n, gates] becomes W x of n rows from `first` on; on the calling thread. */
void attn_recurrent_gates(const struct attn_recurrent *r, int64_t first, int64_t n, attn_real *gate);

/* Counts what the strips' products take: forward of inputs and of states, which a first step from zeros has not; backward of the states' gradients. */
void attn_recurrent_add_flops(const struct attn_recurrent *r, bool backward);

/* The first rows of states become zeros, or those of x [B, H]. */
void attn_recurrent_first(const struct attn_recurrent *r, const attn_tensor *x, attn_real *states);
/* to [B, H] are the last rows of states, each sequence's at its place. */
void attn_recurrent_ends(const struct attn_recurrent *r, const attn_real *states, attn_real *to);

/* Sequences of a strip, a multiple of 8, at most 64, where there are `batch`. */
enum { ATTN_RECURRENT_STRIP = 64 };
int64_t attn_recurrent_strip_of(const attn_ctx *ctx, int64_t batch);
static inline int64_t attn_recurrent_strip(const struct attn_recurrent *r) {
    return attn_recurrent_strip_of(r->x->tape->ctx, r->batch);
}

/* With the gates' gradients in r->gate: adds to those of x and, if `weights`, of the input's weights. */
void attn_recurrent_input_gradients(const struct attn_recurrent *r, bool weights);
/* w [rows.., H] += d^T states: of rows [begin, begin + n) of the recurrent weights, d [rows, n] in rows of ld. */
void attn_recurrent_state_gradients(const struct attn_recurrent *r, int64_t begin, int64_t n, const attn_real *d, int64_t ld);

/* Adds the sums over the rows of d [rows, n] to the gradients of numbers [begin, begin + n) of biases, of which any may be NULL. */
void attn_recurrent_bias_gradients(const struct attn_recurrent *r, int count, attn_tensor *const *bias, int64_t begin, int64_t n,
                                   const attn_real *d, int64_t ld);

/* The last row of each sequence of y [B, T, H], [B, H]; without tokens `first`, or zeros. */
attn_tensor *attn_recurrent_last(const struct attn_recurrent *r, attn_tensor *y, attn_tensor *first);
/* The result's axes, [B, T, H] or [B, H] as x, on [B, T, H] at the begin of `owner`. */
attn_tensor *attn_recurrent_result(const struct attn_recurrent *r, attn_tensor *owner);

#endif
