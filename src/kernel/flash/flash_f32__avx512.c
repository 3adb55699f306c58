/* The flash schedule in float32, on arrays of float32 and of 16-bit types: AVX-512, with panels of 16 or of 32 queries. Wide panels halve
 * the loads a multiply-add needs, which pays where a core starts two 512-bit multiply-adds a cycle; narrow ones compute less beyond the
 * edges of a mask, which pays where it starts one.
 */
#include "base/cpu.h"
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/flash.h"
#include "kernel/flash/micro__avx512.h"

static const struct attn_flash_forward_ops narrow = {
    .lanes = 16,
    .ahead_rows = ATTN_AHEAD_ROWS,
    .logits = attn_logits_f32_24x16__avx512,
    .logits_exp = attn_logits_exp_f32_24x16__avx512,
    .max = attn_max_f32_16__avx512,
    .weights = attn_weights_f32_16__avx512,
    .values = attn_values_f32_16x16__avx512,
    .pack_queries = attn_pack_queries_f32_16__avx512,
    .pack_values = attn_pack_values_f32__avx512,
    .store_rows = attn_store_rows_f32_16__avx512,
    .store_floats = attn_store_rows_f32_16__avx512,
    .softcap = attn_softcap_f32_16__avx512,
};

static const struct attn_flash_forward_ops wide = {
    .lanes = 32,
    .ahead_rows = ATTN_WIDE_AHEAD_ROWS,
    .logits = attn_logits_f32_8x32__avx512,
    .logits_exp = attn_logits_exp_f32_8x32__avx512,
    .max = attn_max_f32_32__avx512,
    .weights = attn_weights_f32_32__avx512,
    .values = attn_values_f32_8x32__avx512,
    .pack_queries = attn_pack_queries_f32_32__avx512,
    .pack_values = attn_pack_values_f32__avx512,
    .store_rows = attn_store_rows_f32_32__avx512,
    .store_floats = attn_store_rows_f32_32__avx512,
    .softcap = attn_softcap_f32_32__avx512,
};

static size_t workspace_narrow(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &narrow);
}
static size_t workspace_wide(const struct attn_shape *shape) {
    return attn_flash_workspace(shape, &wide);
}
static void forward_narrow(const struct attn_exec *x) {
    attn_flash_forward(x, &narrow);
}
static void forward_wide(const struct attn_exec *x) {
    attn_flash_forward(x, &wide);
}
static void describe_narrow(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &narrow, text, size);
}
static void describe_wide(const struct attn_shape *shape, char *text, size_t size) {
    attn_flash_describe(shape, &wide, text, size);
}
static void backward(const struct attn_exec *x) {
    attn_flash_backward(x, &attn_flash_backward_ops__avx512, NULL);
}

/* Nanoseconds; `more` for each row of 16 bits, which is converted. */
#define NARROW_COST(more)                                                                                                                  \
    { .call = 395, .head = 155, .row = 25 + more, .pair = 0.06, .element = 0.0187, .queries = 16, .keys = 8, .dims = 1 }
#define NARROW_COST_WIDE_CORE(more)                                                                                                        \
    { .call = 380, .head = 155, .row = 13 + more, .pair = 0.07, .element = 0.0093, .queries = 16, .keys = 8, .dims = 1 }
#define WIDE_COST(more)                                                                                                                    \
    { .call = 350, .head = 200, .row = 25 + more, .pair = 0.06, .element = 0.0190, .queries = 32, .keys = 8, .dims = 1 }
#define WIDE_COST_WIDE_CORE(more)                                                                                                          \
    { .call = 400, .head = 200, .row = 12 + more, .pair = 0.05, .element = 0.0085, .queries = 32, .keys = 8, .dims = 1 }
#define BACKWARD_COST(more)                                                                                                                \
    { .call = 860, .head = 140, .row = 35 + more, .pair = 0.22, .element = 0.0445, .queries = 4, .keys = 32, .dims = 16 }
#define BACKWARD_COST_WIDE_CORE(more)                                                                                                      \
    { .call = 645, .head = 140, .row = 18 + more, .pair = 0.15, .element = 0.0172, .queries = 4, .keys = 32, .dims = 16 }
enum { NONE = 0, FORWARD_CONVERSION = 23, BACKWARD_CONVERSION = 37 };

#define KERNEL(symbol, label, type, form, COST, forward_more, backward_more)                                                               \
    const struct attn_kernel symbol = {                                                                                                    \
        .name = label,                                                                                                                     \
        .isa = "avx512",                                                                                                                   \
        .isa_bits = ATTN_ISA_AVX512,                                                                                                       \
        .dtype = type,                                                                                                                     \
        .forward_cost = {COST(forward_more), COST##_WIDE_CORE(forward_more)},                                                              \
        .backward_cost = {BACKWARD_COST(backward_more), BACKWARD_COST_WIDE_CORE(backward_more)},                                           \
        .workspace = workspace_##form,                                                                                                     \
        .forward = forward_##form,                                                                                                         \
        .backward = backward,                                                                                                              \
        .describe = describe_##form,                                                                                                       \
    }

KERNEL(attn_flash_f32__avx512, "flash", ATTN_F32, narrow, NARROW_COST, NONE, NONE);
KERNEL(attn_flash32_f32__avx512, "flash32", ATTN_F32, wide, WIDE_COST, NONE, NONE);
KERNEL(attn_flash_bf16__avx512, "flash", ATTN_BF16, narrow, NARROW_COST, FORWARD_CONVERSION, BACKWARD_CONVERSION);
KERNEL(attn_flash32_bf16__avx512, "flash32", ATTN_BF16, wide, WIDE_COST, FORWARD_CONVERSION, BACKWARD_CONVERSION);
KERNEL(attn_flash_f16__avx512, "flash", ATTN_F16, narrow, NARROW_COST, FORWARD_CONVERSION, BACKWARD_CONVERSION);
KERNEL(attn_flash32_f16__avx512, "flash32", ATTN_F16, wide, WIDE_COST, FORWARD_CONVERSION, BACKWARD_CONVERSION);
