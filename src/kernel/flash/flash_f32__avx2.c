/* Flash in float32: AVX2 and FMA. Costs of wide cores were measured on Zen 5; those of narrow ones are the same scaled by the peak of Zen 4,
 * and kept above AVX-512's. */
#include "base/cpu.h"

#define ISA      avx2
#define ISA_BITS ATTN_ISA_AVX2
#define FORWARD_COSTS(more)                                                                                                                \
    {.call = 410, .head = 140, .row = 30 + more, .pair = 0.20, .element = 0.0200, .queries = 16, .keys = 6, .dims = 1}, {                  \
        .call = 390, .head = 140, .row = 11 + more, .pair = 0.19, .element = 0.0166, .queries = 16, .keys = 6, .dims = 1                   \
    }
#define BACKWARD_COSTS(more)                                                                                                               \
    {.call = 790, .head = 110, .row = 40 + more, .pair = 0.3, .element = 0.0455, .queries = 4, .keys = 32, .dims = 16}, {                  \
        .call = 630, .head = 110, .row = 19 + more, .pair = 0.2, .element = 0.0342, .queries = 4, .keys = 32, .dims = 16                   \
    }
enum { BF16_FORWARD = 38, BF16_BACKWARD = 45, F16_FORWARD = 38, F16_BACKWARD = 45 };
#include "kernel/flash/flash_f32_template.h"
