/* Worlds that policies are tried in: the regulator against its equation and its closed-form cost, dynamics against what others have recorded. */
#include "support/data.h"
#include "support/setting.h"
#include "system/aaren/control_point.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct attn_aaren_world *const worlds[] = {&attn_aaren_point, &attn_aaren_pendulum, &attn_aaren_cartpole};
enum { WORLDS = sizeof worlds / sizeof worlds[0] };

static void expect_near(double got, double wanted, double bound) {
    if (!(fabs(got - wanted) <= bound)) fail_msg("found %.17g, expected %.17g within %g", got, wanted, bound);
}

/* ------------------------------------------------------------------------------------------------------- regulator */

/* One axis of the problem, as its definition has it. */
static const double a[2][2] = {{1, 0.1}, {0, 1}}, b[2] = {0.005, 0.1}, effort = 0.1;

/* x' P y */
static double form(const double p[2][2], const double *x, const double *y) {
    return x[0] * (p[0][0] * y[0] + p[0][1] * y[1]) + x[1] * (p[1][0] * y[0] + p[1][1] * y[1]);
}

/* P = Q + A' P A - A' P B K, K = (R + B' P B)^-1 B' P A, column by column of A. */
static void the_gain_is_the_fixed_point_of_the_riccati_equation(void **state) {
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    (void)state;
    for (int j = 0; j < 2; j++) {
        const double aj[2] = {a[0][j], a[1][j]};
        expect_near(r.gain[j], form(r.cost, b, aj) / (effort + form(r.cost, b, b)), 1e-12);
        for (int k = 0; k < 2; k++) {
            const double ak[2] = {a[0][k], a[1][k]};
            expect_near(r.cost[j][k], (j == k) + form(r.cost, aj, ak) - form(r.cost, aj, b) * r.gain[k], 1e-11);
        }
    }
    assert_true(r.cost[0][0] > 0 && r.cost[0][0] * r.cost[1][1] > r.cost[0][1] * r.cost[1][0]);
}

/* x' P x of both axes. */
static double cost_to_go(const struct attn_aaren_regulator *r, const double *x) {
    double sum = 0;
    for (int i = 0; i < 2; i++) {
        const double axis[2] = {x[i], x[2 + i]};
        sum += form(r->cost, axis, axis);
    }
    return sum;
}

/* Takes the noise of a step away again: `before` is the random numbers that it was drawn from. */
static void take_noise(struct attn_random before, double *x) {
    for (int i = 0; i < 2; i++) {
        x[i] -= ATTN_POINT_NOISE * attn_random_normal(&before);
        x[2 + i] -= ATTN_POINT_NOISE * attn_random_normal(&before);
    }
}

/* The cost of the rest is x' P x at every step, and so the whole cost is its closed form; any other push costs more. */
static void the_regulators_cost_without_noise_is_the_closed_form(void **state) {
    enum { STEPS = 400 };
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    struct attn_random random, draw;
    (void)state;
    attn_random_init(&draw, 3);
    for (int round = 0; round < 20; round++) {
        double x[4], u[2], sum = 0;
        bool over;
        for (int i = 0; i < 4; i++) x[i] = 3 * attn_random_normal(&draw);
        const double whole = cost_to_go(&r, x);
        for (int t = 0; t < STEPS; t++) {
            const double left = cost_to_go(&r, x);
            double other[4], push[2];
            memcpy(other, x, sizeof x);
            attn_aaren_point.best(x, u);
            for (int i = 0; i < 2; i++) push[i] = u[i] + 0.5 * attn_random_normal(&draw);
            attn_random_init(&random, (uint64_t)t);
            const struct attn_random before = random;
            const double cost = -attn_aaren_point.step(x, u, &random, &over);
            take_noise(before, x);
            expect_near(cost + cost_to_go(&r, x), left, 1e-11 * (1 + whole));
            random = before;
            const double more = -attn_aaren_point.step(other, push, &random, &over);
            take_noise(before, other);
            assert_true(more + cost_to_go(&r, other) > left);
            sum += cost;
            assert_false(over);
        }
        expect_near(sum, whole, 1e-9 * (1 + whole));
    }
}

/* E(cost of N steps) = E(x0' P x0) - E(xN' P xN) + N tr(P W), of which each episode's excess is summed: its mean is 0 within 5 standard errors. */
static void noise_adds_its_closed_form_a_step(void **state) {
    enum { EPISODES = 2000 };
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    const double step_cost = 2 * ATTN_POINT_NOISE * ATTN_POINT_NOISE * (r.cost[0][0] + r.cost[1][1]);
    double sum = 0, squares = 0;
    (void)state;
    for (int e = 0; e < EPISODES; e++) {
        struct attn_random noise, choice;
        double x[4], u[2], excess = 0;
        bool over;
        attn_aaren_world_random(5, e, &noise, &choice);
        attn_aaren_point.begin(&noise, x);
        expect_near(hypot(x[0], x[1]), 3, 1e-12);
        excess -= cost_to_go(&r, x);
        for (int t = 0; t < attn_aaren_point.steps; t++) {
            attn_aaren_point.best(x, u);
            excess -= attn_aaren_point.step(x, u, &noise, &over) + step_cost;
        }
        excess += cost_to_go(&r, x);
        sum += excess;
        squares += excess * excess;
    }
    expect_near(sum / EPISODES, 0, 5 * sqrt(squares) / EPISODES);
}

