/* The rows of a batch that have a label: logits are computed for them alone, with the same result. */
#ifndef ATTN_SYSTEM_ZOOLOGY_LABELLED_H
#define ATTN_SYSTEM_ZOOLOGY_LABELLED_H

#include "attn_train.h"

struct attn_labelled {
    int32_t *row, *label; /* of the newest batch, `count` of them; room for `most` */
    int32_t *best;        /* answers */
    attn_real *loss;
    int64_t count, most;
    int64_t all; /* of all ranks that share the batch's sequences */
};
attn_status attn_labelled_open(attn_ctx *ctx, int64_t most, struct attn_labelled *out);
void attn_labelled_close(attn_ctx *ctx, struct attn_labelled *labelled);

/* Of hidden [B, T, D] the rows [count, D] whose label, of labels [B, T], is not negative. tokens: T. Of sequences over ranks hidden holds this rank's places;
 * where none of them has a label, there is one row without. */
attn_tensor *attn_labelled_rows(struct attn_labelled *labelled, attn_tensor *hidden, int64_t tokens, const int32_t *labels);

struct attn_labelled_score {
    int64_t rows, right;
    double loss; /* summed */
};
/* Adds what logits [count, vocabulary] of those rows give. */
void attn_labelled_count(struct attn_labelled *labelled, attn_tensor *logits, struct attn_labelled_score *score);
/* Of sequences over ranks: the score becomes that of all ranks. */
attn_status attn_labelled_sum(attn_tape *tape, struct attn_labelled_score *score);
void attn_labelled_add(struct attn_labelled_score *to, const struct attn_labelled_score *from);

#endif
