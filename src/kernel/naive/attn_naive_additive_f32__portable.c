/* The naive kernel of the additive score in single precision: the plain formula that error bounds are measured by. */
#define real        float
#define REAL(name)  name##_f32
#define REAL_DTYPE  ATTN_F32
#define REAL_SYMBOL attn_naive_additive_f32__portable
#define real_exp    expf
#define real_log    logf
#define real_tanh   tanhf
#include "kernel/naive/naive_additive_template.h"
