/* The scan schedule in float32: plain C for any processor; the textbooks' scans go backward by it too. */
#include "kernel/vector__portable.h"

#include "kernel/scan/scan_f32_template.h"
#include "kernel/scan/textbook.h"

#define KERNEL(symbol, type) ATTN_SCAN_KERNEL(symbol, "portable", 0, type, 20, 0.3, 30, 0.8)
KERNEL(attn_scan_f32__portable, ATTN_F32);
KERNEL(attn_scan_bf16__portable, ATTN_BF16);
KERNEL(attn_scan_f16__portable, ATTN_F16);

void attn_scan_textbook_backward(const struct attn_exec *x) {
    backward(x);
}
