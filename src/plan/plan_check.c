/* Every field of a problem is checked here, once: legal values, supported values, sizes that fit each other and memory's
 * addresses. The sentence names field, value and what was expected; for what is not built yet, the nearest case that is.
 */
#include "plan/plan.h"

#define _GNU_SOURCE /* M_LN2 */
#include <float.h>
#include <math.h>

static attn_status check_choices(attn_ctx *ctx, const attn_problem *p) {
    if (p->dtype < ATTN_F32 || p->dtype > ATTN_F16)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.dtype is %d, expected ATTN_F32, ATTN_F64, ATTN_BF16 or ATTN_F16", (int)p->dtype);
    if ((unsigned)p->layout > ATTN_THD)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.layout is %d, expected ATTN_BHTD, ATTN_BTHD or ATTN_THD", (int)p->layout);
    if ((unsigned)p->score > ATTN_SCORE_LEARNED_QUERY)
        return attn_fail(ctx, ATTN_EINVAL,
                         "plan: problem.score is %d, expected ATTN_SCORE_DOT, ATTN_SCORE_ADDITIVE or ATTN_SCORE_LEARNED_QUERY",
                         (int)p->score);
    if ((unsigned)p->weighting > ATTN_RAW)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.weighting is %d, expected ATTN_SOFTMAX", (int)p->weighting);
    if (p->weighting != ATTN_SOFTMAX)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.weighting %s has no kernel yet; the nearest that has is ATTN_SOFTMAX",
                         p->weighting == ATTN_SIGMOID ? "ATTN_SIGMOID" : "ATTN_RAW");
    if ((unsigned)p->alibi_align > ATTN_BOTTOM_RIGHT)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.alibi_align is %d, expected ATTN_TOP_LEFT or ATTN_BOTTOM_RIGHT",
                         (int)p->alibi_align);
    if ((unsigned)p->effort > ATTN_WISDOM)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.effort is %d, expected ATTN_ESTIMATE, ATTN_MEASURE or ATTN_WISDOM",
                         (int)p->effort);
    if (!(p->measure_seconds > 0))
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.measure_seconds is %g, expected seconds greater than 0", p->measure_seconds);
    return ATTN_OK;
}

/* The type of outputs, filled in. */
static attn_status check_output(attn_ctx *ctx, const char *field, attn_dtype dtype, attn_dtype *output) {
    if (*output == ATTN_DTYPE_SAME) *output = dtype;
    if (*output < ATTN_F32 || *output > ATTN_F16)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.%s is %d, expected a data type, or ATTN_DTYPE_SAME for that of problem.dtype",
                         field, (int)*output);
    if (*output != dtype && !(*output == ATTN_F32 && attn_dtype_is_half(dtype)))
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.%s is %s with dtype %s; expected the same, or f32 with bf16 or f16", field,
                         attn_dtype_name(*output), attn_dtype_name(dtype));
    return ATTN_OK;
}

static attn_status check_features(attn_ctx *ctx, const attn_problem *p) {
    const uint32_t known = ATTN_BACKWARD | ATTN_ALIBI | ATTN_BIAS | ATTN_SINK | ATTN_DROPOUT | ATTN_DIM_STRIDE | ATTN_BIAS_GRAD;
    const uint32_t axes = ATTN_SHARE_BATCH | ATTN_SHARE_HEAD | ATTN_SHARE_QUERY | ATTN_SHARE_KEY;
    if (p->features & ~known)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.features is 0x%x, of which 0x%x is no feature; expected a combination of 0x%x",
                         p->features, p->features & ~known, known);
    if ((p->features & ATTN_BIAS_GRAD) && (p->features & (ATTN_BIAS | ATTN_BACKWARD)) != (ATTN_BIAS | ATTN_BACKWARD))
        return attn_fail(ctx, ATTN_EINVAL,
                         "plan: problem.features has ATTN_BIAS_GRAD without %s; expected both ATTN_BIAS and ATTN_BACKWARD",
                         p->features & ATTN_BIAS ? "ATTN_BACKWARD" : "ATTN_BIAS");
    if (p->bias_broadcast & ~axes)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.bias_broadcast is 0x%x, expected a combination of the ATTN_SHARE_ axes, 0x%x",
                         p->bias_broadcast, axes);
    const double greatest = (p->dtype == ATTN_F64 ? DBL_MAX : (double)FLT_MAX) * M_LN2; /* logits are computed in units of log 2 */
    const double least = p->dtype == ATTN_F64 ? DBL_MIN : (double)FLT_MIN;
    if (!isnan(p->scale) && !(fabs(p->scale) <= greatest))
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.scale is %g, expected a number from -%.3g to %.3g, or NaN for 1 / sqrt(dim)",
                         p->scale, greatest, greatest);
    if (!(p->softcap >= least && p->softcap <= greatest) && p->softcap != (double)INFINITY)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.softcap is %g, expected a number from %.3g to %.3g, or INFINITY for none",
                         p->softcap, least, greatest);
    if (!(p->dropout >= 0 && p->dropout < 1))
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.dropout is %g, expected a probability from 0 to below 1", p->dropout);
    if (p->dropout > 0 && !(p->features & ATTN_DROPOUT))
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.dropout is %g, but problem.features lacks ATTN_DROPOUT", p->dropout);
    return ATTN_OK;
}

