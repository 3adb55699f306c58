/* The flash kernels of one instruction set that compute in float32, on arrays of float32 and of both types of 16 bits. Included after
 *   ISA, ISA_BITS                           the instruction set's name, and what it needs of attn_ctx.isa
 *   FORWARD_COSTS(more), BACKWARD_COSTS(more)   of both classes of cores, the row costing `more` nanoseconds more
 *   BF16_FORWARD, BF16_BACKWARD, F16_FORWARD, F16_BACKWARD   that `more`, of converting a row of the type
 */
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/forward_ops.h"

#define JOIN_(a, b) a##__##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(x)    #x
#define TEXT(x)     TEXT_(x)

static size_t workspace(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &JOIN(attn_flash_forward_ops, ISA));
}
static void describe(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &JOIN(attn_flash_forward_ops, ISA), text, size);
}
static void forward(const struct attn_exec *x) {
    attn_flash_forward(x, &JOIN(attn_flash_forward_ops, ISA));
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &JOIN(attn_flash_backward_ops, ISA), NULL);
}

#define KERNEL(symbol, type, forward_more, backward_more)                                                                                  \
    const struct attn_kernel JOIN(symbol, ISA) = {                                                                                         \
        .name = "flash",                                                                                                                   \
        .isa = TEXT(ISA),                                                                                                                  \
        .isa_bits = ISA_BITS,                                                                                                              \
        .dtype = type,                                                                                                                     \
        .forward_cost = {FORWARD_COSTS(forward_more)},                                                                                     \
        .backward_cost = {BACKWARD_COSTS(backward_more)},                                                                                  \
        .workspace = workspace,                                                                                                            \
        .forward = forward,                                                                                                                \
        .backward = backward,                                                                                                              \
        .describe = describe,                                                                                                              \
    }

KERNEL(attn_flash_f32, ATTN_F32, 0, 0);
KERNEL(attn_flash_bf16, ATTN_BF16, BF16_FORWARD, BF16_BACKWARD);
KERNEL(attn_flash_f16, ATTN_F16, F16_FORWARD, F16_BACKWARD);
