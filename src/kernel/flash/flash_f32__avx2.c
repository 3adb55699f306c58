/* The flash schedule in float32: AVX2 and FMA. */
#include "base/cpu.h"
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/micro__portable.h"

static const struct attn_flash_forward_ops forward_ops = {
    .lanes = 16,
    .logits = attn_logits_f32_2x16__portable,
    .logits_exp = attn_logits_exp_f32_2x16__portable,
    .max = attn_max_f32_16__portable,
    .weights = attn_weights_f32_16__portable,
    .values = attn_values_f32_2x16__portable,
    .pack_queries = attn_pack_queries_f32_16__portable,
    .pack_values = attn_pack_values_f32_16__portable,
    .store_rows = attn_store_rows_f32_16__portable,
    .softcap = attn_softcap_f32_16__portable,
};

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &forward_ops);
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &forward_ops, text, size);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &forward_ops);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__avx2);
}

const struct attn_kernel attn_flash_f32__avx2 = {
    .name = "flash",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
