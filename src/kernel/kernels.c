/* The table of schedules, expanded from ATTN_KERNEL_LIST. */
#include "kernel/kernel.h"

#define X(symbol) &symbol,
const struct attn_kernel *const attn_kernels[] = {ATTN_KERNEL_LIST(X)};
#undef X

const int attn_kernel_count = (int)(sizeof(attn_kernels) / sizeof(attn_kernels[0]));
