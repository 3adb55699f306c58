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

#define BACKWARD_COST                                                                                                                      \
    {                                                                                                                                      \
        {.call = 860, .head = 140, .row = 35, .pair = 0.22, .element = 0.0445, .queries = 4, .keys = 32, .dims = 16}, {                    \
            .call = 645, .head = 140, .row = 18, .pair = 0.15, .element = 0.0172, .queries = 4, .keys = 32, .dims = 16                     \
        }                                                                                                                                  \
    }
/* Rows of 16 bits are converted. */
#define HALF_BACKWARD_COST                                                                                                                 \
    {                                                                                                                                      \
        {.call = 860, .head = 140, .row = 72, .pair = 0.22, .element = 0.0445, .queries = 4, .keys = 32, .dims = 16}, {                    \
            .call = 645, .head = 140, .row = 55, .pair = 0.15, .element = 0.0172, .queries = 4, .keys = 32, .dims = 16                     \
        }                                                                                                                                  \
    }

const struct attn_kernel attn_flash_f32__avx512 = {
    .name = "flash",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 395, .head = 155, .row = 25, .pair = 0.06, .element = 0.0187, .queries = 16, .keys = 8, .dims = 1},
                     {.call = 380, .head = 155, .row = 13, .pair = 0.07, .element = 0.0093, .queries = 16, .keys = 8, .dims = 1}},
    .backward_cost = BACKWARD_COST,
    .workspace = workspace_narrow,
    .forward = forward_narrow,
    .backward = backward,
    .describe = describe_narrow,
};

const struct attn_kernel attn_flash32_f32__avx512 = {
    .name = "flash32",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F32,
    .forward_cost = {{.call = 350, .head = 200, .row = 25, .pair = 0.06, .element = 0.0190, .queries = 32, .keys = 8, .dims = 1},
                     {.call = 400, .head = 200, .row = 12, .pair = 0.05, .element = 0.0085, .queries = 32, .keys = 8, .dims = 1}},
    .backward_cost = BACKWARD_COST,
    .workspace = workspace_wide,
    .forward = forward_wide,
    .backward = backward,
    .describe = describe_wide,
};

const struct attn_kernel attn_flash_bf16__avx512 = {
    .name = "flash",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_BF16,
    .forward_cost = {{.call = 395, .head = 155, .row = 48, .pair = 0.06, .element = 0.0187, .queries = 16, .keys = 8, .dims = 1},
                     {.call = 380, .head = 155, .row = 36, .pair = 0.07, .element = 0.0093, .queries = 16, .keys = 8, .dims = 1}},
    .backward_cost = HALF_BACKWARD_COST,
    .workspace = workspace_narrow,
    .forward = forward_narrow,
    .backward = backward,
    .describe = describe_narrow,
};

const struct attn_kernel attn_flash32_bf16__avx512 = {
    .name = "flash32",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_BF16,
    .forward_cost = {{.call = 350, .head = 200, .row = 48, .pair = 0.06, .element = 0.0190, .queries = 32, .keys = 8, .dims = 1},
                     {.call = 400, .head = 200, .row = 35, .pair = 0.05, .element = 0.0085, .queries = 32, .keys = 8, .dims = 1}},
    .backward_cost = HALF_BACKWARD_COST,
    .workspace = workspace_wide,
    .forward = forward_wide,
    .backward = backward,
    .describe = describe_wide,
};

const struct attn_kernel attn_flash_f16__avx512 = {
    .name = "flash",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F16,
    .forward_cost = {{.call = 395, .head = 155, .row = 48, .pair = 0.06, .element = 0.0187, .queries = 16, .keys = 8, .dims = 1},
                     {.call = 380, .head = 155, .row = 36, .pair = 0.07, .element = 0.0093, .queries = 16, .keys = 8, .dims = 1}},
    .backward_cost = HALF_BACKWARD_COST,
    .workspace = workspace_narrow,
    .forward = forward_narrow,
    .backward = backward,
    .describe = describe_narrow,
};

const struct attn_kernel attn_flash32_f16__avx512 = {
    .name = "flash32",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F16,
    .forward_cost = {{.call = 350, .head = 200, .row = 48, .pair = 0.06, .element = 0.0190, .queries = 32, .keys = 8, .dims = 1},
                     {.call = 400, .head = 200, .row = 35, .pair = 0.05, .element = 0.0085, .queries = 32, .keys = 8, .dims = 1}},
    .backward_cost = HALF_BACKWARD_COST,
    .workspace = workspace_wide,
    .forward = forward_wide,
    .backward = backward,
    .describe = describe_wide,
};
