/* Loops over functions of one number: AVX-512. */
#include "kernel/vector__avx512.h"

#include "tape/functions_template.h"

ATTN_FUNCTIONS_TABLE(avx512, ATTN_ISA_AVX512)
