/* Which kernel: the one that the problem names, else the one that the cost model predicts to be fastest at the capacities, among
 * those that have its data type and whose instruction set the context may use. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

static bool usable(const attn_ctx *ctx, const struct attn_kernel *k, const struct attn_shape *shape) {
    return k->dtype == shape->dtype && k->score == shape->score && (k->isa_bits & ctx->isa) == k->isa_bits;
}

/* What this shape asks for and the kernel has not, by name; NULL: nothing. */
static const char *lack_of(const struct attn_kernel *k, const struct attn_shape *shape) {
    if (k->lacks) return k->lacks(shape);
    return shape->block_tokens ? "block_tokens" : shape->kv_dtype != shape->dtype ? "kv_dtype" : NULL;
}

bool attn_kernel_usable(const attn_ctx *ctx, const struct attn_kernel *kernel, const struct attn_shape *shape) {
    return usable(ctx, kernel, shape) && !lack_of(kernel, shape);
}

bool attn_kernel_is(const struct attn_kernel *kernel, const char *name, size_t length) {
    const size_t bare = strlen(kernel->name), isa = strlen(kernel->isa);
    if (length < bare || memcmp(kernel->name, name, bare) != 0) return false;
    return length == bare || (length == bare + 1 + isa && name[bare] == '/' && memcmp(name + bare + 1, kernel->isa, isa) == 0);
}

/* "flash, naive": every name of the table once, or only of the kernels usable for the problem's data type and score. */
static void list_names(const attn_ctx *ctx, bool only_usable, const struct attn_shape *shape, char *text, size_t size) {
    size_t length = 0;
    text[0] = 0;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if (only_usable && !usable(ctx, k, shape)) continue;
        bool seen = false;
        for (int before = 0; before < i && !seen; before++)
            seen = strcmp(attn_kernels[before]->name, k->name) == 0 && (!only_usable || usable(ctx, attn_kernels[before], shape));
        if (seen || length >= size) continue;
        const int n = snprintf(text + length, size - length, "%s%s", length ? ", " : "", k->name);
        length += n > 0 ? (size_t)n : 0;
    }
}

/* No kernel has all of it: "flash lacks kv_dtype, decode lacks ATTN_BACKWARD". */
static attn_status fail_lacking(attn_ctx *ctx, const attn_problem *problem, const struct attn_shape *shape) {
    char text[896];
    size_t length = 0;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if ((problem->kernel && !attn_kernel_is(k, problem->kernel, strlen(problem->kernel))) || !usable(ctx, k, shape)) continue;
        const int n = length < sizeof(text) ? snprintf(text + length, sizeof(text) - length, "%s%s (%s) lacks %s", length ? ", " : "",
                                                       k->name, k->isa, lack_of(k, shape))
                                            : 0;
        length += n > 0 ? (size_t)n : 0;
    }
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: no kernel has all that the problem asks for: %s", text);
}

double attn_kernel_seconds(const struct attn_kernel *kernel, const struct attn_shape *shape) {
    const double forward = attn_seconds_at_capacity(attn_plan_cost(kernel->forward_cost), shape);
    return shape->features & ATTN_BACKWARD ? forward + attn_seconds_at_capacity(attn_plan_cost(kernel->backward_cost), shape) : forward;
}

attn_status attn_choose_kernel(attn_ctx *ctx, const attn_problem *problem, const struct attn_shape *shape, const struct attn_kernel **out) {
    const struct attn_kernel *best = NULL;
    double least = 0.0;
    bool known = false, lacking = false;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if (problem->kernel && !attn_kernel_is(k, problem->kernel, strlen(problem->kernel))) continue;
        known = true;
        if (!usable(ctx, k, shape)) continue;
        if (lack_of(k, shape)) {
            lacking = true;
            continue;
        }
        const double seconds = attn_kernel_seconds(k, shape);
        if (best && seconds >= least) continue;
        best = k;
        least = seconds;
    }
    if (!best && lacking) return fail_lacking(ctx, problem, shape);
    if (!best) {
        char names[256];
        list_names(ctx, known, shape, names, sizeof(names));
        if (!known) return attn_fail(ctx, ATTN_EINVAL, "plan: problem.kernel is \"%.64s\", expected one of: %s", problem->kernel, names);
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: the kernel \"%s\" has no form for %s%s on %s; those that have: %s", problem->kernel,
                         attn_dtype_name(problem->dtype),
                         problem->score == ATTN_SCORE_DOT        ? ""
                         : problem->score == ATTN_SCORE_ADDITIVE ? " and the additive score"
                                                                 : " and a learned query",
                         attn_ctx_isa(ctx), names);
    }
    *out = best;
    return ATTN_OK;
}
