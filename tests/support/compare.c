/* Comparison of results; see the header. Failures are printed to stderr, once for each array. */
#include "support/compare.h"

#include <math.h>
#include <stdio.h>

static bool same_special(double a, double b) {
    return (isnan(a) && isnan(b)) || a == b;
}

bool test_near(double got, double want, double rtol, double atol) {
    if (!isfinite(got) || !isfinite(want)) return same_special(got, want);
    return fabs(got - want) <= atol + rtol * fabs(want);
}

bool test_all_near(const char *name, int64_t n, const double *got, const double *want, double rtol, double atol) {
    for (int64_t i = 0; i < n; i++)
        if (!test_near(got[i], want[i], rtol, atol)) {
            fprintf(stderr, "%s[%lld of %lld] is %.17g, expected %.17g (rtol %g, atol %g)\n", name, (long long)i, (long long)n, got[i],
                    want[i], rtol, atol);
            return false;
        }
    return true;
}

double test_max_error(int64_t n, const double *got, const double *want) {
    double worst = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i])) {
            if (!same_special(got[i], want[i])) return (double)INFINITY;
            continue;
        }
        worst = fmax(worst, fabs(got[i] - want[i]));
    }
    return worst;
}

double test_max_abs(int64_t n, const double *x) {
    double worst = 0.0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) worst = fmax(worst, fabs(x[i]));
    return worst;
}

bool test_error_bounded(const char *name, int64_t n, const double *got, const double *want, const double *plain, double scale) {
    const double error = test_max_error(n, got, want), yardstick = test_max_error(n, plain, want);
    const double bound = 2.0 * yardstick + 1e-6 * scale;
    if (isfinite(error) && isfinite(yardstick) && error <= bound) return true;
    fprintf(stderr, "%s: error %g, bound %g = 2 x %g (plain single precision) + 1e-6 x %g\n", name, error, bound, yardstick, scale);
    return false;
}
