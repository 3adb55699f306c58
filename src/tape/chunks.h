/* Causal sums over tokens in chunks: within a chunk weights are a matrix, 0 where the key comes after the query; what the chunks before leave is one
 * state, a matrix [features, columns]. Products for all chunks of all sequences are made at once. */
#ifndef ATTN_TAPE_CHUNKS_H
#define ATTN_TAPE_CHUNKS_H

#include "tape/blas.h"
#include "tape/tape.h"

enum { ATTN_CHUNK = 64 };

struct attn_chunks {
    attn_tape *tape;
    int64_t sequences, length, count; /* count: chunks of a sequence, the last may be shorter */
    int64_t features, columns;        /* of a state */
};
struct attn_chunks attn_chunks_of(attn_tape *tape, int64_t sequences, int64_t length, int64_t features, int64_t columns);

/* An operand of a product for every chunk: a matrix of a chunk's rows, or of a state's. */
struct attn_chunk_matrix {
    const attn_real *at;
    int64_t ld;
    bool transposed;
    bool state; /* one matrix for each chunk; else rows of tokens */
};
static inline struct attn_chunk_matrix attn_chunk_rows(const attn_real *at, int64_t ld) {
    return (struct attn_chunk_matrix){at, ld, false, false};
}
static inline struct attn_chunk_matrix attn_chunk_state(const struct attn_chunks *c, const attn_real *at) {
    return (struct attn_chunk_matrix){at, c->columns, false, true};
}
static inline struct attn_chunk_matrix attn_chunk_transpose(struct attn_chunk_matrix x) {
    x.transposed = !x.transposed;
    return x;
}

/* to = left right (p.keep: to +) of every chunk. A size of 0 in p.m, p.n, p.k: the chunk's tokens. */
void attn_chunk_products(const struct attn_chunks *c, struct attn_product p, struct attn_chunk_matrix left, struct attn_chunk_matrix right,
                         struct attn_chunk_matrix to, attn_real *result);

/* The same, added, of the chunks that have another before them (behind: behind them): products with states, which are 0 in other chunks. */
void attn_chunk_products_across(const struct attn_chunks *c, bool behind, struct attn_product p, struct attn_chunk_matrix left,
                                struct attn_chunk_matrix right, struct attn_chunk_matrix to, attn_real *result);

/* [sequence, chunk, features, columns]: for each chunk the sum of left^T right over the chunks before it, or behind it, that of a chunk n chunks away
 * times decay[sequence % decays]^(n - 1); decay NULL: 1. Not written where there is one chunk. NULL: the tape is spoiled. */
attn_real *attn_chunk_states(const struct attn_chunks *c, struct attn_chunk_matrix left, struct attn_chunk_matrix right, bool behind,
                             const attn_real *decay, int64_t decays);

/* Runs body over all rows of `columns` numbers, one for each token of each sequence. */
void attn_chunk_each_row(const struct attn_chunks *c, int64_t columns, attn_range_fn body, void *arg);

#endif
