/* A Pointer Network (Vinyals et al. 2015) as a case of `attn bench train`: an LSTM reads points, another one is fed those that it should have named so far, and
 * points at all of them and at a learned vector, key 0, that stands for the end. */
#ifndef ATTN_BENCH_TRAIN_POINTER_H
#define ATTN_BENCH_TRAIN_POINTER_H

#include "base/random.h"
#include "bench/train_case.h"

/* Makes the weights, each uniform in [-0.08, 0.08). */
void attn_train_pointer_make(struct attn_train_case *c);

/* Points uniform in the unit square, x [B, N, 2], and targets [B, M]: M - 2 points of a sequence, the first of them again, and the end; fed [B, M, 2] are the points
 * of the targets before each, and 0 before the first. */
void attn_train_pointer_draw(struct attn_train_case *c, struct attn_random *random);

/* The mean of the losses. */
attn_tensor *attn_train_pointer_loss(struct attn_train_case *c);

#endif
