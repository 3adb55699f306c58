/* The list of metrics: one line each. */
#include "metric/metric.h"

#include <stdio.h>

const struct attn_metric attn_metrics[] = {
    {"accuracy",
     "the share of predictions that equal their labels; labels below 0 are left out",
     "attn metric accuracy --predictions answers.csv:predicted --labels answers.csv:label",
     {{"predictions", ATTN_SERIES_INTEGER, false, "what was predicted, whole numbers"},
      {"labels", ATTN_SERIES_INTEGER, false, "what is right; below 0: no label"}},
     attn_accuracy_run},
    {"auc",
     "the area under the ROC curve: how often a positive scores higher than a negative, ties counted half",
     "attn metric auc --scores scores.npy --labels labels.npy",
     {{"scores", ATTN_SERIES_REAL, false, "the higher, the more likely positive"},
      {"labels", ATTN_SERIES_INTEGER, false, "1 positive, 0 negative"}},
     attn_auc_run},
    {"mse",
     "the mean of the squared errors of predictions",
     "attn metric mse --predictions forecast.csv:OT --truth measured.csv:OT",
     {{"predictions", ATTN_SERIES_REAL, false, "what was predicted"}, {"truth", ATTN_SERIES_REAL, false, "what it should have been"}},
     attn_mse_run},
    {"mae",
     "the mean of the absolute errors of predictions",
     "attn metric mae --predictions forecast.csv:OT --truth measured.csv:OT",
     {{"predictions", ATTN_SERIES_REAL, false, "what was predicted"}, {"truth", ATTN_SERIES_REAL, false, "what it should have been"}},
     attn_mae_run},
    {"perplexity",
     "exp of the mean negative log-likelihood (nats) of a token, of all and of each bin",
     "attn metric perplexity --nll loss.tsv:nll --tokens loss.tsv:tokens --bins loss.tsv:slice",
     {{"nll", ATTN_SERIES_REAL, false, "negative log-likelihoods, each summed over its tokens"},
      {"tokens", ATTN_SERIES_REAL, true, "over how many tokens each is summed (default 1)"},
      {"bins", ATTN_SERIES_NAME, true, "the bin of each, any text"}},
     attn_perplexity_run},
};
const int attn_metric_count = sizeof attn_metrics / sizeof attn_metrics[0];

const char *attn_metric_place(const struct attn_series *series, const char *what, size_t i, char text[ATTN_SERIES_PLACE]) {
    if (series) return attn_series_place(series, i, text);
    snprintf(text, ATTN_SERIES_PLACE, "%s %zu", what, i);
    return text;
}

attn_status attn_metric_add(attn_ctx *ctx, struct attn_metric_values *values, const char *of, size_t length, double value, double count) {
    const attn_status status = attn_grow(ctx, "values", (void **)&values->item, &values->room, values->count + 1, sizeof *values->item);
    if (status != ATTN_OK) return status;
    struct attn_metric_value *item = &values->item[values->count++];
    item->value = value;
    item->count = count;
    snprintf(item->of, sizeof item->of, "%.*s", (int)(length < sizeof item->of ? length : sizeof item->of - 1), of);
    return ATTN_OK;
}
