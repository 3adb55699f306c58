/* attn_run: plan, compile the mask if it needs it, allocate, execute once, free. */
#include "mask/mask.h"
#include "plan/plan.h"

#include <string.h>

static bool same_lengths(const struct attn_seq *a, const struct attn_seq *b) {
    return a->global_q == b->global_q && a->global_k == b->global_k;
}

static bool is_executable(const struct attn_exec *x, const attn_mask *mask) {
    bool fits = true;
    for (int64_t b = 0; b < x->batch && fits; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        fits = attn_mask_fits(NULL, mask, b, x->batch, x->shape->heads, x->shape->kv_heads, s.q_len, s.k_len, x->q_offset, x->kv_offset,
                              s.global_q, s.global_k) == ATTN_OK;
    }
    return fits;
}

/* member[b]: the mask compiled for the lengths of sequence b, the same one as before where those are the same. */
static attn_status compile_each(attn_ctx *ctx, const struct attn_exec *x, const attn_mask *mask, attn_mask **member) {
    struct attn_seq before = {0};
    attn_status status = ATTN_OK;
    for (int64_t b = 0; b < x->batch && !status; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        if (b > 0 && same_lengths(&s, &before))
            member[b] = attn_mask_retain(member[b - 1]);
        else
            status = attn_mask_compile(ctx, mask, s.global_q, s.global_k, &member[b]);
        before = s;
    }
    return status;
}

/* A mask that cannot be executed as it is, is compiled for each sequence and stacked. */
static attn_status compile_mask(const attn_plan *plan, attn_args *args, attn_mask **made) {
    attn_ctx *ctx = plan->ctx;
    attn_args unmasked = *args;
    struct attn_exec x = {.shape = &plan->shape};
    unmasked.mask = NULL;
    attn_status status = attn_bind_lengths(plan, &unmasked, &x);
    if (status || !args->mask || args->mask->kind == ATTN_MASK_STACK || is_executable(&x, args->mask)) return status;
    const size_t bytes = (size_t)x.batch * sizeof(attn_mask *);
    attn_mask **member = attn_alloc(ctx, bytes);
    if (!member) return attn_no_memory(ctx, "run: the masks of the sequences", bytes);
    memset(member, 0, bytes);
    status = compile_each(ctx, &x, args->mask, member);
    if (!status) status = attn_mask_stack(ctx, x.batch, 1, (const attn_mask *const *)member, made);
    if (!status) args->mask = *made;
    for (int64_t b = 0; b < x.batch; b++) attn_mask_destroy(member[b]);
    attn_free(ctx, member);
    return status;
}

/* Both passes are checked before the first one writes. */
static attn_status execute(const attn_plan *plan, attn_args *args, const attn_gradients *gradients) {
    struct attn_exec checked;
    args->workspace_bytes = attn_plan_workspace(plan);
    args->workspace = attn_alloc(plan->ctx, args->workspace_bytes);
    if (!args->workspace) return attn_no_memory(plan->ctx, "run: workspace", args->workspace_bytes);
    attn_status status = gradients ? attn_bind(plan, args, gradients, ATTN_PASS_BOTH, &checked) : ATTN_OK;
    if (!status) status = attn_forward(plan, args);
    if (!status && gradients) status = attn_backward(plan, args, gradients);
    attn_free(plan->ctx, args->workspace);
    return status;
}

attn_status attn_run(attn_ctx *ctx, const attn_problem *problem, const attn_args *args, const attn_gradients *gradients) {
    attn_plan *plan = NULL;
    attn_mask *mask = NULL;
    attn_status status = attn_args_check(ctx, args);
    if (status) return status;
    attn_args own = *args;
    status = attn_plan_create(ctx, problem, &plan);
    if (!status) status = compile_mask(plan, &own, &mask);
    if (!status) status = execute(plan, &own, gradients);
    attn_mask_destroy(mask);
    attn_plan_destroy(plan);
    return status;
}
