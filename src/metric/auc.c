/* By ranks (Mann and Whitney): U = sum of the positives' ranks - P (P + 1) / 2, the area U / (P N). Twice the mid-rank of the scores number a
 * to b of a run of equal ones is a + b, a whole number, so twice U is one too. */
#include "metric/metric.h"

#include <math.h>
#include <stdlib.h>

struct scored {
    double score;
    int64_t label;
};

static int by_score(const void *a, const void *b) {
    const struct scored *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

/* set NULL: arrays alone are known. */
static attn_status check(attn_ctx *ctx, const struct attn_series_set *set, const double *scores, const int64_t *labels, size_t count,
                         uint64_t *positives) {
    char place[ATTN_SERIES_PLACE];
    if (count > INT32_MAX) return attn_fail(ctx, ATTN_EINVAL, "auc: found %zu scores, expected at most %d", count, INT32_MAX);
    *positives = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(scores[i]))
            return attn_fail(ctx, ATTN_EINVAL, "auc: %s: found NaN, expected a score",
                             attn_metric_place(set ? &set->series[0] : NULL, "score", i, place));
        if (labels[i] != 0 && labels[i] != 1)
            return attn_fail(ctx, ATTN_EINVAL, "auc: %s: found %lld, expected 0 or 1, a label",
                             attn_metric_place(set ? &set->series[1] : NULL, "label", i, place), (long long)labels[i]);
        *positives += labels[i] == 1;
    }
    if (*positives == 0 || *positives == count)
        return attn_fail(ctx, ATTN_EINVAL, "auc: found no %s among %zu labels, expected both", *positives == 0 ? "positive" : "negative",
                         count);
    return ATTN_OK;
}

static attn_status area_under(attn_ctx *ctx, const struct attn_series_set *set, const double *scores, const int64_t *labels, size_t count,
                              double *area) {
    uint64_t positives = 0, twice = 0; /* twice the sum of the positives' ranks: below count (count + 1) < 2^63 */
    const attn_status status = check(ctx, set, scores, labels, count, &positives);
    if (status != ATTN_OK) return status;
    struct scored *sorted = attn_alloc(ctx, count * sizeof *sorted);
    if (sorted == NULL) return attn_no_memory(ctx, "auc", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) sorted[i] = (struct scored){scores[i], labels[i]};
    qsort(sorted, count, sizeof *sorted, by_score);
    for (size_t begin = 0, end; begin < count; begin = end) {
        uint64_t among = 0;
        for (end = begin; end < count && sorted[end].score == sorted[begin].score; end++) among += sorted[end].label == 1;
        twice += among * (begin + 1 + end);
    }
    attn_free(ctx, sorted);
    const uint64_t negatives = count - positives;
    *area = (double)(twice - positives * (positives + 1)) / (2.0 * (double)positives * (double)negatives);
    return ATTN_OK;
}

attn_status attn_auc(attn_ctx *ctx, const double *scores, const int64_t *labels, size_t count, double *area) {
    return area_under(ctx, NULL, scores, labels, count, area);
}

attn_status attn_auc_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out) {
    double area = 0;
    const attn_status status = area_under(ctx, set, set->series[0].real, set->series[1].integer, set->count, &area);
    return status == ATTN_OK ? attn_metric_add(ctx, out, "all", 3, area, (double)set->count) : status;
}
