/* Features that a score has no kernel for are refused here, by name. */
#include "plan/plan.h"

#include <math.h>

static const char *score_symbol(attn_score score) {
    static const char *const names[] = {"ATTN_SCORE_DOT", "ATTN_SCORE_ADDITIVE", "ATTN_SCORE_LEARNED_QUERY"};
    return names[score];
}

attn_status attn_score_check(attn_ctx *ctx, const attn_problem *p) {
    static const struct {
        uint32_t bit;
        const char *name;
    } unwanted[] = {{ATTN_ALIBI, "ATTN_ALIBI"}, {ATTN_BIAS, "ATTN_BIAS"},       {ATTN_BIAS_GRAD, "ATTN_BIAS_GRAD"},
                    {ATTN_SINK, "ATTN_SINK"},   {ATTN_DROPOUT, "ATTN_DROPOUT"}, {ATTN_DIM_STRIDE, "ATTN_DIM_STRIDE"}};
    if (p->score == ATTN_SCORE_DOT) return ATTN_OK; /* it has all */
    if (p->score == ATTN_SCORE_ADDITIVE && p->dtype != ATTN_F32 && p->dtype != ATTN_F64)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.dtype is %s, which %s has no kernel for; expected ATTN_F32 or ATTN_F64",
                         attn_dtype_name(p->dtype), score_symbol(p->score));
    if (p->kv_dtype != p->dtype)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.kv_dtype is %s, which %s has no kernel for; expected ATTN_DTYPE_SAME",
                         attn_dtype_name(p->kv_dtype), score_symbol(p->score));
    if (p->block_tokens > 0)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.block_tokens is %d, which %s has no kernel for; expected 0",
                         p->block_tokens, score_symbol(p->score));
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++)
        if (p->features & unwanted[i].bit)
            return attn_fail(ctx, ATTN_EUNSUPPORTED,
                             "plan: problem.features has %s, which %s has no kernel for; it has ATTN_BACKWARD alone", unwanted[i].name,
                             score_symbol(p->score));
    if (p->softcap < (double)INFINITY)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: problem.softcap is %g, which %s has no kernel for; expected INFINITY", p->softcap,
                         score_symbol(p->score));
    return ATTN_OK;
}
