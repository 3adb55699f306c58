/* Worlds that a policy can be tried in: a state, what is seen of it, and what an action does to it.
 *
 *   point     a mass in the plane that is pushed, as a linear-quadratic problem (control_point.h)
 *   pendulum  Pendulum-v1 of Gymnasium: a pendulum is swung up and held by a torque of at most 2
 *   cartpole  CartPole-v1 of Gymnasium (Barto, Sutton and Anderson 1983): a pole is balanced on a cart that is pushed left (0) or right (1)
 *
 * An episode depends on its seed, its number and the actions alone: the first state and the noise of each step are drawn for it. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_WORLDS_H
#define ATTN_SYSTEM_AAREN_CONTROL_WORLDS_H

#include "base/random.h"

#include <stdbool.h>

enum { ATTN_WORLD_STATE = 4, ATTN_WORLD_OBSERVATION = 4, ATTN_WORLD_ACTION = 2, ATTN_WORLD_STEPS = 500 /* each at most */ };

struct attn_aaren_world {
    const char *name;
    int observations, actions, steps; /* steps: of an episode at most */
    void (*begin)(struct attn_random *random, double *state);
    void (*observe)(const double *state, double *observation);
    /* What of an action the world takes, in place. */
    void (*allow)(double *action);
    const char *allow_c; /* the same as lines of C about one number, `value`; NULL: any is taken */
    /* One step with an allowed action: the reward; *over: the episode ends here. */
    double (*step)(double *state, const double *action, struct attn_random *random, bool *over);
    void (*any)(struct attn_random *random, double *action); /* an action of one who knows nothing */
    void (*best)(const double *state, double *action);       /* of the best policy; NULL: none is written down */
    void (*place)(const double *state, double xy[2]);        /* of a picture */
    const char *across, *up;                                 /* what its axes are */
    bool apart;                                              /* they have other units */
    double round;                                            /* places that are so far apart across are the same; 0: none are */
};
extern const struct attn_aaren_world attn_aaren_point, attn_aaren_pendulum, attn_aaren_cartpole;

/* Random numbers of an episode: the world's own, and those of whoever acts in it. */
void attn_aaren_world_random(uint64_t seed, int64_t episode, struct attn_random *world, struct attn_random *policy);

/* The return of an episode in which actions are drawn (best: chosen by the best policy); path (NULL: not wanted) has room for 2 (steps + 1) numbers, *length
 * becomes how many places it has. */
double attn_aaren_world_return(const struct attn_aaren_world *world, uint64_t seed, int64_t episode, bool best, double *path, int *length);

#endif
