/* Loops over functions of one number: AVX2. */
#include "kernel/vector__avx2.h"

#include "tape/functions_template.h"

ATTN_FUNCTIONS_TABLE(avx2, ATTN_ISA_AVX2)
