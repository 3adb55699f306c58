#include "metric/metric.h"

#include <math.h>
#include <string.h>

void attn_likelihood_add(struct attn_likelihood *sum, double nll, double tokens) {
    const double next = sum->nll + nll;
    if (isfinite(next)) sum->lost += fabs(sum->nll) >= fabs(nll) ? (sum->nll - next) + nll : (nll - next) + sum->nll;
    sum->nll = next;
    sum->tokens += tokens;
}

double attn_perplexity(const struct attn_likelihood *sum) {
    return sum->tokens > 0 ? exp((sum->nll + sum->lost) / sum->tokens) : (double)NAN;
}

/* set NULL: arrays alone are known. */
static attn_status add_all(attn_ctx *ctx, const struct attn_series_set *set, const double *nll, const double *tokens, const int64_t *bins,
                           size_t count, struct attn_likelihood *sums) {
    char place[ATTN_SERIES_PLACE];
    for (size_t i = 0; i < count; i++) {
        const double n = tokens == NULL ? 1 : tokens[i];
        if (isnan(nll[i]))
            return attn_fail(ctx, ATTN_EINVAL, "perplexity: %s: found NaN, expected a likelihood",
                             attn_metric_place(set ? &set->series[0] : NULL, "nll", i, place));
        if (!(n >= 0) || !isfinite(n))
            return attn_fail(ctx, ATTN_EINVAL, "perplexity: %s: found %g, expected a number of tokens from 0 on",
                             attn_metric_place(set ? &set->series[1] : NULL, "tokens", i, place), n);
        attn_likelihood_add(&sums[bins == NULL ? 0 : bins[i]], nll[i], n);
    }
    return ATTN_OK;
}

attn_status attn_perplexity_bins(attn_ctx *ctx, const double *nll, const double *tokens, const int64_t *bins, size_t count,
                                 struct attn_likelihood *sums) {
    return add_all(ctx, NULL, nll, tokens, bins, count, sums);
}

/* Bins in the order of their first appearance, then all. */
attn_status attn_perplexity_run(attn_ctx *ctx, const struct attn_series_set *set, struct attn_metric_values *out) {
    const struct attn_series *bins = &set->series[2];
    const int32_t count = bins->integer == NULL ? 0 : bins->names.count;
    struct attn_likelihood all = {0, 0, 0}, *sums = attn_alloc(ctx, ((size_t)count + 1) * sizeof *sums);
    if (sums == NULL) return attn_no_memory(ctx, "perplexity", ((size_t)count + 1) * sizeof *sums);
    memset(sums, 0, ((size_t)count + 1) * sizeof *sums);
    attn_status status = add_all(ctx, set, set->series[0].real, set->series[1].real, bins->integer, set->count, sums);
    for (int32_t i = 0; i < count && status == ATTN_OK; i++) {
        size_t length;
        const char *name = attn_vocabulary_get(&bins->names, i, &length);
        status = attn_metric_add(ctx, out, name, length, attn_perplexity(&sums[i]), sums[i].tokens);
    }
    attn_free(ctx, sums);
    if (status == ATTN_OK) status = add_all(ctx, set, set->series[0].real, set->series[1].real, NULL, set->count, &all);
    if (status == ATTN_OK && !(all.tokens > 0))
        status = attn_fail(ctx, ATTN_EINVAL, "perplexity: found no tokens among %zu likelihoods, expected some", set->count);
    return status == ATTN_OK ? attn_metric_add(ctx, out, "all", 3, attn_perplexity(&all), all.tokens) : status;
}
