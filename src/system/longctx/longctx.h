/* The Long-Context Attention Benchmark (Bu et al. 2025, arXiv 2510.17896): what kernels, masks and ways of spreading a sequence over ranks cost. */
#ifndef ATTN_SYSTEM_LONGCTX_LONGCTX_H
#define ATTN_SYSTEM_LONGCTX_LONGCTX_H

#include "train/system.h"

extern const struct attn_system attn_system_longctx;
extern const struct attn_task attn_longctx_lengths, attn_longctx_masks;

#endif
