/* Microkernels of decoding for NEON: logits of 4 keys x 1 to 4 queries a step, values of 1 or 2 queries x 32 columns or 4 x 16. */
#include "kernel/decode/stored__neon.h"

#define KEYS(rows) 4
#define WIDE(rows) ((rows) > 2 ? 4 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__neon = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
