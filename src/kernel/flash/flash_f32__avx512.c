/* The flash schedule in float32: AVX-512. */
#include "base/cpu.h"
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/micro__avx512.h"

static const struct attn_flash_forward_ops forward_ops = {
    .logits = attn_logits_f32_24x16__avx512,
    .logits_exp = attn_logits_exp_f32_24x16__avx512,
    .max = attn_max_f32_16__avx512,
    .weights = attn_weights_f32_16__avx512,
    .values = attn_values_f32_16x16__avx512,
    .pack_queries = attn_pack_queries_f32_16__avx512,
    .pack_values = attn_pack_values_f32_16__avx512,
    .store_rows = attn_store_rows_f32_16__avx512,
    .softcap = attn_softcap_f32_16__avx512,
};

static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &forward_ops);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__avx512);
}

const struct attn_kernel attn_flash_f32__avx512 = {
    .name = "flash",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F32,
    .forward_cost = {.call = 550, .row = 25, .pair = 0.06, .element = 0.0187, .queries = 16, .keys = 8, .dims = 1},
    .backward_cost = {.call = 1000, .row = 35, .pair = 0.22, .element = 0.0445, .queries = 4, .keys = 32, .dims = 16},
    .workspace = attn_flash_workspace,
    .forward = forward,
    .backward = backward,
    .describe = attn_flash_describe,
};
