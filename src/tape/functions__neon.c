/* Loops over functions of one number: 64-bit Arm. */
#include "kernel/vector__neon.h"

#include "tape/functions_template.h"

ATTN_FUNCTIONS_TABLE(neon, ATTN_ISA_NEON)
