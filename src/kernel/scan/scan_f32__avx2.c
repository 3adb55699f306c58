/* The scan schedule in float32: AVX2 and FMA. */
#include "base/cpu.h"
#include "kernel/vector__avx2.h"

#define SCAN_FETCH(address)      _mm_prefetch((const char *)(address), _MM_HINT_T0)
#define SCAN_FETCH_PAST(address) _mm_prefetch((const char *)(address), _MM_HINT_NTA)
#define SCAN_STREAM(address, x)  _mm256_stream_ps(address, x)
#define SCAN_FENCE()             _mm_sfence()
#define SCAN_TOGETHER            1
#include "kernel/scan/scan_f32_template.h"

#define KERNEL(symbol, type) ATTN_SCAN_KERNEL(symbol, "avx2", ATTN_ISA_AVX2, type, 10, 0.14, 25, 0.4)
KERNEL(attn_scan_f32__avx2, ATTN_F32);
KERNEL(attn_scan_bf16__avx2, ATTN_BF16);
KERNEL(attn_scan_f16__avx2, ATTN_F16);
