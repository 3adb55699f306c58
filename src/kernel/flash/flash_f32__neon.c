/* The flash schedule in float32, on arrays of float32 and of 16-bit types: 64-bit Arm (NEON). Costs are estimates, not measurements: a core of
 * 3 GHz that starts two 128-bit multiply-adds a cycle, at 0.85 of that. */
#include "base/cpu.h"
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/forward_ops.h"

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &attn_flash_forward_ops__neon);
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &attn_flash_forward_ops__neon, text, size);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &attn_flash_forward_ops__neon);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__neon, NULL);
}

#define FORWARD_COST                                                                                                                       \
    {                                                                                                                                      \
        {.call = 550, .row = 60, .pair = 0.5, .element = 0.049, .queries = 16, .keys = 4, .dims = 1}, {                                    \
            .call = 550, .row = 60, .pair = 0.5, .element = 0.049, .queries = 16, .keys = 4, .dims = 1                                     \
        }                                                                                                                                  \
    }
#define BACKWARD_COST                                                                                                                      \
    {                                                                                                                                      \
        {.call = 900, .row = 40, .pair = 1.0, .element = 0.12, .queries = 4, .keys = 32, .dims = 16}, {                                    \
            .call = 900, .row = 40, .pair = 1.0, .element = 0.12, .queries = 4, .keys = 32, .dims = 16                                     \
        }                                                                                                                                  \
    }

const struct attn_kernel attn_flash_f32__neon = {
    .name = "flash",
    .isa = "neon",
    .isa_bits = ATTN_ISA_NEON,
    .dtype = ATTN_F32,
    .forward_cost = FORWARD_COST,
    .backward_cost = BACKWARD_COST,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_bf16__neon = {
    .name = "flash",
    .isa = "neon",
    .isa_bits = ATTN_ISA_NEON,
    .dtype = ATTN_BF16,
    .forward_cost = FORWARD_COST,
    .backward_cost = BACKWARD_COST,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};

const struct attn_kernel attn_flash_f16__neon = {
    .name = "flash",
    .isa = "neon",
    .isa_bits = ATTN_ISA_NEON,
    .dtype = ATTN_F16,
    .forward_cost = FORWARD_COST,
    .backward_cost = BACKWARD_COST,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
