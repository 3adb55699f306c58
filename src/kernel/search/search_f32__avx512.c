/* The search's microkernels for AVX-512: 6 queries x 64 keys. */
#include "base/cpu.h"
#include "kernel/vector__avx512.h"

enum { VECTORS = 4 };

#include "kernel/search/search_f32_template.h"

const struct attn_search_ops attn_search_ops__avx512 = {
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .scan = scan,
};
