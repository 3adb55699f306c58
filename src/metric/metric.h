/* Metrics: functions on arrays, and the list of those that `attn metric` computes on files. A new one is a function here, with its manual,
 * and a line in list.c. All may be called by any number of threads. */
#ifndef ATTN_METRIC_METRIC_H
#define ATTN_METRIC_METRIC_H

#include "io/series.h"

/* The share of `count` predictions that equal their labels. A label below 0 is none, and its place is left out, as in the cross entropy of the
 * training engine; *counted is how many were not. ATTN_EINVAL: none was. */
attn_status attn_accuracy(attn_ctx *ctx, const int64_t *predictions, const int64_t *labels, size_t count, double *share, int64_t *counted);

/* The area under the receiver operating characteristic: the probability that a positive (label 1) scores higher than a negative (label 0), a
 * tie counted half (mid-ranks; Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC)
 * curve"). Sums are of integers, so that the result is the nearest double to the true fraction but for one division. O(n log n).
 * ATTN_EINVAL with the place: a score that is NaN, a label that is neither 0 nor 1; no positive or no negative; above 2^31 - 1 scores.
 * ATTN_ENOMEM: 16 bytes a score. */
attn_status attn_auc(attn_ctx *ctx, const double *scores, const int64_t *labels, size_t count, double *area);

/* Errors of predictions, summed: their mean square is squares / count, their mean absolute value absolutes / count; NaN of none. */
struct attn_error_sum {
    double squares, absolutes;
    int64_t count;
};
void attn_error_add(struct attn_error_sum *sum, double predicted, double truth);
double attn_error_mse(const struct attn_error_sum *sum);
double attn_error_mae(const struct attn_error_sum *sum);

/* Negative log-likelihoods in nats, summed over so many tokens: perplexity is exp(nll / tokens). */
struct attn_likelihood {
    double nll, tokens;
    double lost; /* what rounding took from nll (Neumaier's sum) */
};
void attn_likelihood_add(struct attn_likelihood *sum, double nll, double tokens);
double attn_perplexity(const struct attn_likelihood *sum); /* NaN: no tokens */

/* Adds `count` likelihoods to bins: nll[i] over tokens[i] tokens (NULL: 1 each) to sums[bins[i]] (NULL: all to sums[0]). Sums are the caller's,
 * zeros at first; bins must be numbers of theirs. ATTN_EINVAL with the place: nll NaN, tokens negative or not finite. */
attn_status attn_perplexity_bins(attn_ctx *ctx, const double *nll, const double *tokens, const int64_t *bins, size_t count,
                                 struct attn_likelihood *sums);

/* ------------------------------------------------------------------------------------------------------ the list */

enum { ATTN_METRIC_INPUTS = 4 };

/* A column that a metric takes, as the option --NAME. */
struct attn_metric_input {
    const char *name; /* NULL: no more */
    enum attn_series_kind kind;
    bool optional;
    const char *help;
};

/* What a metric found: one value or several, each of a named part. */
struct attn_metric_value {
    char of[64]; /* "all", a bin's name */
    double value;
    double count; /* of what it is a mean over */
};
struct attn_metric_values {
    struct attn_metric_value *item;
    size_t count, room;
};
/* Where a number of an input stands: as attn_series_place says, or, series NULL, "score 3". */
const char *attn_metric_place(const struct attn_series *series, const char *what, size_t i, char text[ATTN_SERIES_PLACE]);
attn_status attn_metric_add(attn_ctx *ctx, struct attn_metric_values *values, const char *of, size_t length, double value, double count);

struct attn_metric {
    const char *name, *summary, *example;
    struct attn_metric_input input[ATTN_METRIC_INPUTS];
    attn_status (*run)(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out); /* series as in input */
};
extern const struct attn_metric attn_metrics[];
extern const int attn_metric_count;

attn_status attn_accuracy_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out);
attn_status attn_auc_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out);
attn_status attn_mse_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out);
attn_status attn_mae_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out);
attn_status attn_perplexity_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out);

#endif
