/* Microkernels of the forward pass in plain C: 2 keys, or 2 columns of values, x 16 queries in four vectors of 4, which fit the registers of every
 * 64-bit processor. */
#include "kernel/vector__portable.h"

#define KEYS            2 /* of a block of logits */
#define EACH_KEYS(X)    X(1) X(2)
#define COLUMNS         2 /* of a block of values */
#define EACH_COLUMNS(X) X(1) X(2)

#include "kernel/flash/forward_f32_template.h"

const struct attn_flash_forward_ops attn_flash_forward_ops__portable = {
    .rows = ATTN_F32,
    .lanes = LANES,
    .ahead_rows = 0,
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