static attn_status check_heads(attn_ctx *ctx, const attn_problem *p) {
    if (p->heads < 1)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.heads is %d, expected the number of query heads, at least 1", p->heads);
    if (p->kv_heads < 1)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.kv_heads is %d, expected at least 1, or -1 for as many as heads", p->kv_heads);
    if (p->heads % p->kv_heads)
        return attn_fail(ctx, ATTN_ESHAPE, "plan: problem.kv_heads is %d, expected a divisor of problem.heads, %d", p->kv_heads, p->heads);
    if (p->dim < 1)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.dim is %d, expected the head size of query and key, at least 1", p->dim);
    if (p->v_dim < 1) return attn_fail(ctx, ATTN_EINVAL, "plan: problem.v_dim is %d, expected at least 1, or -1 for as dim", p->v_dim);
    if (p->threads < 0)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.threads is %d, expected at least 1, or 0 for the context's", p->threads);
    return ATTN_OK;
}

static attn_status check_capacity(attn_ctx *ctx, const char *field, int64_t value, const char *meaning) {
    if (value < 0)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.%s is %lld, expected %s, at least 0", field, (long long)value, meaning);
    if (value > INT32_MAX)
        return attn_fail(ctx, ATTN_ESHAPE, "plan: problem.%s is %lld, expected at most %d", field, (long long)value, INT32_MAX);
    return ATTN_OK;
}

/* What keys and values are stored in, and in blocks of how many tokens. */
static attn_status check_storage(attn_ctx *ctx, attn_problem *p) {
    if (p->kv_dtype == ATTN_DTYPE_SAME) p->kv_dtype = p->dtype;
    if (p->kv_dtype < ATTN_F32 || p->kv_dtype > ATTN_Q8_0)
        return attn_fail(ctx, ATTN_EINVAL,
                         "plan: problem.kv_dtype is %d, expected a data type, or ATTN_DTYPE_SAME for that of problem.dtype",
                         (int)p->kv_dtype);
    if (p->kv_dtype != p->dtype && (p->dtype != ATTN_F32 || p->kv_dtype == ATTN_F64))
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "plan: problem.kv_dtype is %s with dtype %s; expected the same, or with f32 one of bf16, f16, q8_0",
                         attn_dtype_name(p->kv_dtype), attn_dtype_name(p->dtype));
    if (p->kv_dtype == ATTN_Q8_0 && (p->dim % 32 || p->v_dim % 32))
        return attn_fail(ctx, ATTN_ESHAPE, "plan: problem.%s is %d, expected a multiple of 32, the block of kv_dtype q8_0",
                         p->dim % 32 ? "dim" : "v_dim", p->dim % 32 ? p->dim : p->v_dim);
    if (p->block_tokens < 0)
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.block_tokens is %d, expected the tokens of a block, or 0 for no pages",
                         p->block_tokens);
    if (p->block_tokens && p->layout == ATTN_THD)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "plan: problem.block_tokens is %d with ATTN_THD; expected ATTN_BHTD or ATTN_BTHD, with q_lens where they differ",
                         p->block_tokens);
    return ATTN_OK;
}

/* Products of sizes that kernels form: elements of the largest arrays, and of a whole bias. Kept below 2^59 elements, so that
 * bytes and sums of a few offsets fit 63 bits. */
static attn_status check_products(attn_ctx *ctx, const attn_problem *p) {
    const size_t limit = (size_t)1 << 59, widest = (size_t)(p->dim > p->v_dim ? p->dim : p->v_dim);
    const size_t tokens[2] = {(size_t)attn_max64(attn_max64(p->q_tokens, p->q_len), p->batch),
                              (size_t)attn_max64(attn_max64(p->kv_tokens, p->kv_len), p->batch)};
    static const char *const names[2] = {"q_tokens (batch * q_len, or batch)", "kv_tokens (batch * kv_len, or batch)"};
    for (int side = 0; side < 2; side++) {
        size_t n;
        if (!attn_mul_size(tokens[side], (size_t)p->heads, &n) || !attn_mul_size(n, widest, &n) || n > limit)
            return attn_fail(ctx, ATTN_ESHAPE, "plan: problem.%s %zu times heads %d times head size %zu does not fit memory's addresses",
                             names[side], tokens[side], p->heads, widest);
    }
    size_t n = (size_t)p->batch;
    if ((p->features & ATTN_BIAS) && (!attn_mul_size(n, (size_t)p->heads, &n) || !attn_mul_size(n, (size_t)p->q_len, &n) ||
                                      !attn_mul_size(n, (size_t)p->kv_len, &n) || n > limit))
        return attn_fail(ctx, ATTN_ESHAPE, "plan: a bias of batch %lld, heads %d, q_len %lld, kv_len %lld does not fit memory's addresses",
                         (long long)p->batch, p->heads, (long long)p->q_len, (long long)p->kv_len);
    return ATTN_OK;
}

