/* Lengths of an execution: batch, ragged or cumulative lengths, starts, offsets, and the mask's agreement with them. Everything
 * that is read here is O(batch).
 */
#include "plan/plan.h"

static attn_status check_packed(const attn_plan *plan, const char *name, const int32_t *cu, int64_t batch, int64_t capacity,
                                int64_t tokens) {
    attn_ctx *ctx = plan->ctx;
    if (!cu)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.%s is NULL, expected batch + 1 cumulative lengths, as the layout is ATTN_THD",
                         name);
    if (cu[0] != 0) return attn_fail(ctx, ATTN_EINVAL, "execute: args.%s[0] is %d, expected 0", name, cu[0]);
    for (int64_t b = 0; b < batch; b++) {
        if (cu[b + 1] < cu[b])
            return attn_fail(ctx, ATTN_EINVAL, "execute: args.%s[%lld] is %d, expected at least the one before, %d", name, (long long)b + 1,
                             cu[b + 1], cu[b]);
        if (cu[b + 1] - cu[b] > capacity)
            return attn_fail(ctx, ATTN_ESHAPE, "execute: sequence %lld has the length %d by args.%s; the plan has room for %lld",
                             (long long)b, cu[b + 1] - cu[b], name, (long long)capacity);
    }
    if (cu[batch] > tokens)
        return attn_fail(ctx, ATTN_ESHAPE, "execute: args.%s[%lld] is %d tokens in all; the plan has room for %lld", name, (long long)batch,
                         cu[batch], (long long)tokens);
    return ATTN_OK;
}

/* One side of a padded batch: `length` is that of the token axis. */
static attn_status check_ragged(const attn_plan *plan, const char *side, int64_t length, int64_t capacity, const int32_t *lens,
                                const int32_t *starts, int64_t batch) {
    attn_ctx *ctx = plan->ctx;
    if (length < 0)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.%s_len is %lld, expected at least 0, or -1 for the plan's", side,
                         (long long)length);
    if (length > capacity)
        return attn_fail(ctx, ATTN_ESHAPE, "execute: args.%s_len is %lld; the plan has room for %lld", side, (long long)length,
                         (long long)capacity);
    for (int64_t b = 0; b < batch && (lens || starts); b++) {
        const int64_t start = starts ? starts[b] : 0, len = lens ? lens[b] : length;
        if (len < 0 || start < 0)
            return attn_fail(ctx, ATTN_EINVAL, "execute: args.%s_%s[%lld] is %lld, expected at least 0", side, len < 0 ? "lens" : "starts",
                             (long long)b, (long long)(len < 0 ? len : start));
        if (start + len > length)
            return attn_fail(ctx, ATTN_ESHAPE, "execute: sequence %lld ends at %s start %lld + length %lld, past the %lld of the token axis "
                             "(args.%s_len, or the plan's)",
                             (long long)b, side, (long long)start, (long long)len, (long long)length, side);
    }
    return ATTN_OK;
}

static attn_status check_sides(const attn_plan *plan, const attn_args *args, const struct attn_exec *x) {
    const attn_problem *p = &plan->problem;
    attn_ctx *ctx = plan->ctx;
    attn_status status;
    if (plan->shape.packed) {
        if (args->q_lens || args->kv_lens || args->q_starts || args->kv_starts)
            return attn_fail(ctx, ATTN_EINVAL,
                             "execute: args.%s is given, but the layout is ATTN_THD; expected args.cu_q and args.cu_kv alone",
                             args->q_lens     ? "q_lens"
                             : args->kv_lens  ? "kv_lens"
                             : args->q_starts ? "q_starts"
                                              : "kv_starts");
        status = check_packed(plan, "cu_q", args->cu_q, x->batch, p->q_len, p->q_tokens);
        return status ? status : check_packed(plan, "cu_kv", args->cu_kv, x->batch, p->kv_len, p->kv_tokens);
    }
    if (args->cu_q || args->cu_kv)
        return attn_fail(ctx, ATTN_EINVAL,
                         "execute: args.%s is given, but the layout is %s; expected cumulative lengths with ATTN_THD only",
                         args->cu_q ? "cu_q" : "cu_kv", p->layout == ATTN_BHTD ? "ATTN_BHTD" : "ATTN_BTHD");
    status = check_ragged(plan, "q", x->q_len, p->q_len, args->q_lens, args->q_starts, x->batch);
    return status ? status : check_ragged(plan, "kv", x->kv_len, p->kv_len, args->kv_lens, args->kv_starts, x->batch);
}

