/* The scan schedule in float32: AVX-512. */
#include "base/cpu.h"
#include "kernel/vector__avx512.h"

#define SCAN_FETCH(address)      _mm_prefetch((const char *)(address), _MM_HINT_T0)
#define SCAN_FETCH_PAST(address) _mm_prefetch((const char *)(address), _MM_HINT_NTA)
#define SCAN_STREAM(address, x)  _mm512_stream_ps(address, x)
#define SCAN_FENCE()             _mm_sfence()
#define SCAN_TOGETHER            1
#include "kernel/scan/scan_f32_template.h"

#define KERNEL(symbol, type) ATTN_SCAN_KERNEL(symbol, "avx512", ATTN_ISA_AVX512, type, 10, 0.12, 25, 0.35)
KERNEL(attn_scan_f32__avx512, ATTN_F32);
KERNEL(attn_scan_bf16__avx512, ATTN_BF16);
KERNEL(attn_scan_f16__avx512, ATTN_F16);
