/* Block-sparse masks: a grid of blocks of any sizes, those that are kept, and the choice of the k best of each row of blocks. */
#include "mask/mask.h"

#include <math.h>
#include <string.h>

static attn_status check_cuts(attn_ctx *ctx, const char *axis, const int64_t *cuts, int64_t blocks) {
    if (blocks < 0 || !cuts)
        return attn_fail(ctx, ATTN_EINVAL, "mask: %s cuts %s for %lld blocks", axis, cuts ? "given" : "NULL", (long long)blocks);
    if (cuts[0] != 0) return attn_fail(ctx, ATTN_EMASK, "mask: the first %s cut is %lld; it must be 0", axis, (long long)cuts[0]);
    for (int64_t i = 0; i < blocks; i++)
        if (cuts[i + 1] <= cuts[i] || cuts[i + 1] > ATTN_MASK_LEN)
            return attn_fail(ctx, ATTN_EMASK, "mask: %s cut %lld is %lld after %lld; cuts must rise, to 2^60 at most", axis,
                             (long long)(i + 1), (long long)cuts[i + 1], (long long)cuts[i]);
    return ATTN_OK;
}

static attn_status check_grid(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                              size_t *cells) {
    attn_status status = check_cuts(ctx, "query", q_cuts, q_blocks);
    if (status == ATTN_OK) status = check_cuts(ctx, "key", k_cuts, k_blocks);
    if (status == ATTN_OK && (!attn_mul_size((size_t)q_blocks, (size_t)k_blocks, cells) || *cells > (size_t)1 << 40))
        status = attn_fail(ctx, ATTN_EINVAL, "mask: %lld x %lld blocks are too many", (long long)q_blocks, (long long)k_blocks);
    return status;
}

/* Runs of kept blocks as slices; slices NULL: only counts. */
static int64_t runs(const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks, const uint8_t *keep,
                    attn_slice *slices) {
    int64_t count = 0;
    for (int64_t a = 0; a < q_blocks; a++)
        for (int64_t b = 0, end; b < k_blocks; b = end) {
            const uint8_t *row = keep + a * k_blocks;
            for (end = b; end < k_blocks && row[end];) end++;
            if (end > b && slices) slices[count] = (attn_slice){q_cuts[a], q_cuts[a + 1], k_cuts[b], k_cuts[end], -ATTN_FAR, ATTN_FAR};
            count += end > b;
            end += end == b;
        }
    return count;
}

attn_status attn_mask_blocks(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                             const uint8_t *keep, attn_mask **out) {
    size_t cells;
    if (!ctx) return ATTN_EINVAL;
    attn_status status = check_grid(ctx, q_cuts, q_blocks, k_cuts, k_blocks, &cells);
    if (status == ATTN_OK && (!out || (!keep && cells > 0))) status = attn_fail(ctx, ATTN_EINVAL, "mask: %s is NULL", out ? "keep" : "out");
    if (status != ATTN_OK) return status;
    size_t bytes = (size_t)runs(q_cuts, q_blocks, k_cuts, k_blocks, keep, NULL) * sizeof(attn_slice);
    attn_slice *slices = attn_alloc(ctx, bytes);
    if (!slices) return attn_no_memory(ctx, "the blocks of a mask", bytes);
    int64_t count = runs(q_cuts, q_blocks, k_cuts, k_blocks, keep, slices);
    status = attn_mask_make_slices(ctx, q_cuts[q_blocks], k_cuts[k_blocks], slices, count, false, NULL, out);
    attn_free(ctx, slices);
    return status;
}

/* a is chosen before b: greater score, then lower index; NaN comes last. */
static bool chosen_before(const float *row, int64_t a, int64_t b) {
    float x = isnan(row[a]) ? -INFINITY : row[a], y = isnan(row[b]) ? -INFINITY : row[b];
    return x != y ? x > y : a < b;
}

/* Restores the heap whose root is the last one chosen. */
static void sift(const float *row, int64_t *heap, int64_t root, int64_t count) {
    int64_t moved = heap[root];
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && chosen_before(row, heap[child], heap[child + 1])) child++;
        if (!chosen_before(row, moved, heap[child])) break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