/* ------------------------------------------------------------------------------------------------------- behaviours */

/* Episodes of a world's own steps, whose pushes are the gain times a share, and noise. */
static void recorded_pushes_are_those_of_their_behaviour(void **state) {
    enum { COUNT = 40 };
    const struct attn_aaren_regulator r = attn_aaren_point_regulator();
    (void)state;
    for (int behaviour = 0; behaviour < 3; behaviour++) {
        struct attn_aaren_episodes e;
        assert_int_equal(attn_aaren_point_episodes(test_ctx, (enum attn_aaren_behaviour)behaviour, 9, COUNT, &e), ATTN_OK);
        assert_true(e.count == COUNT && e.steps == COUNT * 100 && e.first[COUNT] == e.steps && e.observations == 4 && e.actions == 2);
        for (int64_t i = 0; i < COUNT; i++) {
            double wanted = 0, length = 0, done = 0, squares = 0; /* least squares of the share */
            for (int64_t k = 2 * e.first[i]; k < 2 * e.first[i + 1]; k++) {
                const float *x = e.observation + k / 2 * 4 + k % 2;
                const double push = -(r.gain[0] * (double)x[0] + r.gain[1] * (double)x[2]);
                wanted += push * (double)e.action[k];
                length += push * push;
                done += (double)e.action[k] * (double)e.action[k];
            }
            const double share = wanted / length;
            squares = (done - share * wanted) / 200; /* what is left is the noise's variance */
            const bool best = behaviour == ATTN_BEHAVIOUR_EXPERT && i % 2 == 1;
            if (best)
                expect_near(share, 1, 1e-6);
            else if (behaviour == ATTN_BEHAVIOUR_REPLAY)
                assert_true(share > -0.1 && share < 0.5);
            else
                expect_near(share, 0.4, 0.1);
            expect_near(sqrt(fmax(0, squares)), best ? 0 : 0.3, best ? 1e-5 : 0.1);
        }
        attn_aaren_episodes_free(test_ctx, &e);
    }
}

/* More episodes of a seed begin with fewer of it; another seed has others. */
static void an_episode_depends_on_its_seed_and_number_alone(void **state) {
    struct attn_aaren_episodes few, many, other;
    (void)state;
    for (int behaviour = 0; behaviour < 3; behaviour++) {
        assert_int_equal(attn_aaren_point_episodes(test_ctx, (enum attn_aaren_behaviour)behaviour, 1, 3, &few), ATTN_OK);
        assert_int_equal(attn_aaren_point_episodes(test_ctx, (enum attn_aaren_behaviour)behaviour, 1, 7, &many), ATTN_OK);
        assert_int_equal(attn_aaren_point_episodes(test_ctx, (enum attn_aaren_behaviour)behaviour, 2, 3, &other), ATTN_OK);
        assert_memory_equal(few.observation, many.observation, (size_t)few.steps * 4 * sizeof(float));
        assert_memory_equal(few.action, many.action, (size_t)few.steps * 2 * sizeof(float));
        assert_memory_equal(few.reward, many.reward, (size_t)few.steps * sizeof(double));
        assert_memory_not_equal(few.action, other.action, (size_t)few.steps * 2 * sizeof(float));
        attn_aaren_episodes_free(test_ctx, &few);
        attn_aaren_episodes_free(test_ctx, &many);
        attn_aaren_episodes_free(test_ctx, &other);
    }
}

/* ---------------------------------------------------------------------------------------------- the others' dynamics */

