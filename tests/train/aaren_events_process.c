/* Processes with known intensities: likelihoods against their definition in sums over all pairs of events, integrals against quadrature, and drawn events
 * against what time rescaling says of them (Brown et al. 2002): integrals of an intensity between its events are Exp(1). */
#include "system/aaren/events_process.h"

#include "support/setting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void draw(const struct attn_process *p, uint64_t seed, int64_t first, int64_t count, struct attn_events *out) {
    assert_int_equal(attn_process_draw(test_ctx, p, seed, first, count, out), ATTN_OK);
}

/* lambda_m(t) of the events before t, by its definition. */
static double intensity(const struct attn_process *p, int m, double t, int64_t n, const double *time, const int32_t *mark) {
    if (p->kind == ATTN_PROCESS_SINE) return 1 + 0.9 * sin(t);
    double sum = p->base;
    for (int64_t i = 0; i < n && time[i] < t; i++)
        if (mark[i] >= 0) sum += p->branching[m][mark[i]] * p->decay * exp(-p->decay * (t - time[i]));
    return sum;
}

/* Its integral from a to b, event by event. */
static double integral(const struct attn_process *p, int m, double a, double b, int64_t n, const double *time, const int32_t *mark) {
    if (p->kind == ATTN_PROCESS_SINE) return b - a + 0.9 * (cos(a) - cos(b));
    double sum = p->base * (b - a);
    for (int64_t i = 0; i < n && time[i] < b; i++)
        if (mark[i] >= 0)
            sum += p->branching[m][mark[i]] * (exp(-p->decay * (fmax(a, time[i]) - time[i])) - exp(-p->decay * (b - time[i])));
    return sum;
}

static void a_hawkes_process_has_the_spectral_radius_that_is_said(void **state) {
    (void)state;
    for (int marks = 1; marks <= ATTN_PROCESS_MARKS; marks++) {
        struct attn_process p;
        double x[ATTN_PROCESS_MARKS], y[ATTN_PROCESS_MARKS], before = 0, after = 0;
        attn_process_make(ATTN_PROCESS_HAWKES, marks, 10, &p);
        for (int m = 0; m < marks; m++) x[m] = 1;
        for (int i = 0; i < 300; i++) { /* of the transpose, which has the same */
            before = after = 0;
            for (int m = 0; m < marks; m++) {
                y[m] = 0;
                for (int k = 0; k < marks; k++) y[m] += p.branching[k][m] * x[k];
                before += x[m];
                after += y[m];
            }
            for (int m = 0; m < marks; m++) x[m] = y[m] / after;
        }
        assert_true(fabs(after / before - 0.6) < 1e-12);
    }
}

static void likelihoods_by_recursion_are_those_by_sums_over_all_pairs(void **state) {
    static const int marks[] = {1, 2, 5, 32};
    (void)state;
    for (int c = 0; c < 5; c++) {
        struct attn_process p;
        struct attn_events e;
        attn_process_make(c < 4 ? ATTN_PROCESS_HAWKES : ATTN_PROCESS_SINE, c < 4 ? marks[c] : 1, 30, &p);
        draw(&p, 3, 0, 8, &e);
        for (int64_t s = 0; s < e.sequences; s++) {
            const double *time = e.time + e.first[s];
            const int32_t *mark = e.mark + e.first[s];
            const int64_t n = e.first[s + 1] - e.first[s];
            double want = 0;
            for (int64_t i = 1; i < n && mark[i] >= 0; i++) want += log(intensity(&p, mark[i], time[i], n, time, mark));
            for (int m = 0; m < p.marks && n > 0; m++) want -= integral(&p, m, time[0], time[n - 1], n, time, mark);
            assert_true(fabs(attn_process_log_likelihood(&p, n, time, mark) - want) <= 1e-11 * (1 + fabs(want)));
        }
        attn_events_free(test_ctx, &e);
    }
}

