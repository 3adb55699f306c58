/* Runs what the claims of a scale need, in the store, and judges them. */
#ifndef ATTN_TRAIN_REPRODUCE_H
#define ATTN_TRAIN_REPRODUCE_H

#include "train/claim.h"

enum { ATTN_EXPERIMENTS = 32 };

/* The experiments that a system's claims need at a scale, each once, and their runs. */
struct attn_reproduction {
    const struct attn_system *system;
    enum attn_scale scale;
    int seeds; /* 0: each experiment's own */
    const struct attn_experiment *experiment[ATTN_EXPERIMENTS];
    struct attn_arm_result *result[ATTN_EXPERIMENTS]; /* of its arms, after attn_reproduction_read */
    int count;
    struct attn_sources sources;
};
attn_status attn_reproduction_open(attn_ctx *ctx, const struct attn_system *system, enum attn_scale scale, int seeds,
                                   struct attn_reproduction *out);
void attn_reproduction_close(attn_ctx *ctx, struct attn_reproduction *r);

/* Recipes that are wanted, those of them that the store has not, and the seconds that these would take one after the other on one thread, by timing a few
 * steps of each arm. */
struct attn_reproduction_cost {
    int64_t runs, missing;
    double seconds;
};
attn_status attn_reproduction_cost(attn_ctx *ctx, struct attn_reproduction *r, const char *store, struct attn_reproduction_cost *out);

/* Trains what is missing; as attn_work_sweep, experiment by experiment. work->task and work->sources are set here. */
attn_status attn_reproduction_train(attn_ctx *ctx, struct attn_reproduction *r, struct attn_work *work, int jobs, int threads,
                                    attn_work_ready_fn ready, void *user, struct attn_work_count *count);

/* What the store says of every arm. */
attn_status attn_reproduction_read(attn_ctx *ctx, struct attn_reproduction *r, const char *store);

/* The verdict on claim number `index` of the system; ATTN_NOT_TESTED where it has nothing at this scale. */
attn_status attn_reproduction_judge(attn_ctx *ctx, const struct attn_reproduction *r, int index, struct attn_claim_result *out);

#endif
