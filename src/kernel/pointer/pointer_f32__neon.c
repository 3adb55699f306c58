/* The pointer schedule in float32: 64-bit Arm. */
#include "base/cpu.h"
#include "kernel/vector__neon.h"

#include "kernel/pointer/pointer_f32_template.h"

void attn_tanh_f32__neon(const float *x, int64_t count, float *y) {
    tanh_all(x, count, y);
}

const struct attn_kernel attn_pointer_f32__neon = {
    .name = "pointer",
    .isa = "neon",
    .isa_bits = ATTN_ISA_NEON,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_ADDITIVE,
    .forward_cost = {{.call = 500, .row = 60, .pair = 1, .element = 0.4, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 500, .row = 60, .pair = 1, .element = 0.4, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 800, .row = 100, .pair = 2, .element = 1.0, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 800, .row = 100, .pair = 2, .element = 1.0, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = attn_pointer_workspace,
    .forward = forward,
    .backward = backward,
    .describe = attn_pointer_describe,
};
