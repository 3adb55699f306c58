/* The search's microkernels in plain C: 6 queries x 8 keys. */
#include "kernel/vector__portable.h"

enum { VECTORS = 2 };

#include "kernel/search/search_f32_template.h"

const struct attn_search_ops attn_search_ops__portable = {
    .isa = "portable",
    .isa_bits = 0,
    .scan = scan,
};
