/* Which kernel: the one that the problem names, else the greatest rank among those that have its data type and whose instruction
 * set the context may use.
 *
 * Lengths do not decide: a plan serves all lengths up to its capacities, and naive is ahead of flash by 0.6 us at most (T = S <= 2,
 * D 8 and 64, forward or backward, Zen 4), behind it from T = S = 4 on. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

static bool usable(const attn_ctx *ctx, const struct attn_kernel *k, attn_dtype dtype) {
    return k->dtype == dtype && (k->isa_bits & ctx->isa) == k->isa_bits;
}

/* "flash, naive": every name of the table once, or only of the kernels usable for dtype. */
static void list_names(const attn_ctx *ctx, bool only_usable, attn_dtype dtype, char *text, size_t size) {
    size_t length = 0;
    text[0] = 0;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if (only_usable && !usable(ctx, k, dtype)) continue;
        bool seen = false;
        for (int before = 0; before < i && !seen; before++)
            seen = strcmp(attn_kernels[before]->name, k->name) == 0 && (!only_usable || usable(ctx, attn_kernels[before], dtype));
        if (seen || length >= size) continue;
        const int n = snprintf(text + length, size - length, "%s%s", length ? ", " : "", k->name);
        length += n > 0 ? (size_t)n : 0;
    }
}

attn_status attn_choose_kernel(attn_ctx *ctx, const attn_problem *problem, const struct attn_kernel **out) {
    const struct attn_kernel *best = NULL;
    bool known = false;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if (problem->kernel && strcmp(problem->kernel, k->name) != 0) continue;
        known = true;
        if (usable(ctx, k, problem->dtype) && (!best || k->rank > best->rank)) best = k;
    }
    if (!best) {
        char names[256];
        list_names(ctx, known, problem->dtype, names, sizeof(names));
        if (!known) return attn_fail(ctx, ATTN_EINVAL, "plan: problem.kernel is \"%.64s\", expected one of: %s", problem->kernel, names);
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "plan: the kernel \"%s\" has no form for %s on %s; those that have: %s", problem->kernel,
                         attn_dtype_name(problem->dtype), attn_ctx_isa(ctx), names);
    }
    *out = best;
    return ATTN_OK;
}
