/* The rows of Held and Karp's table: AVX-512. */
#include "system/pointer/tour_rows_template.h"

#include "base/cpu.h"

const struct attn_tour_rows attn_tour_rows__avx512 = {"avx512", ATTN_ISA_AVX512, fill};
