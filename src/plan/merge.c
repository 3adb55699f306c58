/* Merging of partial results over disjoint keys, row by row. */
#include "base/context.h"
#include "kernel/merge.h"

static attn_status check(attn_ctx *ctx, int64_t rows, int32_t v_dim, const float *o, int64_t o_stride, const float *lse,
                         const float *part_o, int64_t part_stride, const float *part_lse) {
    if (rows < 0 || v_dim < 1)
        return attn_fail(ctx, ATTN_EINVAL, "merge: rows is %lld and v_dim %d, expected at least 0 and 1", (long long)rows, v_dim);
    if (rows > 0 && (!o || !lse || !part_o || !part_lse))
        return attn_fail(ctx, ATTN_EINVAL, "merge: %s is NULL, expected an array",
                         !o        ? "o"
                         : !lse    ? "lse"
                         : !part_o ? "part_o"
                                   : "part_lse");
    if (rows > 1 && (o_stride < v_dim || part_stride < v_dim))
        return attn_fail(ctx, ATTN_EINVAL, "merge: %s is %lld, expected at least v_dim, %d", o_stride < v_dim ? "o_stride" : "part_stride",
                         (long long)(o_stride < v_dim ? o_stride : part_stride), v_dim);
    return ATTN_OK;
}

attn_status attn_merge(attn_ctx *ctx, int64_t rows, int32_t v_dim, float *o, int64_t o_stride, float *lse, const float *part_o,
                       int64_t part_stride, const float *part_lse) {
    const attn_status status = check(ctx, rows, v_dim, o, o_stride, lse, part_o, part_stride, part_lse);
    for (int64_t r = 0; !status && r < rows; r++) {
        double old, new;
        lse[r] = (float)attn_merge_weights((double)lse[r], (double)part_lse[r], &old, &new);
        float *to = o + r * o_stride;
        const float *from = part_o + r * part_stride;
        for (int32_t c = 0; c < v_dim; c++) to[c] = (old != 0 ? (float)old * to[c] : 0.0f) + (new != 0 ? (float)new *from[c] : 0.0f);
    }
    return status;
}
