/* The flash schedule in float32, on arrays of float32 and of 16-bit types: plain C for any processor. */
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/forward_ops.h"

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &attn_flash_forward_ops__portable);
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &attn_flash_forward_ops__portable, text, size);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &attn_flash_forward_ops__portable);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__portable, NULL);
}

const struct attn_kernel attn_flash_f32__portable = {
    .name = "flash",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 420, .head = 130, .row = 60, .pair = 1.0, .element = 0.057, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 390, .head = 130, .row = 25, .pair = 0.6, .element = 0.0515, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .head = 0, .row = 40, .pair = 1.6, .element = 0.136, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 625, .head = 0, .row = 26, .pair = 0.37, .element = 0.095, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_bf16__portable = {
    .name = "flash",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_BF16,
    .forward_cost = {{.call = 420, .head = 130, .row = 101, .pair = 1.0, .element = 0.057, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 390, .head = 130, .row = 66, .pair = 0.6, .element = 0.0515, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .head = 0, .row = 135, .pair = 1.6, .element = 0.136, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 625, .head = 0, .row = 121, .pair = 0.37, .element = 0.095, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_f16__portable = {
    .name = "flash",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F16,
    .forward_cost = {{.call = 420, .head = 130, .row = 358, .pair = 1.0, .element = 0.057, .queries = 16, .keys = 4, .dims = 1},
                     {.call = 390, .head = 130, .row = 323, .pair = 0.6, .element = 0.0515, .queries = 16, .keys = 4, .dims = 1}},
    .backward_cost = {{.call = 900, .head = 0, .row = 467, .pair = 1.6, .element = 0.136, .queries = 4, .keys = 32, .dims = 16},
                      {.call = 625, .head = 0, .row = 453, .pair = 0.37, .element = 0.095, .queries = 4, .keys = 32, .dims = 16}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
