/* The naive schedule in double precision: the reference of all others, and the kernel of float64 plans. */
#define real                       double
#define stored                     double
#define NUMBER(x)                  (x)
#define STORED(x)                  (x)
#define REAL(name)                 name##_f64
#define REAL_DTYPE                 ATTN_F64
#define REAL_SYMBOL                attn_naive_f64__portable
#define real_exp                   exp
#define real_log                   log
#define real_tanh                  tanh
#define REAL_FORWARD_ELEMENT       0.37
#define REAL_BACKWARD_ELEMENT      0.93
#define REAL_WIDE_FORWARD_ELEMENT  0.282
#define REAL_WIDE_BACKWARD_ELEMENT 0.55
#include "kernel/naive/naive_template.h"