static void integrals_are_those_of_the_intensity(void **state) {
    enum { STEPS = 2000 };
    (void)state;
    for (int c = 0; c < 2; c++) {
        struct attn_process p;
        struct attn_process_past past = {.time = 0};
        double each[ATTN_PROCESS_MARKS];
        attn_process_make(c == 0 ? ATTN_PROCESS_HAWKES : ATTN_PROCESS_SINE, 3, 30, &p);
        attn_process_pass(&p, &past, 1.25);
        attn_process_happen(&past, 0);
        attn_process_pass(&p, &past, 1.5);
        attn_process_happen(&past, p.marks - 1);
        for (int m = 0; m < p.marks; m++) {
            struct attn_process_past at = past;
            double sum = 0;
            for (int k = 0; k <= STEPS; k++) { /* Simpson */
                attn_process_pass(&p, &at, 1.5 + 2.0 * k / STEPS);
                attn_process_intensity(&p, &at, each);
                sum += each[m] * (k == 0 || k == STEPS ? 1 : k % 2 == 1 ? 4 : 2);
            }
            assert_true(fabs(attn_process_integral(&p, &past, m, 3.5) - sum * 2 / (3 * STEPS)) < 1e-10);
        }
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov's distance from Exp(1), times the root of the count: above 1.95 in one of a thousand such samples. */
static double distance_from_exponential(double *x, int64_t n) {
    double most = 0;
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int64_t i = 0; i < n; i++) {
        const double f = -expm1(-x[i]);
        most = fmax(most, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    return most * sqrt((double)n);
}

/* Of one mark, over all sequences laid end to end: the intensity's integral between its events. */
static int64_t rescaled(const struct attn_process *p, const struct attn_events *e, int mark, double *out) {
    int64_t count = 0;
    double sum = 0;
    for (int64_t s = 0; s < e->sequences; s++) {
        struct attn_process_past past = {.time = 0};
        for (int64_t i = e->first[s]; i < e->first[s + 1]; i++) {
            sum += attn_process_integral(p, &past, mark, e->time[i]);
            attn_process_pass(p, &past, e->time[i]);
            if (e->mark[i] < 0) break;
            attn_process_happen(&past, e->mark[i]);
            if (e->mark[i] != mark) continue;
            out[count++] = sum;
            sum = 0;
        }
    }
    return count;
}

static void drawn_events_are_of_the_process(void **state) {
    (void)state;
    for (int c = 0; c < 3; c++) {
        struct attn_process p;
        struct attn_events e;
        attn_process_make(c < 2 ? ATTN_PROCESS_HAWKES : ATTN_PROCESS_SINE, c == 0 ? 5 : 1, 100, &p);
        draw(&p, 11, 0, 200, &e);
        double *x = malloc((size_t)e.events * sizeof *x);
        assert_non_null(x);
        for (int m = 0; m < p.marks; m++) {
            const int64_t n = rescaled(&p, &e, m, x);
            const double d = distance_from_exponential(x, n);
            assert_true(n > 1000);
            if (!(d < 1.95)) fail_msg("mark %d of %d: %lld events, distance %.2f", m, p.marks, (long long)n, d);
        }
        free(x);
        attn_events_free(test_ctx, &e);
    }
}

static void a_sequence_depends_on_its_seed_and_number_alone(void **state) {
    struct attn_process p;
    struct attn_events all, part, other;
    (void)state;
    attn_process_make(ATTN_PROCESS_HAWKES, 3, 40, &p);
    draw(&p, 5, 0, 6, &all);
    draw(&p, 5, 2, 2, &part);
    draw(&p, 6, 2, 2, &other);
    const int64_t n = all.first[4] - all.first[2];
    assert_int_equal(part.events, n);
    assert_memory_equal(part.time, all.time + all.first[2], (size_t)n * sizeof *part.time);
    assert_memory_equal(part.mark, all.mark + all.first[2], (size_t)n * sizeof *part.mark);
    assert_true(other.time[0] != part.time[0]);
    for (int64_t s = 0; s < all.sequences; s++) {
        assert_int_equal(all.mark[all.first[s + 1] - 1], ATTN_EVENTS_END);
        assert_true(all.time[all.first[s + 1] - 1] == 40);
    }
    attn_events_free(test_ctx, &all);
    attn_events_free(test_ctx, &part);
    attn_events_free(test_ctx, &other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hawkes_process_has_the_spectral_radius_that_is_said),
        cmocka_unit_test(likelihoods_by_recursion_are_those_by_sums_over_all_pairs),
        cmocka_unit_test(integrals_are_those_of_the_intensity),
        cmocka_unit_test(drawn_events_are_of_the_process),
        cmocka_unit_test(a_sequence_depends_on_its_seed_and_number_alone),
    };
    return cmocka_run_group_tests(tests, test_setting_open, test_setting_close);
}
