/* The naive schedule in single precision: the plain formula that error bounds are measured by, and a kernel users may choose. */
#define real                       float
#define stored                     float
#define NUMBER(x)                  (x)
#define STORED(x)                  (x)
#define REAL(name)                 name##_f32
#define REAL_DTYPE                 ATTN_F32
#define REAL_SYMBOL                attn_naive_f32__portable
#define real_exp                   expf
#define real_log                   logf
#define real_tanh                  tanhf
#define REAL_FORWARD_ELEMENT       0.33
#define REAL_BACKWARD_ELEMENT      0.70
#define REAL_WIDE_FORWARD_ELEMENT  0.212
#define REAL_WIDE_BACKWARD_ELEMENT 0.43
#include "kernel/naive/naive_template.h"
