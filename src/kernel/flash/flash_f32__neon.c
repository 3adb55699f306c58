/* Flash in float32: 64-bit Arm (NEON). Costs are estimates, not measurements: a core of 3 GHz that starts two 128-bit multiply-adds a cycle,
 * at 0.85 of that. */
#include "base/cpu.h"

#define ISA      neon
#define ISA_BITS ATTN_ISA_NEON
#define FORWARD_COSTS(more)                                                                                                                \
    {.call = 550, .row = 60 + more, .pair = 0.5, .element = 0.049, .queries = 16, .keys = 4, .dims = 1}, {                                 \
        .call = 550, .row = 60 + more, .pair = 0.5, .element = 0.049, .queries = 16, .keys = 4, .dims = 1                                  \
    }
#define BACKWARD_COSTS(more)                                                                                                               \
    {.call = 900, .row = 40 + more, .pair = 1.0, .element = 0.12, .queries = 4, .keys = 32, .dims = 16}, {                                 \
        .call = 900, .row = 40 + more, .pair = 1.0, .element = 0.12, .queries = 4, .keys = 32, .dims = 16                                  \
    }
enum { BF16_FORWARD = 0, BF16_BACKWARD = 0, F16_FORWARD = 0, F16_BACKWARD = 0 };
#include "kernel/flash/flash_f32_template.h"
