/* The scan schedule in float32: AVX-512. */
#include "base/cpu.h"
#include "kernel/vector__avx512.h"

#define SCAN_STREAM(address, x) _mm512_stream_ps(address, x)
#define SCAN_FENCE()            _mm_sfence()
#include "kernel/scan/scan_f32_template.h"

const struct attn_kernel attn_scan_f32__avx512 = {
    .name = "scan",
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 300, .row = 10, .row_element = 0.12, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 300, .row = 10, .row_element = 0.12, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 25, .row_element = 0.35, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 25, .row_element = 0.35, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = attn_scan_workspace,
    .forward = forward,
    .backward = backward,
    .describe = attn_scan_describe,
};
