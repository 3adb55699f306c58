/* The specification of the search: every score as a sum in double, each inserted where it belongs among the best so far. */
#include "base/parallel.h"
#include "kernel/search/search.h"

#include <math.h>

static double dot(const float *a, const float *b, int32_t dim) {
    double sum = 0;
    for (int32_t c = 0; c < dim; c++) sum += (double)a[c] * (double)b[c];
    return sum;
}

/* Puts (score, j) among the `count` best; j is greater than every index there, so it stands behind its equals. */
static int32_t insert(float score, int64_t j, int64_t *index, float *scores, int32_t count, int32_t top) {
    int32_t at = count < top ? count : top - 1;
    if (isnan(score) || (count == top && score <= scores[top - 1])) return count;
    for (; at > 0 && scores[at - 1] < score; at--) {
        scores[at] = scores[at - 1];
        index[at] = index[at - 1];
    }
    scores[at] = score;
    index[at] = j;
    return count < top ? count + 1 : top;
}

static void search_one(void *arg, int64_t i, int worker) {
    const attn_search *s = arg;
    const int64_t begin = s->begins ? s->begins[i] : 0, end = s->ends ? s->ends[i] : s->keys;
    int64_t *index = s->index + i * s->top;
    float *scores = (float *)s->workspace + (int64_t)worker * s->top;
    int32_t count = 0;
    for (int64_t j = begin; j < end; j++) {
        const float score = (float)dot(s->q + i * s->q_stride, s->k + j * s->k_stride, s->dim);
        count = insert(score + 0.0f, j, index, scores, count, s->top);
    }
    for (; count < s->top; count++) {
        index[count] = -1;
        scores[count] = -INFINITY;
    }
    if (s->score) memcpy(s->score + i * s->top, scores, (size_t)s->top * sizeof *scores);
}

void attn_search_naive(attn_ctx *ctx, const attn_search *search, int workers) {
    attn_parallel(ctx, search->queries, workers, search_one, (void *)(uintptr_t)search);
}
