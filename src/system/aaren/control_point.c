#include "system/aaren/control_point.h"

#include <math.h>
#include <stddef.h>

static const double dt = 0.1, effort = 0.1, start = 3, medium = 0.4, jitter = 0.3, pi = 3.14159265358979323846;

enum { AXES = 2, STEPS = 100 };
/* The state is place x, place y, speed x, speed y. */
enum { PLACE = 0, SPEED = 2 };

/* One iteration of the Riccati equation of an axis, A = [1 dt; 0 1], B = [dt^2/2 dt]', Q = 1, R = effort; returns the greatest change of P. */
static double iterate(struct attn_aaren_regulator *r) {
    const double a[2][2] = {{1, dt}, {0, 1}}, b[2] = {dt * dt / 2, dt};
    double pa[2][2], pb[2], bpa[2], bpb = effort, change = 0;
    for (int j = 0; j < 2; j++) {
        pb[j] = r->cost[j][0] * b[0] + r->cost[j][1] * b[1];
        for (int k = 0; k < 2; k++) pa[j][k] = r->cost[j][0] * a[0][k] + r->cost[j][1] * a[1][k];
    }
    bpb += b[0] * pb[0] + b[1] * pb[1];
    for (int k = 0; k < 2; k++) {
        bpa[k] = b[0] * pa[0][k] + b[1] * pa[1][k];
        r->gain[k] = bpa[k] / bpb;
    }
    for (int j = 0; j < 2; j++)
        for (int k = 0; k < 2; k++) {
            const double cost = (j == k) + a[0][j] * pa[0][k] + a[1][j] * pa[1][k] - bpa[j] * r->gain[k];
            change = fmax(change, fabs(cost - r->cost[j][k]));
            r->cost[j][k] = cost;
        }
    return change;
}

struct attn_aaren_regulator attn_aaren_point_regulator(void) {
    enum { ITERATIONS = 1000 }; /* some 200 reach the fixed point */
    struct attn_aaren_regulator r = {.cost = {{1, 0}, {0, 1}}};
    for (int i = 0; i < ITERATIONS && iterate(&r) > 1e-14; i++) {
    }
    return r;
}

/* ----------------------------------------------------------------------------------------------------------- world */

/* At rest, `start` away from the goal in any direction: what an episode returns says how it was acted, not where it began. */
static void begin(struct attn_random *random, double *state) {
    const double angle = 2 * pi * attn_random_uniform(random);
    state[PLACE] = start * cos(angle);
    state[PLACE + 1] = start * sin(angle);
    state[SPEED] = state[SPEED + 1] = 0;
}

static void observe(const double *state, double *observation) {
    for (int i = 0; i < 2 * AXES; i++) observation[i] = state[i];
}

static void allow(double *action) {
    (void)action; /* any push */
}

static double step(double *state, const double *action, struct attn_random *random, bool *over) {
    double cost = 0;
    for (int i = 0; i < AXES; i++) {
        const double place = state[PLACE + i], speed = state[SPEED + i], u = action[i];
        cost += place * place + speed * speed + effort * u * u;
        state[PLACE + i] = place + dt * speed + dt * dt / 2 * u + ATTN_POINT_NOISE * attn_random_normal(random);
        state[SPEED + i] = speed + dt * u + ATTN_POINT_NOISE * attn_random_normal(random);
    }
    *over = false;
    return -cost;
}

static void any(struct attn_random *random, double *action) {
    for (int i = 0; i < AXES; i++) action[i] = 2 * attn_random_uniform(random) - 1;
}

static void push(const struct attn_aaren_regulator *r, double share, const double *state, double *action) {
    for (int i = 0; i < AXES; i++) action[i] = -share * (r->gain[0] * state[PLACE + i] + r->gain[1] * state[SPEED + i]);
}

static void best(const double *state, double *action) {
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    push(&r, 1, state, action);
}

static void place(const double *state, double xy[2]) {
    xy[0] = state[PLACE];
    xy[1] = state[PLACE + 1];
}

const struct attn_aaren_world attn_aaren_point = {.name = "point",
                                                  .observations = 2 * AXES,
                                                  .actions = AXES,
                                                  .steps = STEPS,
                                                  .begin = begin,
                                                  .observe = observe,
                                                  .allow = allow,
                                                  .step = step,
                                                  .any = any,
                                                  .best = best,
                                                  .place = place,
                                                  .across = "x",
                                                  .up = "y"};

/* ------------------------------------------------------------------------------------------------------- behaviours */

struct manner {
    double share, jitter; /* of the gain; deviation of the noise in a push */
};

static struct manner manner_of(enum attn_aaren_behaviour behaviour, int64_t episode, struct attn_random *random) {
    if (behaviour == ATTN_BEHAVIOUR_EXPERT && episode % 2 == 1) return (struct manner){1, 0};
    if (behaviour == ATTN_BEHAVIOUR_REPLAY) return (struct manner){medium * attn_random_uniform(random), jitter};
    return (struct manner){medium, jitter};
}

attn_status attn_aaren_point_episodes(attn_ctx *ctx, enum attn_aaren_behaviour behaviour, uint64_t seed, int64_t count,
                                      struct attn_aaren_episodes *out) {
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    const attn_status status = attn_aaren_episodes_make(ctx, 2 * AXES, AXES, count, count * STEPS, out);
    if (status) return status;
    for (int64_t e = 0; e < count; e++) {
        struct attn_random noise, choice;
        double state[ATTN_WORLD_STATE], action[ATTN_WORLD_ACTION];
        bool over;
        attn_aaren_world_random(seed, e, &noise, &choice);
        const struct manner m = manner_of(behaviour, e, &choice);
        begin(&noise, state);
        for (int64_t t = e * STEPS; t < (e + 1) * STEPS; t++) {
            push(&r, m.share, state, action);
            for (int i = 0; i < AXES; i++) action[i] += m.jitter * attn_random_normal(&choice);
            for (int i = 0; i < 2 * AXES; i++) out->observation[t * 2 * AXES + i] = (float)state[i];
            for (int i = 0; i < AXES; i++) out->action[t * AXES + i] = (float)action[i];
            out->reward[t] = step(state, action, &noise, &over);
        }
        out->first[e + 1] = (e + 1) * STEPS;
    }
    attn_aaren_episodes_sum(out);
    return ATTN_OK;
}
