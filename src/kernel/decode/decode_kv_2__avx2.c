/* Microkernels of decoding for AVX2: logits of 8 keys x 1 query or 4 x 2 a step, values of 1 query x 64 columns or 2 x 32. */
#include "kernel/decode/stored__avx2.h"

#define ROWS       2
#define KEYS(rows) ((rows) > 1 ? 4 : 8)
#define WIDE(rows) ((rows) > 1 ? 4 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__avx2 = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
