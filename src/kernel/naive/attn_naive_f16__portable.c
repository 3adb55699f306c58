/* The naive schedule on arrays of float16, in single precision. */
#define real                       float
#define stored                     uint16_t
#define NUMBER(x)                  attn_f32_of_f16(x)
#define STORED(x)                  attn_f16_of_f32(x)
#define REAL(name)                 name##_f16
#define REAL_DTYPE                 ATTN_F16
#define REAL_SYMBOL                attn_naive_f16__portable
#define real_exp                   expf
#define real_log                   logf
#define real_tanh                  tanhf
#define REAL_FORWARD_ELEMENT       1.34
#define REAL_BACKWARD_ELEMENT      2.8
#define REAL_WIDE_FORWARD_ELEMENT  1.21
#define REAL_WIDE_BACKWARD_ELEMENT 2.5
#include "kernel/naive/naive_template.h"
