/* The decode schedule in float32: AVX2. */
#include "base/cpu.h"
#include "kernel/decode/decode.h"
#include "kernel/decode/ops.h"

static void forward(const struct attn_exec *x) {
    attn_decode_forward(x, &attn_decode_ops__avx2, NULL);
}

const struct attn_kernel attn_decode_f32__avx2 = {
    .name = "decode",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 410, .head = 140, .row = 120, .pair = 1.7, .element = 0.026, .queries = 1, .keys = 4, .dims = 1},
                     {.call = 410, .head = 140, .row = 120, .pair = 1.7, .element = 0.026, .queries = 1, .keys = 4, .dims = 1}},
    .workspace = attn_decode_workspace,
    .forward = forward,
    .lacks = attn_decode_lacks,
    .describe = attn_decode_describe,
};
