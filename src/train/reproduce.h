/* Runs what the claims and tables of a scale need, in the store, and judges the claims. */
#ifndef ATTN_TRAIN_REPRODUCE_H
#define ATTN_TRAIN_REPRODUCE_H

#include "io/record.h"
#include "train/claim.h"

enum { ATTN_EXPERIMENTS = 48 };

/* The experiments that a system's claims and tables need at a scale, each once, and their runs. Claims on data that are not here are not tested. */
struct attn_reproduction {
    const struct attn_system *system;
    enum attn_scale scale;
    int seeds; /* 0: each experiment's own */
    const struct attn_experiment *experiment[ATTN_EXPERIMENTS];
    struct attn_arm_result *result[ATTN_EXPERIMENTS]; /* of its arms, after attn_reproduction_read */
    int count;
    struct attn_sources sources;
    char missing[256]; /* why experiments are left out: data that are not here; "" where none is */
};
/* A failure leaves nothing. */
attn_status attn_reproduction_open(attn_ctx *ctx, const struct attn_system *system, enum attn_scale scale, int seeds,
                                   struct attn_reproduction *out);
void attn_reproduction_close(attn_ctx *ctx, struct attn_reproduction *r);

/* Recipes that are wanted, those of them that the store has not, and the seconds that these would take one after the other on one thread, by timing a few
 * micro-batches of each arm; apart, those of measurements, which have the machine to themselves. work: its store; where its options.stop says so the rest
 * is left out, and what was counted says nothing. */
struct attn_reproduction_cost {
    int64_t runs, missing;
    double seconds, alone;
};
attn_status attn_reproduction_cost(attn_ctx *ctx, struct attn_reproduction *r, const struct attn_work *work,
                                   struct attn_reproduction_cost *out);

/* Trains or measures what is missing; as attn_work_sweep, experiment by experiment. work->task and work->sources are set here. */
attn_status attn_reproduction_train(attn_ctx *ctx, struct attn_reproduction *r, struct attn_work *work, int jobs, int threads,
                                    attn_work_ready_fn ready, void *user, struct attn_work_count *count);

/* What runs say of every arm; those of a store. */
attn_status attn_reproduction_read(attn_ctx *ctx, struct attn_reproduction *r, const struct attn_run_views *runs);
attn_status attn_reproduction_read_store(attn_ctx *ctx, struct attn_reproduction *r, const char *store);

/* The verdict on claim number `index` of the system; ATTN_NOT_TESTED where it has nothing at this scale. */
attn_status attn_reproduction_judge(attn_ctx *ctx, const struct attn_reproduction *r, int index, struct attn_claim_result *out);

/* The number of an arm in r's experiments and results: of the arm that a claim names at r's scale. False: it is not tested there, or has no arms. */
bool attn_reproduction_arm(const struct attn_reproduction *r, const struct attn_claim *claim, int index, int *experiment, int *arm);

/* What is known of a claim, and of an arm of an experiment, as a record; its texts are the claim's. */
void attn_reproduction_claim_record(const struct attn_reproduction *r, int index, const struct attn_claim_result *result,
                                    struct attn_record *out);
void attn_reproduction_arm_record(const struct attn_reproduction *r, int experiment, int arm, struct attn_record *out);

#endif
