/* Flash in float32: plain C for any processor. */
#define ISA      portable
#define ISA_BITS 0
#define FORWARD_COSTS(more)                                                                                                                \
    {.call = 420, .head = 130, .row = 60 + more, .pair = 1.0, .element = 0.057, .queries = 16, .keys = 4, .dims = 1}, {                    \
        .call = 390, .head = 130, .row = 25 + more, .pair = 0.6, .element = 0.0515, .queries = 16, .keys = 4, .dims = 1                    \
    }
#define BACKWARD_COSTS(more)                                                                                                               \
    {.call = 900, .head = 0, .row = 40 + more, .pair = 1.6, .element = 0.136, .queries = 4, .keys = 32, .dims = 16}, {                     \
        .call = 625, .head = 0, .row = 26 + more, .pair = 0.37, .element = 0.095, .queries = 4, .keys = 32, .dims = 16                     \
    }
enum { BF16_FORWARD = 41, BF16_BACKWARD = 95, F16_FORWARD = 298, F16_BACKWARD = 427 };
#include "kernel/flash/flash_f32_template.h"
