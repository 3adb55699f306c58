/* The naive kernel of a learned query in double precision: the reference of all others, and the kernel of float64 plans. */
#define real        double
#define stored      double
#define NUMBER(x)   (x)
#define STORED(x)   (x)
#define REAL_DTYPE  ATTN_F64
#define REAL_SYMBOL attn_naive_scan_f64__portable
#define real_exp    exp
#define real_log    log
#include "kernel/naive/naive_scan_template.h"
