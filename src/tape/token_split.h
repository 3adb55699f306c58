/* Sequences whose tokens are split over ranks (context parallelism). Tensors of a tape that has a split hold this rank's places of each sequence of the
 * batch: [B, t, ...] where they would be [B, T, ...]. Attention then goes over all ranks (dist/cp), and what depends on a token's index in its sequence
 * (positions, rotary angles, dropout, labels) asks here for it. Rows of padding hold numbers without meaning, which nothing else depends on. */
#ifndef ATTN_TAPE_TOKEN_SPLIT_H
#define ATTN_TAPE_TOKEN_SPLIT_H

#include "dist/cp/grid.h"
#include "tape/tape.h"

/* Of sequences of one length. */
struct attn_token_split_layout {
    int64_t tokens, places; /* T; t */
    int32_t *token;         /* [places]: the sequence's token at each place, -1: padding */
    struct attn_token_split_layout *before;
};

struct attn_transport; /* dist/cp/transport.h */

struct attn_token_split {
    attn_ctx *ctx;
    struct attn_transport *transport; /* the caller's; it must outlive the split */
    struct attn_grid grid;
    struct attn_token_split_layout *layouts;
    const struct attn_token_split_layout *current; /* of the newest sequences: attention is over these */
    struct attn_token_split_plan *plans;           /* token_split_attention.c: of every shape so far */
};

/* ATTN_ENOMEM. Not collective, as what follows; attentions are. Closed by attn_token_split_close. */
attn_status attn_token_split_open(attn_ctx *ctx, struct attn_transport *transport, const struct attn_grid *grid,
                                  struct attn_token_split **out);
void attn_token_split_close(struct attn_token_split *split); /* NULL is allowed */

/* All of these, of a tape without a split, leave things whole. */

/* Sequences of T tokens come now. False: the tape is spoiled. */
bool attn_token_split_choose(attn_tape *tape, int64_t tokens);
/* t of the sequences that attn_token_split_choose was told of, of T tokens. */
int64_t attn_token_split_places(const attn_tape *tape, int64_t tokens);
/* Of rows of `bytes` each, [B, T], those of this rank's places, [B, t]: those of padding are 0. In the memory of this step. NULL: the tape is spoiled. */
const void *attn_token_split_rows(attn_tape *tape, int64_t batch, int64_t tokens, size_t bytes, const void *rows);
/* The same of labels, where padding has none (-1). *labelled: of all ranks. */
const int32_t *attn_token_split_labels(attn_tape *tape, int64_t batch, int64_t tokens, const int32_t *label, int64_t *labelled);

/* The sequence's token at a place, -1: padding. */
int64_t attn_token_split_token(const attn_tape *tape, int64_t place);
/* Numbers become their sums over the ranks, the same bits on all; all ranks must come. What a rank fails by, the deadline tells the others. */
attn_status attn_token_split_sum(attn_tape *tape, double *numbers, int64_t count);

#endif
