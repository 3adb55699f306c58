/* Trials of a model in a world: many episodes side by side. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_ROLLOUT_H
#define ATTN_SYSTEM_AAREN_CONTROL_ROLLOUT_H

#include "system/aaren/control.h"

struct attn_aaren_trial {
    double target; /* the return to go for */
    uint64_t seed; /* of the episodes, which are first, first + 1, ... of the world */
    int64_t first, count;
    bool stream; /* from the whole episode so far, step by step; else from its last K steps, anew in each step, as the paper evaluates */
};

/* The return of each episode, [count]; path (NULL: not wanted) has room for [count][2 (steps + 1)] numbers, length [count] for how many places each has.
 * ATTN_EUNSUPPORTED: a stream of a model that has no such form. */
attn_status attn_aaren_control_try(struct attn_job *job, const struct attn_aaren_trial *trial, double *returns, double *path, int *length);

#endif
