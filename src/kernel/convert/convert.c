/* Which set of conversions. */
#include "kernel/convert/convert.h"

const struct attn_convert *attn_convert_for(uint32_t isa) {
    static const struct attn_convert *const sets[] = {
#if defined(ATTN_HAVE_AVX512)
        &attn_convert__avx512,
#endif
#if defined(ATTN_HAVE_AVX2)
        &attn_convert__avx2,
#endif
#if defined(ATTN_HAVE_NEON)
        &attn_convert__neon,
#endif
        &attn_convert__portable,
    };
    for (size_t i = 0; i + 1 < sizeof sets / sizeof sets[0]; i++)
        if ((sets[i]->isa_bits & isa) == sets[i]->isa_bits) return sets[i];
    return &attn_convert__portable;
}
