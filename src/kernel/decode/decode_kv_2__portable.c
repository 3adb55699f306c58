/* Microkernels of decoding in plain C: logits of 4 keys a step, values of 1 query x 32 columns or 2 x 8. */
#include "kernel/decode/stored__portable.h"

#define ROWS       2
#define KEYS(rows) 4
#define WIDE(rows) ((rows) > 1 ? 2 : 8)

#include "kernel/decode/decode_template.h"

const struct attn_decode_ops attn_decode_ops__portable = {
    .logits = logits,
    .values = values,
    .max = max_of,
    .weights = weights,
    .softcap = softcap,
};
