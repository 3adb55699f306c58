/* The naive kernel of a learned query in single precision: the plain formula that error bounds are measured by. */
#define real        float
#define stored      float
#define NUMBER(x)   (x)
#define STORED(x)   (x)
#define REAL_DTYPE  ATTN_F32
#define REAL_SYMBOL attn_naive_scan_f32__portable
#define real_exp    expf
#define real_log    logf
#include "kernel/naive/naive_scan_template.h"
