/* The scan schedule in float32: plain C for any processor; the textbooks' scans go backward by it too. */
#include "kernel/vector__portable.h"

#include "kernel/scan/scan_f32_template.h"
#include "kernel/scan/textbook.h"

const struct attn_kernel attn_scan_f32__portable = {
    .name = "scan",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 300, .row = 20, .row_element = 0.3, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 300, .row = 20, .row_element = 0.3, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = attn_scan_workspace,
    .forward = forward,
    .backward = backward,
    .describe = attn_scan_describe,
};

void attn_scan_textbook_backward(const struct attn_exec *x) {
    backward(x);
}
