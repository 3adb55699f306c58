/* The tokens of a batch as rows of one matrix, time first: of each token number, the sequences that have it (packed sequences, as PyTorch and cuDNN know them).
 *
 * Sequences with lengths of their own stand longest first, so that those that go on are the first positions of every token; no row is made of padding. Without
 * lengths positions are sequences, and row t batch + b is token t of sequence b. States have `batch` rows more: row `behind` is where the state behind a token
 * goes, that of the next token or, at the end of a sequence, one of the last rows.
 */
#ifndef ATTN_TAPE_PACKING_H
#define ATTN_TAPE_PACKING_H

#include "tape/tape.h"

struct attn_packing {
    int64_t batch, length, rows; /* length: the greatest there is room for */
    const int32_t *order;        /* [batch]: which sequence stands at a position. These three NULL: no lengths */
    const int64_t *first;        /* [length + 1]: of each token its first row */
    const int64_t *place;        /* [rows]: sequence * length + token */
};

/* lengths [batch] or NULL is not kept. False: the tape is spoiled, with the operator's name. */
bool attn_packing_open(attn_tape *tape, const char *name, int64_t batch, int64_t length, const int32_t *lengths, struct attn_packing *out);

static inline int64_t attn_packing_first(const struct attn_packing *p, int64_t t) {
    return p->first ? p->first[t] : t * p->batch;
}
/* How many sequences have token t. */
static inline int64_t attn_packing_active(const struct attn_packing *p, int64_t t) {
    return p->first ? p->first[t + 1] - p->first[t] : p->batch;
}
static inline int64_t attn_packing_sequence(const struct attn_packing *p, int64_t position) {
    return p->order ? p->order[position] : position;
}
static inline int64_t attn_packing_place(const struct attn_packing *p, int64_t row) {
    return p->place ? p->place[row] : row % p->batch * p->length + row / p->batch;
}
/* The row of the state behind token t; t = -1: of the first states. */
static inline int64_t attn_packing_behind(const struct attn_packing *p, int64_t t, int64_t position) {
    const bool goes_on = t + 1 < p->length && position < attn_packing_active(p, t + 1);
    return (goes_on ? attn_packing_first(p, t + 1) : p->rows) + position;
}

#endif