static attn_status check_offset(const attn_plan *plan, const char *side, int64_t offset, int64_t global) {
    const int64_t most = (int64_t)1 << 40; /* sums of offsets, lengths and diagonals stay far from 2^63 */
    if (offset < 0 || offset > most)
        return attn_fail(plan->ctx, ATTN_EINVAL, "execute: args.%s_offset is %lld, expected 0 to 2^40", side, (long long)offset);
    if (global < -1 || global > 2 * most)
        return attn_fail(plan->ctx, ATTN_EINVAL, "execute: args.global_%s_len is %lld, expected -1 (offset + length) to 2^41", side,
                         (long long)global);
    return ATTN_OK;
}

static attn_status check_offsets(const attn_plan *plan, const attn_args *args) {
    attn_status status = check_offset(plan, "q", args->q_offset, args->global_q_len);
    if (!status) status = check_offset(plan, "kv", args->kv_offset, args->global_kv_len);
    if (status) return status;
    if (args->batch_offset < 0 || args->head_offset < 0)
        return attn_fail(plan->ctx, ATTN_EINVAL, "execute: args.%s is %lld, expected at least 0",
                         args->batch_offset < 0 ? "batch_offset" : "head_offset",
                         (long long)(args->batch_offset < 0 ? args->batch_offset : args->head_offset));
    const bool bottom_right = (plan->shape.features & ATTN_ALIBI) && plan->shape.alibi_align == ATTN_BOTTOM_RIGHT;
    if (bottom_right && (args->q_offset || args->kv_offset) && (args->global_q_len < 0 || args->global_kv_len < 0))
        return attn_fail(plan->ctx, ATTN_EINVAL,
                         "execute: args.global_%s_len is -1 with an offset; bottom-right ALiBi needs both global lengths, or set "
                         "problem.alibi_align to ATTN_TOP_LEFT",
                         args->global_q_len < 0 ? "q" : "kv");
    return ATTN_OK;
}

/* Each sequence lies inside the global lengths, and the mask can be executed on it. */
static attn_status check_sequences(const attn_plan *plan, const struct attn_exec *x) {
    if (!x->mask && x->global_q_len < 0 && x->global_kv_len < 0) return ATTN_OK;
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        if (x->q_offset + s.q_len > s.global_q)
            return attn_fail(plan->ctx, ATTN_ESHAPE, "execute: sequence %lld has queries %lld to %lld, past args.global_q_len %lld",
                             (long long)b, (long long)x->q_offset, (long long)(x->q_offset + s.q_len), (long long)s.global_q);
        if (x->kv_offset + s.k_len > s.global_k)
            return attn_fail(plan->ctx, ATTN_ESHAPE, "execute: sequence %lld has keys %lld to %lld, past args.global_kv_len %lld",
                             (long long)b, (long long)x->kv_offset, (long long)(x->kv_offset + s.k_len), (long long)s.global_k);
        if (!x->mask) continue;
        const attn_status status = attn_mask_fits(plan->ctx, x->mask, b, x->batch, plan->shape.heads, plan->shape.kv_heads, s.q_len,
                                                  s.k_len, x->q_offset, x->kv_offset, s.global_q, s.global_k);
        if (status) return status;
    }
    return ATTN_OK;
}

attn_status attn_bind_lengths(const attn_plan *plan, const attn_args *args, struct attn_exec *x) {
    const attn_problem *p = &plan->problem;
    const bool learned = p->score == ATTN_SCORE_LEARNED_QUERY;
    attn_args own = *args;
    attn_status status = learned ? attn_learned_args(plan, &own) : ATTN_OK;
    if (status) return status;
    args = &own;
    x->batch = args->batch == -1 ? p->batch : args->batch;
    if (x->batch < 0)
        return attn_fail(plan->ctx, ATTN_EINVAL, "execute: args.batch is %lld, expected at least 0, or -1 for the plan's",
                         (long long)x->batch);
    if (x->batch > p->batch)
        return attn_fail(plan->ctx, ATTN_ESHAPE, "execute: args.batch is %lld; the plan has room for %lld", (long long)x->batch,
                         (long long)p->batch);
    const bool packed = plan->shape.packed;
    x->q_len = packed || args->q_len == -1 ? p->q_len : args->q_len;
    x->kv_len = packed || args->kv_len == -1 ? p->kv_len : args->kv_len;
    status = check_sides(plan, args, x);
    if (!status) status = check_offsets(plan, args);
    if (status) return status;
    x->q_lens = args->q_lens;
    x->kv_lens = args->kv_lens;
    x->q_starts = args->q_starts;
    x->kv_starts = args->kv_starts;
    x->cu_q = args->cu_q;
    x->cu_kv = args->cu_kv;
    x->q_offset = args->q_offset;
    x->kv_offset = args->kv_offset;
    x->global_q_len = args->global_q_len;
    x->global_kv_len = args->global_kv_len;
    x->batch_offset = args->batch_offset;
    x->head_offset = args->head_offset;
    x->mask = args->mask;
    status = learned ? attn_learned_lengths_check(plan, x) : ATTN_OK;
    return status ? status : check_sequences(plan, x);
}
