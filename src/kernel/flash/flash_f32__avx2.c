/* The flash schedule in float32, on arrays of float32 and of 16-bit types: AVX2 and FMA. Costs of wide cores were measured on Zen 5; those of
 * narrow ones are the same scaled by the peak of Zen 4, and kept above AVX-512's. */
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

#define FORWARD_COST                                                                                                                       \
    {                                                                                                                                      \
        {.call = 410, .head = 140, .row = 30, .pair = 0.20, .element = 0.0200, .queries = 16, .keys = 6, .dims = 1}, {                     \
            .call = 390, .head = 140, .row = 11, .pair = 0.19, .element = 0.0166, .queries = 16, .keys = 6, .dims = 1                      \
        }                                                                                                                                  \
    }
#define BACKWARD_COST                                                                                                                      \
    {                                                                                                                                      \
        {.call = 790, .head = 110, .row = 40, .pair = 0.3, .element = 0.0455, .queries = 4, .keys = 32, .dims = 16}, {                     \
            .call = 630, .head = 110, .row = 19, .pair = 0.2, .element = 0.0342, .queries = 4, .keys = 32, .dims = 16                      \
        }                                                                                                                                  \
    }
/* Rows of 16 bits are converted. */
#define HALF_FORWARD_COST                                                                                                                  \
    {                                                                                                                                      \
        {.call = 410, .head = 140, .row = 68, .pair = 0.20, .element = 0.0200, .queries = 16, .keys = 6, .dims = 1}, {                     \
            .call = 390, .head = 140, .row = 49, .pair = 0.19, .element = 0.0166, .queries = 16, .keys = 6, .dims = 1                      \
        }                                                                                                                                  \
    }
#define HALF_BACKWARD_COST                                                                                                                 \
    {                                                                                                                                      \
        {.call = 790, .head = 110, .row = 85, .pair = 0.3, .element = 0.0455, .queries = 4, .keys = 32, .dims = 16}, {                     \
            .call = 630, .head = 110, .row = 64, .pair = 0.2, .element = 0.0342, .queries = 4, .keys = 32, .dims = 16                      \
        }                                                                                                                                  \
    }

const struct attn_kernel attn_flash_f32__avx2 = {
    .name = "flash",
    .isa = "avx2",
    .isa_bits = ATTN_ISA_AVX2,
    .dtype = ATTN_F32,
    .forward_cost = FORWARD_COST,
    .backward_cost = BACKWARD_COST,
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
    .forward_cost = HALF_FORWARD_COST,
    .backward_cost = HALF_BACKWARD_COST,
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
    .forward_cost = HALF_FORWARD_COST,
    .backward_cost = HALF_BACKWARD_COST,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
