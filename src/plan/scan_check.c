/* ATTN_SCORE_LEARNED_QUERY: what it lacks in the arguments is refused here by name (in the problem: score_check.c), and lengths of keys that are not
 * given are those of the rows.
 */
#include "plan/plan.h"

attn_status attn_learned_problem_check(attn_ctx *ctx, const attn_problem *p) {
    if (p->kv_len != p->q_len || p->kv_tokens != p->q_tokens)
        return attn_fail(ctx, ATTN_ESHAPE,
                         "plan: problem.%s is %lld, expected problem.%s, %lld, or -1: a learned query has a row of output for each key",
                         p->kv_len != p->q_len ? "kv_len" : "kv_tokens", (long long)(p->kv_len != p->q_len ? p->kv_len : p->kv_tokens),
                         p->kv_len != p->q_len ? "q_len" : "q_tokens", (long long)(p->kv_len != p->q_len ? p->q_len : p->q_tokens));
    return ATTN_OK;
}

attn_status attn_learned_args(const attn_plan *plan, attn_args *args) {
    if (args->mask)
        return attn_fail(plan->ctx, ATTN_EUNSUPPORTED,
                         "execute: args.mask is given, but the plan's score is ATTN_SCORE_LEARNED_QUERY: row i sees the keys up to i; "
                         "expected NULL");
    if (args->accumulate & ATTN_ACCUMULATE_O)
        return attn_fail(plan->ctx, ATTN_EUNSUPPORTED,
                         "execute: args.accumulate has ATTN_ACCUMULATE_O, which ATTN_SCORE_LEARNED_QUERY has no kernel for; to go on from "
                         "earlier tokens give args.state_o and args.state_lse");
    if (!args->kv_lens) args->kv_lens = args->q_lens;
    if (!args->kv_starts) args->kv_starts = args->q_starts;
    if (!args->cu_kv) args->cu_kv = args->cu_q;
    if (args->kv_len == -1) args->kv_len = args->q_len;
    return ATTN_OK;
}

attn_status attn_learned_lengths_check(const attn_plan *plan, const struct attn_exec *x) {
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        if (s.q_len != s.k_len)
            return attn_fail(plan->ctx, ATTN_ESHAPE,
                             "execute: sequence %lld has %lld rows and %lld keys; a learned query has a row of output for each key",
                             (long long)b, (long long)s.q_len, (long long)s.k_len);
    }
    return ATTN_OK;
}
