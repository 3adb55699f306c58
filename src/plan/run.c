/* attn_run: plan, compile the mask if it needs it, allocate, execute once, free. */
#include "plan/plan.h"

/* A mask that cannot be executed as it is, is compiled for the lengths of a batch whose sequences all have the same. */
static attn_status compile_for(const attn_plan *plan, attn_args *args, attn_mask **made) {
    attn_args unmasked = *args;
    struct attn_exec x = {.shape = &plan->shape};
    *made = NULL;
    unmasked.mask = NULL;
    attn_status status = attn_bind_lengths(plan, &unmasked, &x);
    if (status || !args->mask || x.batch == 0) return status;
    const struct attn_shape *shape = &plan->shape;
    bool fits = true, uniform = true;
    const struct attn_seq first = attn_exec_seq(&x, 0);
    for (int64_t b = 0; b < x.batch; b++) {
        const struct attn_seq s = attn_exec_seq(&x, b);
        uniform = uniform && s.global_q == first.global_q && s.global_k == first.global_k;
        fits = fits && attn_mask_fits(NULL, args->mask, b, x.batch, shape->heads, shape->kv_heads, s.q_len, s.k_len, x.q_offset,
                                      x.kv_offset, s.global_q, s.global_k) == ATTN_OK;
    }
    if (fits || !uniform) return ATTN_OK;
    status = attn_mask_compile(plan->ctx, args->mask, first.global_q, first.global_k, made);
    if (!status) args->mask = *made;
    return status;
}

static attn_status execute(const attn_plan *plan, attn_args *args, const attn_gradients *gradients) {
    args->workspace_bytes = attn_plan_workspace(plan);
    args->workspace = attn_alloc(plan->ctx, args->workspace_bytes);
    if (!args->workspace) return attn_no_memory(plan->ctx, "run: workspace", args->workspace_bytes);
    attn_status status = attn_forward(plan, args);
    if (!status && gradients) status = attn_backward(plan, args, gradients);
    attn_free(plan->ctx, args->workspace);
    return status;
}

attn_status attn_run(attn_ctx *ctx, const attn_problem *problem, const attn_args *args, const attn_gradients *gradients) {
    attn_plan *plan = NULL;
    attn_mask *mask = NULL;
    if (!args || args->size != sizeof(*args))
        return attn_fail(ctx, ATTN_EINVAL, "run: args is %s, expected arguments set by attn_args_init", args ? "not initialised" : "NULL");
    attn_args own = *args;
    attn_status status = attn_plan_create(ctx, problem, &plan);
    if (!status) status = compile_for(plan, &own, &mask);
    if (!status) status = execute(plan, &own, gradients);
    attn_mask_destroy(mask);
    attn_plan_destroy(plan);
    return status;
}
