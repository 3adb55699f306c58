/* The naive kernel of the additive score in double precision: the reference of the others. */
#define real        double
#define REAL(name)  name##_f64
#define REAL_DTYPE  ATTN_F64
#define REAL_SYMBOL attn_naive_additive_f64__portable
#define real_exp    exp
#define real_log    log
#define real_tanh   tanh
#include "kernel/naive/naive_additive_template.h"
