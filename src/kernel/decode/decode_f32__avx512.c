/* The decode schedule in float32: AVX-512; on ATTN_Q8_0 with the dot product of bytes where the context has it. */
#include "base/cpu.h"
#include "kernel/decode/decode.h"
#include "kernel/decode/ops.h"

static void forward(const struct attn_exec *x) {
    const struct attn_decode_q8_ops *q8 = NULL;
#if defined(ATTN_HAVE_AVX512_BF16)
    if (x->shape->kv_dtype == ATTN_Q8_0 && (x->ctx->isa & ATTN_ISA_AVX512_BF16)) q8 = &attn_decode_q8_ops__avx512_bf16;
#endif
    attn_decode_forward(x, &attn_decode_ops__avx512, q8);
}

const struct attn_kernel attn_decode_f32__avx512 = {
    .name = "decode",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 410, .head = 140, .row = 120, .pair = 2.5, .element = 0.0116, .queries = 1, .keys = 4, .dims = 1},
                     {.call = 410, .head = 140, .row = 120, .pair = 2.5, .element = 0.0116, .queries = 1, .keys = 4, .dims = 1}},
    .workspace = attn_decode_workspace,
    .forward = forward,
    .lacks = attn_decode_lacks,
    .describe = attn_decode_describe,
};
