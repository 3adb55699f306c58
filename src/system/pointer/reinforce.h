/* Training without labels: REINFORCE (Williams 1992), with the baselines of Kool et al. 2019, sec. 4, and Kwon et al. 2020.
 *
 * The gradient of the expected length of a tour drawn from the model is the expectation of (length - b) times that of the tour's log probability, for any b that the
 * tour does not change. b is
 *   ATTN_BASELINE_ROLLOUT  the length of the greedy tour of a frozen copy of the model, which the model replaces at the end of an epoch where its greedy tours of fresh
 *                          examples are shorter by a one-sided paired t-test at 5%; in the first epoch M = 0.8 M + 0.2 times the mean length of a step's tours
 *   ATTN_BASELINE_STARTS   the mean length of N tours of the same example, drawn with one beginning at each city
 * Frozen copy and M are parameters that training does not change otherwise: what a step does is a function of the recipe, its number and the parameters alone. */
#ifndef ATTN_SYSTEM_POINTER_REINFORCE_H
#define ATTN_SYSTEM_POINTER_REINFORCE_H

#include "system/pointer/rollout.h"
#include "system/pointer/source.h"

enum attn_baseline { ATTN_BASELINE_ROLLOUT, ATTN_BASELINE_STARTS };

struct attn_reinforce_config {
    enum attn_baseline baseline;
    int64_t epoch;    /* steps */
    int64_t examples; /* of the test at its end */
};

struct attn_reinforce {
    struct attn_reinforce_config config;
    attn_ctx *ctx;
    struct attn_pointer_source source; /* of points alone */
    const struct attn_transformer *model;
    struct attn_transformer frozen;
    attn_tensor *mean;    /* M, [1]; NULL: ATTN_BASELINE_STARTS */
    attn_model *holder;   /* of both models' parameters, */
    int64_t parameters;   /* of which each has so many */
    int64_t ready;        /* the step that baselines have been brought up to; -1: none */
    int32_t *tours;       /* [B, K, N] */
    double *length;       /* [B, K] */
    double *base;         /* [B] */
    attn_real *advantage; /* [B K] */
    void *scratch;        /* the source's, and the rollouts' */
};

/* Makes the baseline's parameters behind those of `trained`, which are the model's only ones and stay where they are. Closed also after a failure.
 * source NULL: nothing but them, for a model that is only asked. */
attn_status attn_reinforce_open(attn_ctx *ctx, attn_model *model, const struct attn_transformer *trained,
                                const struct attn_reinforce_config *config, const struct attn_pointer_source *source,
                                struct attn_reinforce *out);
void attn_reinforce_close(struct attn_reinforce *r);

/* Of micro-batch `micro` of `micros`, put into batch: a tensor whose gradient is the estimate, and whose value is the mean length of the tours drawn, both a micro-batch's
 * part of the step's. Resets the tape. NULL: the tape says why. */
attn_tensor *attn_reinforce_loss(struct attn_reinforce *r, int64_t step, int64_t micro, int64_t micros, struct attn_pointer_batch *batch);

/* Whether the model's tours are shorter: of `count` examples how much longer they are than the frozen copy's, summed, and the squares of that. */
bool attn_reinforce_shorter(double sum, double squares, int64_t count);

#endif
