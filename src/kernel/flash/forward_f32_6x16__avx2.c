/* Microkernels of the forward pass for AVX2: 6 keys, or 6 columns of values, x 16 queries in two vectors of 8: 12 accumulators, which with
 * their operands fill the 16 registers. */
#include "kernel/vector__avx2.h"

#define KEYS            6 /* of a block of logits */
#define EACH_KEYS(X)    X(1) X(2) X(3) X(4) X(5) X(6)
#define COLUMNS         6 /* of a block of values */
#define EACH_COLUMNS(X) X(1) X(2) X(3) X(4) X(5) X(6)

#include "kernel/flash/forward_f32_template.h"

const struct attn_flash_forward_ops attn_flash_forward_ops__avx2 = {
    .rows = ATTN_F32,
    .lanes = LANES,
    .ahead_rows = ATTN_KEY_STEP / KEYS,
    .logits = logits,
    .logits_exp = logits_exp,
    .max = max,
    .weights = weights,
    .values = values,
    .pack_queries = pack_queries,
    .pack_values = pack_values,
    .store_rows = store_rows,
    .store_floats = store_rows,
    .softcap = softcap,
};
