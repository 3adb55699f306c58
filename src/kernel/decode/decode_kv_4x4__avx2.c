/* Microkernels of decoding for AVX2: logits of 4 keys x 1 to 4 queries a step (from 4 on some sums are spilled), values of 1 query x 64 columns, 2 x 32 or 4 x 16. */
#include "kernel/decode/stored__avx2.h"

#define KEYS(rows) 4
#define WIDE(rows) ((rows) > 2 ? 2 : (rows) > 1 ? 4 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__avx2 = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
