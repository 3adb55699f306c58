/* A batch of examples, as models take it: sequences of unequal lengths side by side. */
#ifndef ATTN_SYSTEM_POINTER_BATCH_H
#define ATTN_SYSTEM_POINTER_BATCH_H

#include "attn_train.h"
#include "system/pointer/problem.h"

struct attn_pointer_batch {
    int64_t count;    /* B */
    int64_t points;   /* N: of the longest */
    int64_t tokens;   /* M: of the longest answer, 0 where there are none */
    int32_t *length;  /* [B] points of each */
    int32_t *slots;   /* [B] what may be pointed at: the points, and the end */
    double *xy;       /* [B, N, 2]; zeros behind its points */
    attn_real *x;     /* the same, as models take it */
    int32_t *target;  /* [B, M] tokens with the end; -1 behind it */
    int32_t *pointed; /* [B, M] the token before each; 0 before the first and behind the end */
    attn_real *given; /* [B, M, 2] its coordinates; zeros where it is none */
    int64_t room_count, room_points, room_tokens;
};

/* Room for `count` examples of `points` points and `tokens` tokens. Closed also after a failure. */
attn_status attn_pointer_batch_open(attn_ctx *ctx, int64_t count, int64_t points, int64_t tokens, struct attn_pointer_batch *out);
void attn_pointer_batch_close(attn_ctx *ctx, struct attn_pointer_batch *batch);

/* Begins a batch of so many examples of at most so many points and tokens, within its room. */
void attn_pointer_batch_begin(struct attn_pointer_batch *batch, int64_t count, int64_t points, int64_t tokens);
/* Puts an example in; tokens with the end. Examples may be put in by several threads at once. */
void attn_pointer_batch_put(struct attn_pointer_batch *batch, int64_t index, const double *xy, int64_t n, const int32_t *tokens,
                            int64_t count);
/* Its examples' lengths; NULL: all have as many points. */
const int32_t *attn_pointer_own_lengths(const struct attn_pointer_batch *batch);

#endif
