/* The scan schedule in float32: 64-bit Arm (NEON). */
#include "base/cpu.h"
#include "kernel/vector__neon.h"

#include "kernel/scan/scan_f32_template.h"

#define KERNEL(symbol, type) ATTN_SCAN_KERNEL(symbol, "neon", ATTN_ISA_NEON, type, 20, 0.3, 30, 0.8)
KERNEL(attn_scan_f32__neon, ATTN_F32);
KERNEL(attn_scan_bf16__neon, ATTN_BF16);
KERNEL(attn_scan_f16__neon, ATTN_F16);
