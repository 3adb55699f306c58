/* The flash schedule in float32, on arrays of float32 and of 16-bit types: AVX2 and FMA. */
#include "base/cpu.h"
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/forward_ops.h"

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &attn_flash_forward_ops__avx2);
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &attn_flash_forward_ops__avx2, text, size);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &attn_flash_forward_ops__avx2);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__avx2, NULL);
}

const struct attn_kernel attn_flash_f32__avx2 = {
    .name = "flash",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 410, .head = 140, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 6, .dims = 1},
                     {.call = 390, .head = 140, .row = 11, .pair = 0.19, .element = 0.0166, .queries = 16, .keys = 6, .dims = 1}},
    .backward_cost = {{.call = 790, .head = 110, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 630, .head = 110, .row = 19, .pair = 0.2, .element = 0.0342, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_bf16__avx2 = {
    .name = "flash",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_BF16,
    .forward_cost = {{.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_f16__avx2 = {
    .name = "flash",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_F16,
    .forward_cost = {{.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 550, .row = 30, .pair = 0.12, .element = 0.0187, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 900, .row = 40, .pair = 0.3, .element = 0.045, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
