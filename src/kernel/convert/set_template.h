/* What the sets of conversions have in common. A file NAME__ISA.c includes this and, last, writes ATTN_CONVERT_SET(ISA, bits). */
#include "base/cpu.h"
#include "kernel/convert/convert.h"

#include <string.h>

/* `name` over all of an array from `work(from, to)` over `step` numbers of it; the rest goes through buffers of a step. For instruction sets whose
 * loads take no mask. */
#define CONVERT(name, from_type, to_type, step, work)                                                                                      \
    static void name(const from_type *from, int64_t n, to_type *to) {                                                                      \
        int64_t i = 0;                                                                                                                     \
        for (; i + (step) <= n; i += (step)) work(from + i, to + i);                                                                       \
        if (i == n) return;                                                                                                                \
        from_type in[step] = {0};                                                                                                          \
        to_type out[step];                                                                                                                 \
        memcpy(in, from + i, (size_t)(n - i) * sizeof *in);                                                                                \
        work(in, out);                                                                                                                     \
        memcpy(to + i, out, (size_t)(n - i) * sizeof *out);                                                                                \
    }

/* The table of the functions, which every file gives the same names; q8_of_f32 from q8_of_block(x, to) over one block. */
#define ATTN_CONVERT_SET(isa, bits)                                                                                                        \
    static void q8_of_f32(const float *from, int64_t blocks, struct attn_q8 *to) {                                                         \
        for (int64_t b = 0; b < blocks; b++) q8_of_block(from + b * ATTN_Q8_BLOCK, &to[b]);                                                \
    }                                                                                                                                      \
    const struct attn_convert attn_convert__##isa = {bits, f32_of_bf16, bf16_of_f32, f32_of_f16, f16_of_f32, f32_of_q8, q8_of_f32};
