/* Recorded control: episodes of steps, each an observation, the action that was taken on it, and the reward that followed.
 *
 * Files of them:
 *   CSV (also .gz)  "trajectory,step,obs0,...,act0,...,reward", one step a row; an episode's steps count from 0, its trajectory number stays
 *   npz             D4RL's arrays (Fu et al. 2020): observations [N, S], actions [N, A], rewards [N], terminals [N] and, where there are such, timeouts [N].
 *                   An episode ends where one of the two is set, without timeouts also after 1000 steps; what follows the last end has no return and is left out
 *
 * Numbers are finite and within a float's range. Messages name line and column, or array, row and column. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_EPISODES_H
#define ATTN_SYSTEM_AAREN_CONTROL_EPISODES_H

#include "base/context.h"

#include <stdio.h>

enum {
    ATTN_CONTROL_NUMBERS = 512,  /* of an observation, and of an action, at most */
    ATTN_CONTROL_STEPS = 1000000 /* of an episode, at most */
};

/* Zeros: none. Steps of all episodes lie one behind the other. */
struct attn_aaren_episodes {
    int64_t observations, actions; /* numbers of an observation (S) and of an action (A) */
    int64_t count, steps;          /* episodes, and their steps together */
    int64_t *first;                /* [count + 1]: where each begins; the last is `steps` */
    float *observation, *action;   /* [steps][S], [steps][A] */
    double *reward, *to_go;        /* [steps]: the reward, and the sum of it and all that follow in the episode */
};

/* Room for so many; first[0] is 0, what else is in it the caller fills in, and then calls attn_aaren_episodes_sum. Freed by attn_aaren_episodes_free. */
attn_status attn_aaren_episodes_make(attn_ctx *ctx, int64_t observations, int64_t actions, int64_t count, int64_t steps,
                                     struct attn_aaren_episodes *out);
void attn_aaren_episodes_free(attn_ctx *ctx, struct attn_aaren_episodes *episodes);

/* Computes to_go from the rewards, from each episode's end. */
void attn_aaren_episodes_sum(struct attn_aaren_episodes *episodes);

/* The sum of an episode's rewards, and the mean of all of them. */
double attn_aaren_episode_return(const struct attn_aaren_episodes *episodes, int64_t index);
double attn_aaren_episodes_return(const struct attn_aaren_episodes *episodes);
int64_t attn_aaren_episodes_longest(const struct attn_aaren_episodes *episodes);

/* An npz by its name's end, else CSV. ATTN_EINVAL: what is wrong with it, and where; ATTN_EUNSUPPORTED: packed, and there is no zlib. */
attn_status attn_aaren_episodes_read(attn_ctx *ctx, const char *path, struct attn_aaren_episodes *out);
/* The CSV form from the bytes of such a file; `name` stands for it in messages. */
attn_status attn_aaren_episodes_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_aaren_episodes *out);
/* The first `count` episodes, or all where there are fewer, in the CSV form. */
attn_status attn_aaren_episodes_write(attn_ctx *ctx, const struct attn_aaren_episodes *episodes, int64_t count, FILE *out);

#endif
