/* Microkernels of decoding for AVX-512: logits of 16 keys x 1 query, 8 x 2 or 4 x 3 and 4 a step, values of 128 or 64 columns. */
#include "kernel/decode/stored__avx512.h"

#define ROWS       4
#define KEYS(rows) ((rows) > 2 ? 4 : (rows) > 1 ? 8 : 16)
#define WIDE(rows) ((rows) > 2 ? 4 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__avx512 = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
