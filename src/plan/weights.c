/* Exact rows of attention weights on demand, recomputed from q, k and the log-sum-exp: never a T x S object. */
#include "kernel/naive/naive.h"
#include "plan/plan.h"

static attn_status check_rows(const attn_plan *plan, const struct attn_exec *x, int64_t sequence, int32_t head, int64_t q0, int64_t rows,
                              const void *weights) {
    attn_ctx *ctx = plan->ctx;
    if (plan->shape.kv_dtype != plan->shape.dtype || plan->shape.block_tokens)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "weights: the plan has %s; expected keys stored in problem.dtype, side by side",
                         plan->shape.block_tokens ? "block_tokens" : "a kv_dtype of its own");
    if (sequence < 0 || sequence >= x->batch)
        return attn_fail(ctx, ATTN_ESHAPE, "weights: sequence is %lld, expected 0 to %lld", (long long)sequence, (long long)x->batch - 1);
    if (head < 0 || head >= plan->shape.heads)
        return attn_fail(ctx, ATTN_ESHAPE, "weights: head is %d, expected 0 to %d", head, plan->shape.heads - 1);
    const int64_t length = attn_exec_seq(x, sequence).q_len;
    if (q0 < 0 || rows < 0 || q0 > length || rows > length - q0)
        return attn_fail(ctx, ATTN_ESHAPE, "weights: %lld rows from %lld on of a sequence of %lld queries", (long long)rows, (long long)q0,
                         (long long)length);
    if (!weights && rows > 0) return attn_fail(ctx, ATTN_EINVAL, "weights: weights is NULL, expected room for rows times keys");
    return ATTN_OK;
}

attn_status attn_weights(const attn_plan *plan, const attn_args *args, int64_t sequence, int32_t head, int64_t q0, int64_t rows,
                         void *weights) {
    if (!plan) return ATTN_EINVAL;
    struct attn_exec x;
    attn_status status = attn_bind(plan, args, NULL, ATTN_PASS_WEIGHTS, &x);
    if (!status) status = check_rows(plan, &x, sequence, head, q0, rows, weights);
    if (status) return status;
    if (plan->shape.score == ATTN_SCORE_ADDITIVE) {
        if (plan->shape.dtype == ATTN_F64)
            attn_naive_additive_weights_f64(&x, sequence, head, q0, rows, weights);
        else
            attn_naive_additive_weights_f32(&x, sequence, head, q0, rows, weights);
        return ATTN_OK;
    }
    switch (plan->shape.dtype) {
    case ATTN_F64:
        attn_naive_weights_f64(&x, sequence, head, q0, rows, weights);
        break;
    case ATTN_BF16:
        attn_naive_weights_bf16(&x, sequence, head, q0, rows, weights);
        break;
    case ATTN_F16:
        attn_naive_weights_f16(&x, sequence, head, q0, rows, weights);
        break;
    default:
        attn_naive_weights_f32(&x, sequence, head, q0, rows, weights);
        break;
    }
    return ATTN_OK;
}
