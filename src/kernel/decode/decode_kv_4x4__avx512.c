/* Microkernels of decoding for AVX-512: logits of 8 keys x 2 queries or 4 x 4 a step, values of 2 queries x 128 columns or 4 x 64. */
#include "kernel/decode/stored__avx512.h"

#define KEYS(rows) ((rows) > 2 ? 4 : 8)
#define WIDE(rows) ((rows) > 2 ? 4 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__avx512 = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
