/* The row work for AVX-512. */
#define BYTES 64
#define ROWS  attn_rows_avx512
#include "bench/peers/rows_template.h"
