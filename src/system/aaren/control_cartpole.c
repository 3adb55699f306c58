/* CartPole-v1: state and observation are the cart's place and speed, the pole's angle and speed; a cart of 1 kg, a pole of 0.1 kg and 1 m, a push of 10 N, steps of
 * 0.02 s in which all four change by their derivatives before the step. The episode is over where the cart is beyond 2.4 or the pole beyond 12 degrees. */
#include "system/aaren/control_worlds.h"

#include <math.h>
#include <stddef.h>

static const double gravity = 9.8, pole = 0.1, whole = 1.1, half = 0.5, force = 10, dt = 0.02, most_place = 2.4,
                    most_angle = 12 * 3.14159265358979323846 / 180;

static void begin(struct attn_random *random, double *state) {
    for (int i = 0; i < 4; i++) state[i] = 0.1 * attn_random_uniform(random) - 0.05;
}

static void observe(const double *state, double *observation) {
    for (int i = 0; i < 4; i++) observation[i] = state[i];
}

static void allow(double *action) {
    action[0] = action[0] > 0.5 ? 1 : 0;
}

static double step(double *state, const double *action, struct attn_random *random, bool *over) {
    const double push = action[0] > 0.5 ? force : -force, speed = state[1], angle = state[2], turn = state[3];
    const double pushed = (push + pole * half * turn * turn * sin(angle)) / whole;
    const double turning = (gravity * sin(angle) - cos(angle) * pushed) / (half * (4.0 / 3 - pole * cos(angle) * cos(angle) / whole));
    const double speeding = pushed - pole * half * turning * cos(angle) / whole;
    (void)random;
    state[0] += dt * speed;
    state[1] += dt * speeding;
    state[2] += dt * turn;
    state[3] += dt * turning;
    *over = fabs(state[0]) > most_place || fabs(state[2]) > most_angle;
    return 1;
}

static void any(struct attn_random *random, double *action) {
    action[0] = (double)attn_random_below(random, 2);
}

static void place(const double *state, double xy[2]) {
    xy[0] = state[0];
    xy[1] = state[2];
}

const struct attn_aaren_world attn_aaren_cartpole = {.name = "cartpole",
                                                     .observations = 4,
                                                     .actions = 1,
                                                     .steps = 500,
                                                     .begin = begin,
                                                     .observe = observe,
                                                     .allow = allow,
                                                     .allow_c = "        value = value > 0.5 ? 1 : 0;\n",
                                                     .step = step,
                                                     .any = any,
                                                     .place = place,
                                                     .across = "place of the cart",
                                                     .up = "angle of the pole",
                                                     .apart = true};
