/* Pendulum-v1: state (angle from upright, speed), observation (cos, sin, speed); 1 kg, 1 m, g = 10, steps of 0.05 s, speed before angle. */
#include "system/aaren/control_worlds.h"

#include <math.h>
#include <stddef.h>

static const double gravity = 10, dt = 0.05, most_speed = 8, most_torque = 2, pi = 3.14159265358979323846;

static double clamp(double x, double most) {
    return fmin(fmax(x, -most), most);
}

static void begin(struct attn_random *random, double *state) {
    state[0] = pi * (2 * attn_random_uniform(random) - 1);
    state[1] = 2 * attn_random_uniform(random) - 1;
}

static void observe(const double *state, double *observation) {
    observation[0] = cos(state[0]);
    observation[1] = sin(state[0]);
    observation[2] = state[1];
}

static void allow(double *action) {
    action[0] = clamp(action[0], most_torque);
}

/* The angle's equation of motion is a'' = 3 g / 2 sin a + 3 u. */
static double step(double *state, const double *action, struct attn_random *random, bool *over) {
    const double angle = remainder(state[0], 2 * pi), u = action[0];
    const double cost = angle * angle + 0.1 * state[1] * state[1] + 0.001 * u * u;
    (void)random;
    state[1] = clamp(state[1] + (1.5 * gravity * sin(state[0]) + 3 * u) * dt, most_speed);
    state[0] += state[1] * dt;
    *over = false;
    return -cost;
}

static void any(struct attn_random *random, double *action) {
    action[0] = most_torque * (2 * attn_random_uniform(random) - 1);
}

static void place(const double *state, double xy[2]) {
    xy[0] = remainder(state[0], 2 * pi);
    xy[1] = state[1];
}

const struct attn_aaren_world attn_aaren_pendulum = {.name = "pendulum",
                                                     .observations = 3,
                                                     .actions = 1,
                                                     .steps = 200,
                                                     .begin = begin,
                                                     .observe = observe,
                                                     .allow = allow,
                                                     .allow_c = "        value = value > 2 ? 2 : value < -2 ? -2 : value;\n",
                                                     .step = step,
                                                     .any = any,
                                                     .place = place,
                                                     .across = "angle from upright",
                                                     .up = "speed",
                                                     .apart = true,
                                                     .round = 6.28318530717958648};
