/* The point mass: x = (place, speed) in the plane, pushed by u, 100 steps of 0.1 from rest at a distance of 3 on: each axis by itself
 *
 *   place += 0.1 speed + 0.005 u,  speed += 0.1 u,  both + 0.05 noise;  reward -|x|^2 - 0.1 |u|^2 of the state before the step
 *
 * which the linear-quadratic regulator solves: u = -K x with the gain K of the discrete algebraic Riccati equation
 *
 *   P = Q + A' P A - A' P B K,  K = (R + B' P B)^-1 B' P A
 *
 * Who knows nothing pushes each axis uniformly within 1. The noiseless cost from x on is x' P x; noise of covariance W adds tr(P W) a step (Bertsekas, Dynamic Programming and Optimal Control, sec. 3.1). */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_POINT_H
#define ATTN_SYSTEM_AAREN_CONTROL_POINT_H

#include "system/aaren/control_episodes.h"
#include "system/aaren/control_worlds.h"

/* Of one axis: the gain for (place, speed), and P. */
struct attn_aaren_regulator {
    double gain[2], cost[2][2];
};
struct attn_aaren_regulator attn_aaren_point_regulator(void);

/* Standard deviation of a step's noise in every number of the state. */
#define ATTN_POINT_NOISE 0.05

/* Behaviours to learn from: the gain times 0.4 and noise of 0.3 in each push; each episode's own share of the gain, of 0 to 0.4, with the same noise; every
 * other episode as the first, and the rest with the whole gain and no noise. */
enum attn_aaren_behaviour { ATTN_BEHAVIOUR_MEDIUM, ATTN_BEHAVIOUR_REPLAY, ATTN_BEHAVIOUR_EXPERT };

/* `count` episodes of a behaviour; episode i depends on the seed and i alone. */
attn_status attn_aaren_point_episodes(attn_ctx *ctx, enum attn_aaren_behaviour behaviour, uint64_t seed, int64_t count,
                                      struct attn_aaren_episodes *out);

#endif
