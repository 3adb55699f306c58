/* Which table of loops. */
#include "tape/functions.h"

const struct attn_functions *attn_functions_for(const attn_ctx *ctx) {
    static const struct attn_functions *const tables[] = {
#if !defined(ATTN_TRAIN_DOUBLE)
#if defined(ATTN_HAVE_AVX512)
        &attn_functions__avx512,
#endif
#if defined(ATTN_HAVE_AVX2)
        &attn_functions__avx2,
#endif
#if defined(ATTN_HAVE_NEON)
        &attn_functions__neon,
#endif
#endif
        &attn_functions__portable,
    };
    for (size_t i = 0; i + 1 < sizeof tables / sizeof *tables; i++)
        if ((tables[i]->isa_bits & ctx->isa) == tables[i]->isa_bits) return tables[i];
    return &attn_functions__portable;
}

const struct attn_loops *attn_loops_for(const attn_ctx *ctx, enum attn_function function) {
    const struct attn_loops *loops = &attn_functions_for(ctx)->loops[function];
    return loops->forward ? loops : &attn_functions__portable.loops[function];
}
