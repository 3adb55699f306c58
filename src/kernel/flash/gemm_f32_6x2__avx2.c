/* Microkernels of the backward pass for AVX2: 6 rows x 2 vectors of 8, which with their operands fill the 16 registers. */
#include "kernel/vector__avx2.h"

#define VECTORS      2
#define ROWS         6
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)

#include "kernel/flash/gemm_f32_template.h"

#include "kernel/flash/features_f32_template.h"

const struct attn_flash_backward_ops attn_flash_backward_ops__avx2 = {
    .weights = weights,
    .gradients = gradients,
    .logits = logits,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .features = features,
    .pack = pack,
    .finite = all_finite,
};
