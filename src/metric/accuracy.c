#include "metric/metric.h"

attn_status attn_accuracy(attn_ctx *ctx, const int64_t *predictions, const int64_t *labels, size_t count, double *share, int64_t *counted) {
    int64_t right = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += labels[i] >= 0;
        right += labels[i] >= 0 && predictions[i] == labels[i];
    }
    if (all == 0) return attn_fail(ctx, ATTN_EINVAL, "accuracy: found no label from 0 on among %zu, expected one", count);
    *share = (double)right / (double)all;
    *counted = all;
    return ATTN_OK;
}

attn_status attn_accuracy_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out) {
    double share = 0;
    int64_t counted = 0;
    const attn_status status = attn_accuracy(ctx, set->series[0].integer, set->series[1].integer, set->count, &share, &counted);
    return status == ATTN_OK ? attn_metric_add(ctx, out, "all", 3, share, (double)counted) : status;
}
