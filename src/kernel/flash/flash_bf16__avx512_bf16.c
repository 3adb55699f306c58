/* The flash schedule in bfloat16 on the AVX-512 dot product of pairs. Where a feature stands between the products of the backward pass, that
 * pass computes in floats.
 */
#include "kernel/flash/backward_pairs.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/micro__avx512_bf16.h"

static const struct attn_flash_forward_ops ops = {
    .rows = ATTN_BF16,
    .paired = true,
    .lanes = 32,
    .ahead_rows = ATTN_WIDE_AHEAD_ROWS,
    .logits = attn_logits_bf16_8x32__avx512_bf16,
    .logits_exp = attn_logits_exp_bf16_8x32__avx512_bf16,
    .max = attn_max_f32_32__avx512,
    .weights = attn_weights_bf16_32__avx512_bf16,
    .values = attn_values_bf16_8x32__avx512_bf16,
    .pack_queries = attn_pack_queries_bf16_32__avx512_bf16,
    .pack_values = attn_pack_values_bf16__avx512_bf16,
    .store_rows = attn_store_rows_bf16_32__avx512_bf16,
    .store_floats = attn_store_rows_f32_32__avx512,
    .softcap = attn_softcap_f32_32__avx512,
};

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &ops);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &ops);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__avx512, &attn_flash_pair_ops__avx512_bf16);
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &ops, text, size);
}

const struct attn_kernel attn_flash_pairs_bf16__avx512_bf16 = {
    .name = "flash-pairs",
    .isa = "avx512_bf16",
    .isa_bits = ATTN_ISA_AVX512 | ATTN_ISA_AVX512_BF16,
    .dtype = ATTN_BF16,
    .rounding = 0x1p-8,
    .forward_cost = {{.call = 550, .row = 25, .pair = 0.06, .element = 0.0098, .queries = 32, .keys = 8, .dims = 2},
                     {.call = 550, .row = 20, .pair = 0.04, .element = 0.0043, .queries = 32, .keys = 8, .dims = 2}},
    .backward_cost = {{.call = 1000, .row = 35, .pair = 0.22, .element = 0.0225, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 1000, .row = 20, .pair = 0.12, .element = 0.0108, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
