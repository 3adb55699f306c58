/* Microkernels of the forward pass for NEON: 5 keys, or 4 columns of values, x 16 queries in four vectors of 4, which with their operands fit
 * the 32 registers. */
#include "kernel/vector__neon.h"

#define KEYS            5 /* of a block of logits */
#define EACH_KEYS(X)    X(1) X(2) X(3) X(4) X(5)
#define COLUMNS         4 /* of a block of values */
#define EACH_COLUMNS(X) X(1) X(2) X(3) X(4)

#include "kernel/flash/forward_f32_template.h"

const struct attn_flash_forward_ops attn_flash_forward_ops__neon = {
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
