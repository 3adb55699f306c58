/* Which set of conversions. */
#include "kernel/convert/convert.h"

const struct attn_convert *attn_convert_for(uint32_t isa) {
    static const struct attn_convert *const sets[] = {
#if defined(ATTN_HAVE_AVX512)
        &attn_convert__avx512,
#endif
        &attn_convert__portable,
    };
    int i = 0;
    while ((sets[i]->isa_bits & isa) != sets[i]->isa_bits) i++;
    return sets[i];
}
