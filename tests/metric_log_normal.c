/* Mixtures of log-normals against the same formulas in long double, in both tails, and against each other. */
#include "base/random.h"
#include "metric/log_normal.h"
#include "support/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const long double half_log_two_pi = 0.918938533204672741780329736405617639861L, root_half = 0.707106781186547524400844362104849039L;

/* erfcl reaches to some 10^-4932, and its complement is as exact below. */
static long double survival(long double z) {
    return 0.5L * erfcl(z * root_half);
}

static long double log_survival(long double z) {
    return z < 0 ? log1pl(-survival(-z)) : logl(survival(z));
}

static void logs_of_normal_tails_keep_their_digits(void **state) {
    (void)state;
    for (double z = -37; z <= 100; z += 0.0625) {
        const long double exact = (long double)z;
        const double want = (double)log_survival(exact),
                     bound = 4e-15 + (z < 0 ? z * z * 2.5e-16 : 0); /* the rounding of z / sqrt 2, in e^(-z^2 / 2) */
        if (!test_near(attn_normal_log_survival(z), want, bound, 0))
            fail_msg("z = %g: %.17g, expected %.17g", z, attn_normal_log_survival(z), want);
        const double hazard = (double)expl(-0.5L * exact * exact - half_log_two_pi - log_survival(exact));
        if (!test_near(attn_normal_hazard(z), hazard, 1e-14 + z * z * 4e-16, 0))
            fail_msg("z = %g: %.17g, expected %.17g", z, attn_normal_hazard(z), hazard);
    }
    assert_true(attn_normal_log_survival(HUGE_VAL) == -HUGE_VAL && attn_normal_log_survival(-HUGE_VAL) == 0);
    assert_true(attn_normal_hazard(-HUGE_VAL) == 0);
    assert_true(test_near(attn_normal_log_survival(1e8), -0.5e16, 1e-14, 0) && test_near(attn_normal_hazard(1e8), 1e8, 1e-15, 0));
}

static void draw_mixture(struct attn_random *r, struct attn_log_normals *m) {
    double logit[ATTN_LOG_NORMALS] = {0};
    m->count = (int)attn_random_between(r, 1, 12);
    for (int j = 0; j < m->count; j++) {
        logit[j] = 3 * attn_random_normal(r);
        m->mean[j] = 2 * attn_random_normal(r);
        m->deviation[j] = 0.3 + fabs(attn_random_normal(r)); /* so that long doubles hold e^(-z^2 / 2) */
    }
    const double all = attn_log_sum(logit, m->count);
    for (int j = 0; j < m->count; j++) m->log_weight[j] = logit[j] - all;
}

/* The weights' sum is 1 within roundings; so are those of the reference. */
static void sums_in_long_double(const struct attn_log_normals *m, double y, long double *density, long double *above, long double *below) {
    long double weights = 0;
    *density = *above = *below = 0;
    for (int j = 0; j < m->count; j++) {
        const long double w = expl((long double)m->log_weight[j]), s = (long double)m->deviation[j],
                          z = ((long double)y - (long double)m->mean[j]) / s;
        weights += w;
        *density += w / s * expl(-0.5L * z * z - half_log_two_pi - (long double)y);
        *above += w * survival(z);
        *below += w * survival(-z);
    }
    *density /= weights;
    *above /= weights;
    *below /= weights;
}

static void densities_and_both_tails_keep_their_digits(void **state) {
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 5);
    for (int round = 0; round < 300; round++) {
        struct attn_log_normals m = {.count = 0};
        draw_mixture(&r, &m);
        for (double y = -30; y <= 30; y += 0.85) {
            long double density, above, below;
            sums_in_long_double(&m, y, &density, &above, &below);
            /* logs of sums are exact to roundings of the terms' sizes; what is near 1 has a log as small as the rest */
            const double bound = 1e-13 * (1 + y * y);
            assert_true(test_near(attn_log_normals_density(&m, y), (double)logl(density), 1e-14, bound));
            if (above > 0.4L)
                assert_true(test_near(attn_log_normals_survival(&m, y), (double)log1pl(-below), 1e-12 * (1 + y * y), 0));
            else
                assert_true(test_near(attn_log_normals_survival(&m, y), (double)logl(above), 1e-14, bound));
            if (below > 0.4L)
                assert_true(test_near(attn_log_normals_below(&m, y), (double)log1pl(-above), 1e-12 * (1 + y * y), 0));
            else
                assert_true(test_near(attn_log_normals_below(&m, y), (double)logl(below), 1e-14, bound));
        }
    }
}

static void quantiles_are_where_survival_is_what_was_asked(void **state) {
    static const double shares[] = {1e-12, 0.05, 0.5, 0.95, 1 - 1e-9};
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 6);
    for (int round = 0; round < 100; round++) {
        struct attn_log_normals m = {.count = 0};
        draw_mixture(&r, &m);
        for (int i = 0; i < 5; i++) {
            const double y = attn_log_normals_at(&m, log1p(-shares[i])), h = 1e-9;
            assert_true(attn_log_normals_survival(&m, y - h) >= log1p(-shares[i]) &&
                        attn_log_normals_survival(&m, y + h) <= log1p(-shares[i]));
        }
    }
    const struct attn_log_normals one = {.count = 1, .log_weight = {0}, .mean = {0.5}, .deviation = {2}};
    assert_true(test_near(attn_log_normals_at(&one, log(0.5)), 0.5, 0, 1e-11));
}

/* The mean of what lies above e^y, by Simpson's rule over log x. */
static void means_beyond_a_point_are_integrals(void **state) {
    enum { STEPS = 20000 };
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 7);
    for (int round = 0; round < 20; round++) {
        struct attn_log_normals m = {.count = 0};
        draw_mixture(&r, &m);
        const double from[] = {-HUGE_VAL, -1, 0.7, 3};
        for (int i = 0; i < 4; i++) {
            double low = HUGE_VAL, high = -HUGE_VAL, sum = 0;
            for (int j = 0; j < m.count; j++) { /* x f(x) is a normal around mean + deviation^2 */
                low = fmin(low, m.mean[j] + m.deviation[j] * m.deviation[j] - 12 * m.deviation[j]);
                high = fmax(high, m.mean[j] + m.deviation[j] * m.deviation[j] + 12 * m.deviation[j]);
            }
            low = fmax(low, from[i]);
            high = fmax(high, low + 10);
            for (int k = 0; k <= STEPS; k++) {
                const double y = low + (high - low) * k / STEPS, weight = k == 0 || k == STEPS ? 1 : k % 2 == 1 ? 4 : 2;
                sum += weight * exp(attn_log_normals_density(&m, y) + 2 * y);
            }
            const double want = log(sum * (high - low) / (3 * STEPS)) - attn_log_normals_survival(&m, from[i]);
            assert_true(test_near(attn_log_normals_mean(&m, from[i]), want, 1e-6, 1e-6));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_of_normal_tails_keep_their_digits),
        cmocka_unit_test(densities_and_both_tails_keep_their_digits),
        cmocka_unit_test(quantiles_are_where_survival_is_what_was_asked),
        cmocka_unit_test(means_beyond_a_point_are_integrals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
