/* The decode schedule in float32: plain C. */
#include "kernel/decode/decode.h"
#include "kernel/decode/ops.h"

static void forward(const struct attn_exec *x) {
    attn_decode_forward(x, &attn_decode_ops__portable, NULL);
}

const struct attn_kernel attn_decode_f32__portable = {
    .name = "decode",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 410, .head = 140, .row = 120, .pair = 3.0, .element = 0.05, .queries = 1, .keys = 4, .dims = 1},
                     {.call = 410, .head = 140, .row = 120, .pair = 3.0, .element = 0.05, .queries = 1, .keys = 4, .dims = 1}},
    .workspace = attn_decode_workspace,
    .forward = forward,
    .lacks = attn_decode_lacks,
    .describe = attn_decode_describe,
};
