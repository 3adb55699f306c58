/* Microkernels of decoding for 64-bit Arm: logits of 4 keys a step, values of 32 columns. */
#include "kernel/decode/stored__neon.h"

#define ROWS       2
#define KEYS(rows) 4
#define WIDE(rows) 8

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__neon = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