void attn_mask_keep_best(const float *row, int64_t n, int64_t k, int64_t *heap, uint8_t *keep) {
    for (int64_t i = 0; i < k; i++) heap[i] = i;
    for (int64_t i = k / 2; i-- > 0;) sift(row, heap, i, k);
    for (int64_t i = k; k > 0 && i < n; i++)
        if (chosen_before(row, i, heap[0])) {
            heap[0] = i;
            sift(row, heap, 0, k);
        }
    for (int64_t i = 0; i < k; i++) keep[heap[i]] = 1;
}

attn_status attn_mask_top_blocks(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                 const float *scores, int64_t k, attn_mask **out) {
    size_t cells;
    if (!ctx) return ATTN_EINVAL;
    attn_status status = check_grid(ctx, q_cuts, q_blocks, k_cuts, k_blocks, &cells);
    if (status == ATTN_OK && !scores && cells > 0) status = attn_fail(ctx, ATTN_EINVAL, "mask: scores is NULL");
    if (status == ATTN_OK && k < 0)
        status = attn_fail(ctx, ATTN_EINVAL, "mask: %lld blocks of each row; it must be 0 or more", (long long)k);
    if (status != ATTN_OK) return status;
    k = attn_min64(k, k_blocks);
    size_t bytes = attn_round64(cells) + (size_t)k * sizeof(int64_t);
    uint8_t *keep = attn_alloc(ctx, bytes);
    if (!keep) return attn_no_memory(ctx, "the blocks of a mask", bytes);
    memset(keep, 0, cells);
    for (int64_t a = 0; a < q_blocks; a++)
        attn_mask_keep_best(scores + a * k_blocks, k_blocks, k, (int64_t *)(void *)(keep + attn_round64(cells)), keep + a * k_blocks);
    status = attn_mask_blocks(ctx, q_cuts, q_blocks, k_cuts, k_blocks, keep, out);
    attn_free(ctx, keep);
    return status;
}

/* mean[block * dim + c] over the block's tokens, in double. */
static void pool(const float *x, int64_t stride, int32_t dim, const int64_t *cuts, int64_t blocks, double *mean) {
    memset(mean, 0, (size_t)blocks * (size_t)dim * sizeof *mean);
    for (int64_t b = 0; b < blocks; b++) {
        double *m = mean + b * dim, weight = 1.0 / (double)(cuts[b + 1] - cuts[b]);
        for (int64_t t = cuts[b]; t < cuts[b + 1]; t++)
            for (int32_t c = 0; c < dim; c++) m[c] += (double)x[t * stride + c] * weight;
    }
}

attn_status attn_mask_pool_scores(attn_ctx *ctx, const float *q, int64_t q_stride, const float *k, int64_t k_stride, int32_t dim,
                                  const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks, float *scores) {
    size_t cells, q_size, k_size, bytes = SIZE_MAX;
    if (!ctx) return ATTN_EINVAL;
    attn_status status = check_grid(ctx, q_cuts, q_blocks, k_cuts, k_blocks, &cells);
    if (status == ATTN_OK && (!q || !k || !scores || dim < 1))
        status = attn_fail(ctx, ATTN_EINVAL, "mask: q, k and scores must be given and dim (%d) be at least 1", (int)dim);
    if (status != ATTN_OK) return status;
    bool fits = attn_mul_size((size_t)q_blocks, (size_t)dim * sizeof(double), &q_size) &&
                attn_mul_size((size_t)k_blocks, (size_t)dim * sizeof(double), &k_size) && attn_add_size(q_size, k_size, &bytes);
    double *q_mean = fits ? attn_alloc(ctx, bytes) : NULL;
    if (!q_mean) return attn_no_memory(ctx, "pooled blocks", bytes);
    double *k_mean = q_mean + q_blocks * dim;
    pool(q, q_stride, dim, q_cuts, q_blocks, q_mean);
    pool(k, k_stride, dim, k_cuts, k_blocks, k_mean);
    for (int64_t a = 0; a < q_blocks; a++)
        for (int64_t b = 0; b < k_blocks; b++) {
            double sum = 0.0;
            for (int32_t c = 0; c < dim; c++) sum += q_mean[a * dim + c] * k_mean[b * dim + c];
            scores[a * k_blocks + b] = (float)sum;
        }
    attn_free(ctx, q_mean);
    return ATTN_OK;
}
