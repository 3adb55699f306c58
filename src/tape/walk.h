/* A walk over several tensors of one shape, row after row, axes joined where all tensors allow it. A step of 0 repeats: so are tensors
 * broadcast, and so are gradients summed over what was repeated. */
#ifndef ATTN_TAPE_WALK_H
#define ATTN_TAPE_WALK_H

#include "tape/tape.h"

enum { ATTN_WALK_MOST = 4 };

struct attn_walk {
    int tensors, dims;
    int64_t size[ATTN_TENSOR_DIMS], step[ATTN_WALK_MOST][ATTN_TENSOR_DIMS];
    int64_t rows, row; /* rows of so many elements: the last axis */
};

/* One row, or a piece of one: `to` is the first element of tensor 0, or of a sum that goes there later; at[t] is the offset of the first
 * in tensor t from 1 on, step[t] from one element to the next. ahead[t]: from there to a row that comes soon, where the rows of a tensor, each contiguous,
 * lie apart; else 0. */
struct attn_walk_row {
    attn_real *to;
    int64_t at[ATTN_WALK_MOST], step[ATTN_WALK_MOST], ahead[ATTN_WALK_MOST], n;
};
typedef void (*attn_walk_fn)(void *arg, const struct attn_walk_row *row);

/* Asks for the row ahead of the one at p in tensor t: the processor foresees no rows that lie apart. */
static inline void attn_walk_fetch(const struct attn_walk_row *row, int t, const attn_real *p) {
    enum { LINE = 64 / sizeof(attn_real) };
    if (row->ahead[t] == 0) return;
    for (int64_t i = 0; i < row->n; i += LINE) __builtin_prefetch(p + row->ahead[t] + i);
}

/* The walk over `dims` axes of these sizes; steps[t][i] of tensor t along axis i. */
void attn_walk_make(struct attn_walk *w, int dims, const int64_t *size, int tensors, const int64_t *const *steps);

/* Calls body for all rows or pieces of rows, on the context's threads; no two threads have the same element of tensor 0, whose numbers are
 * `to`. If it has steps of 0, body must add to it: sums over many rows are made of sums over few. */
void attn_walk_run(attn_tape *tape, const struct attn_walk *w, attn_real *to, attn_walk_fn body, void *arg);

/* to += from, both of these sizes along steps of their own. */
void attn_add_along(attn_tape *tape, int dims, const int64_t *size, const int64_t *to_step, attn_real *to, const int64_t *from_step,
                    const attn_real *from);

#endif
