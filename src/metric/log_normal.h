/* Mixtures of log-normal distributions of a time x > 0, as functions of y = log x: with weights w, means m and deviations s of log x,
 *
 *   density   f(x) = sum over j of w[j] / (x s[j]) phi(z[j]),   z[j] = (y - m[j]) / s[j],   phi, Phi: of the normal distribution
 *   survival  S(x) = sum over j of w[j] (1 - Phi(z[j])),        F(x) = 1 - S(x)
 *
 * Everything is computed as logarithms: neither tail is lost, however far out x lies. */
#ifndef ATTN_METRIC_LOG_NORMAL_H
#define ATTN_METRIC_LOG_NORMAL_H

enum { ATTN_LOG_NORMALS = 64 };

struct attn_log_normals {
    int count; /* of components, from 1 to ATTN_LOG_NORMALS */
    double log_weight[ATTN_LOG_NORMALS], mean[ATTN_LOG_NORMALS], deviation[ATTN_LOG_NORMALS]; /* deviations are above 0 */
};

/* log(1 - Phi(z)) and phi(z) / (1 - Phi(z)), to some roundings for every z, infinite ones included. */
double attn_normal_log_survival(double z);
double attn_normal_hazard(double z);

/* log of the sum of e^x over `count` numbers; -inf where all are. */
double attn_log_sum(const double *x, int count);

double attn_log_normals_density(const struct attn_log_normals *mixture, double y);  /* log f(e^y) */
double attn_log_normals_survival(const struct attn_log_normals *mixture, double y); /* log S(e^y) */
double attn_log_normals_below(const struct attn_log_normals *mixture, double y);    /* log F(e^y) */

/* log of the mean of x among those above e^y (y -inf: of all): log of the sum over j of w[j] e^(m[j] + s[j]^2 / 2) (1 - Phi(z[j] - s[j])), over S(e^y). */
double attn_log_normals_mean(const struct attn_log_normals *mixture, double y);

/* The y with log S(e^y) = log_survival, below 0, to 1e-12 of the deviations' size; S between e^-800 and 1 - e^-800. log1p(-0.5): the median. */
double attn_log_normals_at(const struct attn_log_normals *mixture, double log_survival);

#endif