/* From each recorded observation and action to the next observation and the reward; they are floats, and so is the angle that cos and sin are read from. */
static void check_recorded(const char *name, const struct attn_aaren_world *world, bool angle) {
    struct attn_aaren_episodes e;
    char text[1024];
    if (attn_aaren_episodes_read(test_ctx, test_data(name), &e)) fail_msg("%s", attn_ctx_error(test_ctx, text, sizeof text));
    assert_true(e.observations == world->observations && e.actions == world->actions);
    for (int64_t i = 0; i < e.count; i++)
        for (int64_t t = e.first[i]; t < e.first[i + 1]; t++) {
            const float *seen = e.observation + t * e.observations;
            double x[ATTN_WORLD_STATE], u[ATTN_WORLD_ACTION], next[ATTN_WORLD_OBSERVATION];
            struct attn_random random;
            bool over;
            attn_random_init(&random, 0);
            for (int64_t j = 0; j < e.observations; j++) x[j] = (double)seen[j];
            if (angle) {
                x[0] = atan2((double)seen[1], (double)seen[0]);
                x[1] = (double)seen[2];
            }
            u[0] = (double)e.action[t];
            world->allow(u);
            expect_near(u[0], (double)e.action[t], 0);
            expect_near(world->step(x, u, &random, &over), e.reward[t], 1e-6);
            world->observe(x, next);
            const bool last = t + 1 == e.first[i + 1];
            for (int64_t j = 0; j < e.observations && !last; j++) expect_near(next[j], (double)seen[e.observations + j], 1e-6);
            assert_true(last || !over);
        }
    attn_aaren_episodes_free(test_ctx, &e);
}

static void the_pendulum_moves_as_recorded(void **state) {
    (void)state;
    check_recorded("offline-rl/pendulum_expert.csv.gz", &attn_aaren_pendulum, true);
}

static void cart_and_pole_move_as_recorded(void **state) {
    (void)state;
    check_recorded("offline-rl/cartpole_expert.csv.gz", &attn_aaren_cartpole, false);
}

/* Upright and at rest nothing is paid; hanging, pi squared; at full speed the speed stays. */
static void a_pendulum_pays_for_angle_speed_and_torque(void **state) {
    static const double pi = 3.14159265358979323846;
    struct attn_random random;
    bool over;
    double x[2] = {0, 0}, u[1] = {0};
    (void)state;
    attn_random_init(&random, 0);
    expect_near(attn_aaren_pendulum.step(x, u, &random, &over), 0, 0);
    expect_near(x[0], 0, 0);
    x[0] = pi;
    expect_near(attn_aaren_pendulum.step(x, u, &random, &over), -pi * pi, 1e-12);
    x[0] = 2 * pi + 1;
    x[1] = 8;
    u[0] = 2;
    expect_near(attn_aaren_pendulum.step(x, u, &random, &over), -(1 + 6.4 + 0.004), 1e-12);
    expect_near(x[1], 8, 0);
    expect_near(x[0], 2 * pi + 1 + 0.4, 1e-12);
    u[0] = 3;
    attn_aaren_pendulum.allow(u);
    expect_near(u[0], 2, 0);
}

/* ------------------------------------------------------------------------------------------------------- all worlds */

/* The same bits again; paths begin where the episode does and have a place for each state; falling ends an episode of drawn pushes early. */
static void an_episode_is_the_same_again_and_has_a_path(void **state) {
    static double path[2][2 * (ATTN_WORLD_STEPS + 1)];
    (void)state;
    for (int w = 0; w < WORLDS; w++)
        for (int64_t e = 0; e < 20; e++) {
            const struct attn_aaren_world *world = worlds[w];
            struct attn_random noise, choice;
            double x[ATTN_WORLD_STATE], xy[2];
            int length[2];
            const double first = attn_aaren_world_return(world, 1, e, false, path[0], &length[0]);
            assert_true(first == attn_aaren_world_return(world, 1, e, false, path[1], &length[1]));
            assert_true(length[0] == length[1] && length[0] >= 2 && length[0] <= world->steps + 1);
            assert_memory_equal(path[0], path[1], (size_t)length[0] * 2 * sizeof(double));
            assert_true(first != attn_aaren_world_return(world, 2, e, false, NULL, NULL) || world == &attn_aaren_cartpole);
            attn_aaren_world_random(1, e, &noise, &choice);
            world->begin(&noise, x);
            world->place(x, xy);
            assert_memory_equal(path[0], xy, sizeof xy);
            if (world == &attn_aaren_cartpole) assert_true(first == length[0] - 1 && first < world->steps);
            if (world->best) assert_true(attn_aaren_world_return(world, 1, e, true, NULL, NULL) > first);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gain_is_the_fixed_point_of_the_riccati_equation),
        cmocka_unit_test(the_regulators_cost_without_noise_is_the_closed_form),
        cmocka_unit_test(noise_adds_its_closed_form_a_step),
        cmocka_unit_test(recorded_pushes_are_those_of_their_behaviour),
        cmocka_unit_test(an_episode_depends_on_its_seed_and_number_alone),
        cmocka_unit_test(the_pendulum_moves_as_recorded),
        cmocka_unit_test(cart_and_pole_move_as_recorded),
        cmocka_unit_test(a_pendulum_pays_for_angle_speed_and_torque),
        cmocka_unit_test(an_episode_is_the_same_again_and_has_a_path),
    };
    return cmocka_run_group_tests(tests, test_setting_open, test_setting_close);
}
