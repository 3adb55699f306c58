#include "system/aaren/control_worlds.h"

#include "base/hash.h"

#include <stddef.h>

void attn_aaren_world_random(uint64_t seed, int64_t episode, struct attn_random *world, struct attn_random *policy) {
    const uint64_t hash = attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &episode, sizeof episode);
    attn_random_init(world, hash);
    attn_random_init(policy, attn_hash(hash, "policy", 6));
}

double attn_aaren_world_return(const struct attn_aaren_world *world, uint64_t seed, int64_t episode, bool best, double *path, int *length) {
    struct attn_random noise, choice;
    double state[ATTN_WORLD_STATE], action[ATTN_WORLD_ACTION], sum = 0;
    bool over = false;
    int t = 0;
    attn_aaren_world_random(seed, episode, &noise, &choice);
    world->begin(&noise, state);
    for (; t < world->steps && !over; t++) {
        if (path) world->place(state, path + (ptrdiff_t)2 * t);
        if (best)
            world->best(state, action);
        else
            world->any(&choice, action);
        world->allow(action);
        sum += world->step(state, action, &noise, &over);
    }
    if (path) world->place(state, path + (ptrdiff_t)2 * t);
    if (length) *length = t + 1;
    return sum;
}