/* No kernel's workspace is larger than this: some numbers for each token, head and element of a row, for each worker. Below 2^62 bytes no
 * product that a kernel forms wraps. */
static attn_status check_workspace(attn_ctx *ctx, const attn_problem *p) {
    const double tokens = (double)p->q_tokens + (double)p->kv_tokens + (double)p->q_len + (double)p->kv_len + (double)p->batch + 64;
    const double row = (double)p->dim + (double)p->v_dim + 64, bias = p->features & ATTN_BIAS_GRAD ? 8.0 : 0.0;
    const double bytes =
        64.0 * (p->threads + 16.0) * p->heads * tokens * row + bias * (double)p->batch * p->heads * (double)p->q_len * (double)p->kv_len;
    if (bytes < 0x1p62) return ATTN_OK;
    return attn_fail(
        ctx, ATTN_ESHAPE,
        "plan: a workspace for %d heads, %lld query and %lld key tokens, head sizes %d and %d and %d threads may not fit memory's "
        "addresses",
        p->heads, (long long)p->q_tokens, (long long)p->kv_tokens, p->dim, p->v_dim, p->threads);
}

static attn_status check_lengths(attn_ctx *ctx, attn_problem *p) {
    attn_status status = check_capacity(ctx, "batch", p->batch, "the greatest number of sequences");
    if (!status) status = check_capacity(ctx, "q_len", p->q_len, "the greatest number of queries of a sequence (it must be set)");
    if (!status && p->kv_len == -1) p->kv_len = p->q_len;
    if (!status) status = check_capacity(ctx, "kv_len", p->kv_len, "the greatest number of keys of a sequence, or -1 for as q_len");
    if (status) return status;
    const bool packed = p->layout == ATTN_THD;
    if (!packed || p->q_tokens == -1) p->q_tokens = p->batch * p->q_len; /* both below 2^31 */
    if (packed && p->kv_tokens == -1 && p->score == ATTN_SCORE_LEARNED_QUERY) p->kv_tokens = p->q_tokens;
    if (!packed || p->kv_tokens == -1) p->kv_tokens = p->batch * p->kv_len;
    if (packed) {
        status = check_capacity(ctx, "q_tokens", p->q_tokens, "the greatest number of queries of all sequences, or -1 for batch * q_len");
        if (!status)
            status =
                check_capacity(ctx, "kv_tokens", p->kv_tokens, "the greatest number of keys of all sequences, or -1 for batch * kv_len");
    }
    return status ? status : check_products(ctx, p);
}

attn_status attn_problem_check(attn_ctx *ctx, const attn_problem *in, attn_problem *out) {
    if (!in) return attn_fail(ctx, ATTN_EINVAL, "plan: problem is NULL, expected a problem set by attn_problem_init");
    if (in->size != sizeof(*in))
        return attn_fail(ctx, ATTN_EINVAL, "plan: problem.size is %zu, expected %zu; call attn_problem_init first", in->size, sizeof(*in));
    *out = *in;
    if (out->kv_heads == -1) out->kv_heads = out->heads;
    if (out->v_dim == -1) out->v_dim = out->dim;
    attn_status status = check_choices(ctx, out);
    if (!status) status = check_output(ctx, "o_dtype", out->dtype, &out->o_dtype);
    if (!status) status = check_output(ctx, "grad_dtype", out->dtype, &out->grad_dtype);
    if (!status) status = check_heads(ctx, out);
    if (!status) status = check_storage(ctx, out);
    if (!status) status = check_features(ctx, out);
    if (!status) status = check_lengths(ctx, out);
    if (!status) status = attn_score_check(ctx, out);
    if (!status && out->score == ATTN_SCORE_LEARNED_QUERY) status = attn_learned_problem_check(ctx, out);
    if (status) return status;
    if (isnan(out->scale)) out->scale = out->score == ATTN_SCORE_ADDITIVE ? 1 : 1 / sqrt((double)out->dim);
    const int most = attn_ctx_threads(ctx);
    if (out->threads == 0 || out->threads > most) out->threads = most;
    return check_workspace(ctx, out);
}
