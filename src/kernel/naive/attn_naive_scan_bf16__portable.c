/* The naive kernel of a learned query on arrays of bfloat16, in single precision. */
#define real        float
#define stored      uint16_t
#define NUMBER(x)   attn_f32_of_bf16(x)
#define STORED(x)   attn_bf16_of_f32(x)
#define REAL_DTYPE  ATTN_BF16
#define REAL_SYMBOL attn_naive_scan_bf16__portable
#define real_exp    expf
#define real_log    logf
#include "kernel/naive/naive_scan_template.h"
