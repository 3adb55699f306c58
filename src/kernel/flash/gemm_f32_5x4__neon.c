/* Microkernels of the backward pass for NEON: 5 rows x 4 vectors of 4, which with their operands fill the 32 registers. */
#include "kernel/vector__neon.h"

#define VECTORS      4
#define ROWS         5
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5)

#include "kernel/flash/gemm_f32_template.h"

#include "kernel/flash/features_f32_template.h"

const struct attn_flash_backward_ops attn_flash_backward_ops__neon = {
    .weights = weights,
    .gradients = gradients,
    .logits = logits,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .features = features,
    .pack = pack,
    .finite = all_finite,
};
