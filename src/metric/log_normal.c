#include "metric/log_normal.h"

#include <assert.h>
#include <math.h>

static const double half_log_two_pi = 0.91893853320467274178, root_half = 0.70710678118654752440;
/* Where the series of Mills' ratio is exact to roundings, and erfc still is: it ends near 38. */
static const double far_out = 30;

/* z (1 - Phi(z)) / phi(z) = 1 - 1 / z^2 + 3 / z^4 - 15 / z^6 + ... */
static double mills(double z) {
    const double u = 1 / (z * z);
    return 1 - u * (1 - u * (3 - u * (15 - u * (105 - u * 945))));
}

double attn_normal_log_survival(double z) {
    if (z < 0) return log1p(-0.5 * erfc(-z * root_half));
    if (z < far_out) return log(0.5 * erfc(z * root_half));
    if (isinf(z)) return -z;
    return -0.5 * z * z - half_log_two_pi - log(z) + log(mills(z));
}

double attn_normal_hazard(double z) {
    if (z >= far_out) return z / mills(z);
    return exp(-0.5 * z * z - half_log_two_pi - attn_normal_log_survival(z));
}

double attn_log_sum(const double *x, int count) {
    double most = -HUGE_VAL, sum = 0;
    for (int i = 0; i < count; i++) most = fmax(most, x[i]);
    if (isinf(most)) return most;
    for (int i = 0; i < count; i++) sum += exp(x[i] - most);
    return most + log(sum);
}

double attn_log_normals_density(const struct attn_log_normals *m, double y) {
    double term[ATTN_LOG_NORMALS];
    assert(m->count >= 1 && m->count <= ATTN_LOG_NORMALS);
    for (int j = 0; j < m->count; j++) {
        const double z = (y - m->mean[j]) / m->deviation[j];
        term[j] = m->log_weight[j] - log(m->deviation[j]) - 0.5 * z * z;
    }
    return attn_log_sum(term, m->count) - half_log_two_pi - y;
}

/* The sum of weights times probabilities of one side; side 1: above y, -1: below. */
static double log_side(const struct attn_log_normals *m, double y, double side) {
    double term[ATTN_LOG_NORMALS];
    assert(m->count >= 1 && m->count <= ATTN_LOG_NORMALS);
    for (int j = 0; j < m->count; j++) term[j] = m->log_weight[j] + attn_normal_log_survival(side * (y - m->mean[j]) / m->deviation[j]);
    return attn_log_sum(term, m->count);
}

/* A side that is nearly all is computed from the other: weights add up to 1 only within roundings, which would be all that is left of log 1. */
static double log_share(const struct attn_log_normals *m, double y, double side) {
    const double own = log_side(m, y, side);
    return own < -0.69 ? own : log1p(-exp(log_side(m, y, -side)));
}

double attn_log_normals_survival(const struct attn_log_normals *m, double y) {
    return log_share(m, y, 1);
}

double attn_log_normals_below(const struct attn_log_normals *m, double y) {
    return log_share(m, y, -1);
}

double attn_log_normals_mean(const struct attn_log_normals *m, double y) {
    double term[ATTN_LOG_NORMALS];
    assert(m->count >= 1 && m->count <= ATTN_LOG_NORMALS);
    for (int j = 0; j < m->count; j++) {
        const double s = m->deviation[j];
        term[j] = m->log_weight[j] + m->mean[j] + 0.5 * s * s + attn_normal_log_survival((y - m->mean[j]) / s - s);
    }
    return attn_log_sum(term, m->count) - attn_log_normals_survival(m, y);
}

double attn_log_normals_at(const struct attn_log_normals *m, double log_survival) {
    double low = HUGE_VAL, high = -HUGE_VAL, width = 0;
    for (int j = 0; j < m->count; j++) { /* a mixture's lies between its components', and those within 40 deviations */
        low = fmin(low, m->mean[j] - 40 * m->deviation[j]);
        high = fmax(high, m->mean[j] + 40 * m->deviation[j]);
        width = fmax(width, m->deviation[j]);
    }
    while (high - low > 1e-12 * width) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break; /* no double lies between */
        if (attn_log_normals_survival(m, middle) > log_survival)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}
