/* The functions of <math.h> and BLAS for attn_real, which is float, or double where gradients are checked. */
#ifndef ATTN_TAPE_REAL_H
#define ATTN_TAPE_REAL_H

#include "attn_train.h"

#include <math.h>

#if defined(ATTN_TRAIN_DOUBLE)
#define ATTN_REAL_FN(name) name
#else
#define ATTN_REAL_FN(name) name##f
#endif

#define real_exp   ATTN_REAL_FN(exp)
#define real_expm1 ATTN_REAL_FN(expm1)
#define real_log   ATTN_REAL_FN(log)
#define real_log1p ATTN_REAL_FN(log1p)
#define real_sqrt  ATTN_REAL_FN(sqrt)
#define real_sin   ATTN_REAL_FN(sin)
#define real_cos   ATTN_REAL_FN(cos)
#define real_tanh  ATTN_REAL_FN(tanh)
#define real_erfc  ATTN_REAL_FN(erfc)
#define real_fabs  ATTN_REAL_FN(fabs)

#endif
