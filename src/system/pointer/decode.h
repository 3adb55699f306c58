/* Answers of a model: the likeliest tokens one by one, or a beam of the k likeliest beginnings (Sutskever et al. 2014), with or without the constraint that the
 * answer be valid (attn_pointer_allow).
 *
 * A beginning's score is the sum of its tokens' log probabilities; finished answers keep theirs and their place; it ends when the k best are finished, or at the
 * greatest number of tokens of an answer to as many points, or that there is room for. Of equal scores that of the better parent, then the lower token comes first. */
#ifndef ATTN_SYSTEM_POINTER_DECODE_H
#define ATTN_SYSTEM_POINTER_DECODE_H

#include "system/pointer/model.h"

enum { ATTN_POINTER_BEAMS = 64 };

struct attn_pointer_decoding {
    int64_t beams; /* k; 1: the likeliest token each time */
    bool constrained;
    bool renormalised; /* under the constraint probabilities are of what is allowed, else of all tokens */
};

struct attn_pointer_answers {
    int64_t room;          /* tokens of an answer at most, the end with them; the caller may lower it */
    const int32_t *limits; /* [B]: tokens of each at most, the end with them, at least 1; the caller's. NULL: room */
    int32_t *tokens;       /* [B, room], the end left out; a closing point not */
    int64_t *length;       /* [B] */
    bool *ended;           /* [B]: the end was said, or the closing point that ends */
    double *score;         /* [B]: log probability */
};

/* Answers for the batch's points; its targets are not read. `weights` (NULL: not wanted) takes, of a batch of one and one beam, the probabilities [M, N + 1] by which each
 * token was chosen, the end's with it, 0 of what the constraint forbids. The transformer takes batches of equal lengths; the constraint is its own: its answers are tours, told
 * from point 1 on, while score and weights are those of the order in which it found them; attn_pointer_model.augment: shortest.h, without weights, and with
 * room for whole tours, which limits do not cut. Resets the tape. */
attn_status attn_pointer_decode(attn_ctx *ctx, const struct attn_pointer_model *model, const struct attn_pointer_problem *problem,
                                const struct attn_pointer_decoding *decoding, const struct attn_pointer_batch *batch,
                                struct attn_pointer_answers *answers, double *weights);

/* Room for the answers to a batch of `count` examples of `points` points; closed also after a failure. */
attn_status attn_pointer_answers_open(attn_ctx *ctx, const struct attn_pointer_problem *problem, int64_t count, int64_t points,
                                      struct attn_pointer_answers *out);
void attn_pointer_answers_close(attn_ctx *ctx, struct attn_pointer_answers *answers);

#endif
