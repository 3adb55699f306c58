/* Arguments and a plan make an execution. Order of the checks: structs, flags, lengths, arrays, workspace. */
#include "kernel/convert/convert.h"
#include "plan/plan.h"

#include <stdint.h>

attn_status attn_args_check(attn_ctx *ctx, const attn_args *args) {
    if (!args) return attn_fail(ctx, ATTN_EINVAL, "execute: args is NULL, expected arguments set by attn_args_init");
    if (args->size != sizeof(*args))
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.size is %zu, expected %zu; call attn_args_init first", args->size, sizeof(*args));
    return ATTN_OK;
}

static attn_status check_structs(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients, enum attn_pass pass) {
    attn_ctx *ctx = plan->ctx;
    const uint32_t known = ATTN_ACCUMULATE_O | ATTN_ACCUMULATE_DQ | ATTN_ACCUMULATE_DK | ATTN_ACCUMULATE_DV | ATTN_ACCUMULATE_REST;
    const attn_status status = attn_args_check(ctx, args);
    if (status) return status;
    if (args->accumulate & ~known)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.accumulate is 0x%x, expected a combination of 0x%x", args->accumulate, known);
    if (!attn_pass_has_gradients(pass)) return ATTN_OK;
    if (!(plan->shape.features & ATTN_BACKWARD))
        return attn_fail(ctx, ATTN_EINVAL, "backward: the plan lacks ATTN_BACKWARD; announce it in problem.features");
    if (!gradients) return attn_fail(ctx, ATTN_EINVAL, "backward: gradients is NULL, expected gradients set by attn_gradients_init");
    if (gradients->size != sizeof(*gradients))
        return attn_fail(ctx, ATTN_EINVAL, "backward: gradients.size is %zu, expected %zu; call attn_gradients_init first", gradients->size,
                         sizeof(*gradients));
    return ATTN_OK;
}

static attn_status check_workspace(const attn_plan *plan, const attn_args *args) {
    if (plan->workspace == 0) return ATTN_OK;
    if (!args->workspace)
        return attn_fail(plan->ctx, ATTN_EWORKSPACE, "execute: args.workspace is NULL, expected %zu bytes aligned to 64", plan->workspace);
    if ((uintptr_t)args->workspace % 64)
        return attn_fail(plan->ctx, ATTN_EWORKSPACE, "execute: args.workspace is at %p, expected an address aligned to 64",
                         args->workspace);
    if (args->workspace_bytes < plan->workspace)
        return attn_fail(plan->ctx, ATTN_EWORKSPACE, "execute: args.workspace_bytes is %zu, expected at least %zu (attn_plan_workspace)",
                         args->workspace_bytes, plan->workspace);
    return ATTN_OK;
}

attn_status attn_bind(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients, enum attn_pass pass,
                      struct attn_exec *x) {
    attn_status status = check_structs(plan, args, gradients, pass);
    if (status) return status;
    *x = (struct attn_exec){.ctx = plan->ctx,
                            .convert = attn_convert_for(plan->ctx->isa),
                            .shape = &plan->shape,
                            .seed = args->seed,
                            .accumulate = args->accumulate};
    status = attn_bind_lengths(plan, args, x);
    if (!status) status = attn_bind_blocks(plan, args, x);
    if (!status) status = attn_bind_arrays(plan, args, gradients, pass, x);
    if (!status && pass != ATTN_PASS_WEIGHTS) status = check_workspace(plan, args);
    x->workspace = args->workspace;
    return status;
}
