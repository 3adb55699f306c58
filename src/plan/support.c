/* The support matrix, made from the table of kernels. */
#include "plan/plan.h"

#include <stdio.h>

size_t attn_support_text(const attn_ctx *ctx, char *text, size_t size) {
    size_t needed = 0;
    for (int i = -1; i < attn_kernel_count; i++) {
        const bool room = needed < size;
        char *to = room ? text + needed : NULL;
        const size_t left = room ? size - needed : 0;
        int n;
        if (i < 0) {
            n = snprintf(to, left, "%-18s %-10s %-6s %-14s %s\n", "kernel", "isa", "dtype", "score", "usable");
        } else {
            const struct attn_kernel *k = attn_kernels[i];
            const bool usable = (k->isa_bits & ctx->isa) == k->isa_bits;
            n = snprintf(to, left, "%-18s %-10s %-6s %-14s %s\n", k->name, k->isa, attn_dtype_name(k->dtype), attn_score_name(k->score),
                         usable ? "yes" : "no");
        }
        needed += n > 0 ? (size_t)n : 0;
    }
    return needed;
}
