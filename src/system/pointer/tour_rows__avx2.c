/* The rows of Held and Karp's table: AVX2. */
#include "system/pointer/tour_rows_template.h"

#include "base/cpu.h"

const struct attn_tour_rows attn_tour_rows__avx2 = {"avx2", ATTN_ISA_AVX2, fill};
