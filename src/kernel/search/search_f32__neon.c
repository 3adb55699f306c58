/* The search's microkernels for 64-bit Arm: 6 queries x 16 keys. */
#include "base/cpu.h"
#include "kernel/vector__neon.h"

enum { VECTORS = 4 };

#include "kernel/search/search_f32_template.h"

const struct attn_search_ops attn_search_ops__neon = {
    .isa = "neon",
    .isa_bits = ATTN_ISA_NEON,
    .scan = scan,
};
