/* Series as the classifier takes them: standardised by channel, level, zeros behind their ends.
 *
 * What a file holds is changed in this order (the paper's code base, Wu et al. 2023, and its repairs): where the dimensions of a case differ in length, those longer than
 * 256 keep every second value; missing values are interpolated linearly, at the ends by the nearest; each channel has its mean and deviation over all steps of the
 * training part taken off; optionally each case once more by its own. */
#ifndef ATTN_SYSTEM_AAREN_CLASSIFY_SET_H
#define ATTN_SYSTEM_AAREN_CLASSIFY_SET_H

#include "attn_train.h"
#include "io/ts.h"

/* What all series of a model have in common. */
struct attn_aaren_classify_scale {
    int64_t channels;
    double *mean, *deviation; /* [channels]; deviation 1 where a channel never changes */
    bool halve;               /* every second value of long dimensions, as above */
    bool per_case;
};

struct attn_aaren_classify_set {
    int64_t cases, length, channels;
    attn_real *x;   /* [cases, length, channels] */
    int32_t *steps; /* [cases]: of each, 1 to length */
    int32_t *label; /* [cases]; -1: not known */
};

/* Steps of the longest case, as they are left by `halve`. */
int64_t attn_aaren_classify_longest(const struct attn_ts *ts, bool halve);

/* Channel d of a case: its values in value[0 .. steps), missing ones interpolated, and the steps of the case. value has room for attn_aaren_classify_longest; a channel
 * without any value is zeros, and *known false. */
int64_t attn_aaren_classify_channel(const struct attn_ts *ts, int64_t index, int64_t d, bool halve, double *value, bool *known);

/* Means and deviations (of the population) over the cases index[0 .. count) of a file; index NULL: all. Room is made for them. */
attn_status attn_aaren_classify_scale_open(attn_ctx *ctx, const struct attn_ts *ts, const int64_t *index, int64_t count, bool halve,
                                           bool per_case, struct attn_aaren_classify_scale *out);
void attn_aaren_classify_scale_close(attn_ctx *ctx, struct attn_aaren_classify_scale *scale);

/* The cases index[0 .. count) (NULL: all), of at most `length` steps, with labels of the file's own numbers. Closed also after a failure. */
attn_status attn_aaren_classify_set_open(attn_ctx *ctx, const struct attn_ts *ts, const int64_t *index, int64_t count,
                                         const struct attn_aaren_classify_scale *scale, int64_t length,
                                         struct attn_aaren_classify_set *out);
void attn_aaren_classify_set_close(attn_ctx *ctx, struct attn_aaren_classify_set *set);

#endif
