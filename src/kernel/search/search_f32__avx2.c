/* The search's microkernels for AVX2 and FMA: 6 queries x 16 keys. */
#include "base/cpu.h"
#include "kernel/vector__avx2.h"

enum { VECTORS = 2 };

#include "kernel/search/search_f32_template.h"

const struct attn_search_ops attn_search_ops__avx2 = {
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .scan = scan,
};
