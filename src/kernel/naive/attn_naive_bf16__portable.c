/* The naive schedule on arrays of bfloat16, in single precision. */
#define real                       float
#define stored                     uint16_t
#define NUMBER(x)                  attn_f32_of_bf16(x)
#define STORED(x)                  attn_bf16_of_f32(x)
#define REAL(name)                 name##_bf16
#define REAL_DTYPE                 ATTN_BF16
#define REAL_SYMBOL                attn_naive_bf16__portable
#define real_exp                   expf
#define real_log                   logf
#define real_tanh                  tanhf
#define REAL_FORWARD_ELEMENT       0.5
#define REAL_BACKWARD_ELEMENT      0.99
#define REAL_WIDE_FORWARD_ELEMENT  0.38
#define REAL_WIDE_BACKWARD_ELEMENT 0.72
#include "kernel/naive/naive_template.h"
