/* Microkernels of the backward pass in plain C: 4 rows x 2 vectors of 4 floats, which every 64-bit processor has in registers
 * (GNU vector types: gcc and clang turn them into SSE2 or NEON). */
#include "kernel/vector__portable.h"

#define VECTORS      2
#define ROWS         4
#define EACH_ROWS(X) X(1) X(2) X(3) X(4)

#include "kernel/flash/gemm_f32_template.h"

#include "kernel/flash/features_f32_template.h"

const struct attn_flash_backward_ops attn_flash_backward_ops__portable = {
    .weights = weights,
    .gradients = gradients,
    .logits = logits,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .features = features,
    .pack = pack,
    .finite = all_finite,
};
