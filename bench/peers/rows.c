/* The row work for the base instruction set. */
#define BYTES 16
#define ROWS  attn_rows_portable
#include "bench/peers/rows_template.h"
